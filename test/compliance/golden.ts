/** What every kind that is trained by gradient must reproduce of its PyTorch golden file (tools/golden/decoder_golden.py). */
import { describe, expect, it } from 'vitest';
import { layoutParameters, unflatten, updateGroups } from '../../src/calibration/step-plan.ts';
import { hash32 } from '../../src/core/rng.ts';
import type { Decoder, DecoderKind, Model } from '../../src/decoders/decoder.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { referenceKernels } from '../../src/kernels/reference/reference-kernels.ts';
import type { Engine, Program, Tensor } from '../../src/tensor/engine.ts';
import { AdamW, oneCycleRate } from '../../src/tensor/optimiser.ts';
import { ENGINES } from '../support/engines.ts';
import { Golden } from '../support/golden.ts';
import { expectClose } from '../support/cases.ts';
import { VARIANTS } from '../support/kernel-twins.ts';

const KEPT_STEPS = [1, 2, 5, 10];
const DRIFT_BINS = 10_000;
const MEMORY_BYTES = 32 << 20;

/** Errors allowed. Defaults suit sums of tens of float32 terms of order one; a kind that needs more says why. */
export interface GoldenTolerances {
  /** Absolute, of an output. */
  output: number;
  /** Of a gradient, in units of its tensor's largest element. */
  gradient: number;
  /** Absolute, of a parameter after ten steps that move it by up to 0.02 each. */
  parameter: number;
}
const TOLERANCES: GoldenTolerances = { output: 2e-6, gradient: 3e-6, parameter: 1e-5 };

/** Declares the tests of one golden file, called NAME.safetensors. */
export function describeDecoderGolden(
  kind: DecoderKind,
  name: string,
  changes: Partial<GoldenTolerances> = {},
): void {
  const tolerances = { ...TOLERANCES, ...changes };
  const golden = new Golden(`${name}.safetensors`);
  const model = modelOf(kind, golden);
  const { inputCount, outputCount } = model.shape;
  const specs = kind.parameters(model.config, model.shape);
  const layout = layoutParameters(specs);

  describe(`${name}, PyTorch golden`, () => {
    it('is of this kind', () => {
      expect(golden.metadata.get('kind')).toBe(kind.name);
    });

    it.each(ENGINES)('$name: outputs, loss and every gradient', async ({ create }) => {
      const program = compileGolden(await create(), kind, model, golden);
      const [loss] = golden.values('loss');
      expect(program.run(1)).toBeCloseTo(loss, 5);
      expectClose(program.read('output'), golden.values('output'), () => tolerances.output);
      for (const { name: parameter, update } of specs) {
        if (update === 'averaged') continue; // no gradient: a statistic, seen in what training makes of it
        const expected = golden.values(`gradient.${parameter}`);
        const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expectClose(program.gradient(parameter), expected, () => tolerances.gradient * largest);
      }
      program.dispose();
    });

    it.each(ENGINES)('$name: ten steps of AdamW with clipping and the one-cycle rate', async ({ create }) => {
      const program = compileGolden(await create(), kind, model, golden);
      const kernels = loadKernels({ variant: 'simd', memoryBytes: MEMORY_BYTES });
      const options = { weightDecay: golden.setting('weight_decay'), clipNorm: golden.setting('clip_norm') };
      const optimiser = new AdamW(kernels, layout.count, options, updateGroups(layout));
      for (const entry of layout.entries)
        optimiser.parameters.set(model.tensors[entry.name].data, entry.offset);
      for (let step = 1; step <= 10; step++) {
        expect(program.run(step)).toBeCloseTo(golden.values('training.loss')[step - 1], 4);
        for (const entry of layout.entries)
          optimiser.gradients.set(program.gradient(entry.name), entry.offset);
        const rate = oneCycleRate(step - 1, 10, { peakRate: golden.setting('peak_rate') });
        expectClose([rate], [golden.values('training.rate')[step - 1]], (value) => 1e-7 * value);
        const norm = optimiser.step(rate);
        expectClose([norm], [golden.values('training.norm')[step - 1]], (value) => 1e-5 * value);
        for (const [parameter, { data }] of Object.entries(unflatten(layout, optimiser.parameters))) {
          program.write(parameter, data);
          if (!KEPT_STEPS.includes(step)) continue;
          expectClose(data, golden.values(`training.${step}.${parameter}`), () => tolerances.parameter);
        }
      }
      program.dispose();
    });

    it.each(kernelSets())('streamed bin by bin on %s kernels', (_, createKernels) => {
      const decoder = kind.createDecoder(model, createKernels());
      const outputs = stream(decoder, golden.values('stream.input'));
      expectClose(outputs, golden.values('stream.output'), () => tolerances.output);
    });

    it('the plain-loop sequence from raw features', () => {
      const binCount = golden.tensor('stream.input').shape[0];
      const outputs = kind.referenceSequence(model, golden.values('stream.input'), binCount);
      expect(outputs.length).toBe(binCount * outputCount);
      expectClose(outputs, golden.values('stream.output'), () => 2e-7);
    });

    it('10,000 streamed bins drift by less than 1e-4', () => {
      const features = driftCounts(golden.setting('seed'), inputCount);
      const expected = golden.values('drift.output');
      for (const variant of VARIANTS) {
        const decoder = kind.createDecoder(model, loadKernels({ variant, memoryBytes: MEMORY_BYTES }));
        const outputs = stream(decoder, features).slice(-expected.length);
        expectClose(outputs, expected, (value) => 1e-4 * Math.max(1, Math.abs(value)));
      }
    });
  });
}

function kernelSets(): [string, () => Kernels][] {
  return [
    ...VARIANTS.map((variant): [string, () => Kernels] => [
      variant,
      () => loadKernels({ variant, memoryBytes: MEMORY_BYTES }),
    ]),
    ['reference', () => referenceKernels(MEMORY_BYTES)],
  ];
}

/** The decoder's sequence form and its loss, filled with the golden data and parameters. */
function compileGolden(engine: Engine, kind: DecoderKind, model: Model, golden: Golden): Program {
  const program = engine.compile(
    (ops) => {
      const parameters: Record<string, Tensor> = {};
      for (const [name, { shape }] of Object.entries(model.tensors))
        parameters[name] = ops.parameter(name, shape);
      const input = ops.input('input', golden.tensor('input').shape);
      const form = kind.sequence?.(ops, model.config, parameters, input);
      if (form === undefined) expect.fail(`${kind.name} has no sequence form`);
      const { output, penalties } = form;
      const target = ops.input('target', golden.tensor('target').shape);
      const weight = ops.input('weight', golden.tensor('weight').shape);
      return { losses: [ops.squaredError(output, target, weight), ...penalties], outputs: { output } };
    },
    { seed: 1 },
  );
  for (const [name, { data }] of Object.entries(model.tensors)) program.write(name, data);
  for (const name of ['input', 'target', 'weight']) program.write(name, golden.values(name));
  return program;
}

/** @param features [bins x inputCount] @returns [bins x outputCount] */
function stream(decoder: Decoder, features: Float32Array): Float32Array {
  const { inputCount, outputCount } = decoder;
  const binCount = features.length / inputCount;
  const outputs = new Float32Array(binCount * outputCount);
  for (let bin = 0; bin < binCount; bin++) {
    decoder.step(
      features.subarray(bin * inputCount, (bin + 1) * inputCount),
      outputs.subarray(bin * outputCount, (bin + 1) * outputCount),
    );
  }
  return outputs;
}

/** [DRIFT_BINS x inputCount] counts 0, 1 and 2: the twin of drift_counts in decoder_golden.py. */
function driftCounts(seed: number, inputCount: number): Float32Array {
  return Float32Array.from({ length: DRIFT_BINS * inputCount }, (_, i) => {
    const uniform = hash32(seed, Math.floor(i / inputCount), i % inputCount) / 2 ** 32;
    return (uniform >= 0.8 ? 1 : 0) + (uniform >= 0.95 ? 1 : 0);
  });
}

/** A model of the golden parameters that takes features and gives outputs as they are. */
function modelOf(kind: DecoderKind, golden: Golden): Model {
  const inputCount = golden.tensor('input').shape[2];
  const outputCount = golden.tensor('target').shape[2];
  const shape = { inputCount, outputCount };
  const config = kind.configSchema.parse(JSON.parse(golden.metadata.get('config') ?? '{}'));
  return {
    kind: kind.name,
    config,
    shape,
    tensors: Object.fromEntries(
      kind.parameters(config, shape).map(({ name }) => [name, golden.tensor(name)]),
    ),
    normalisation: {
      featureMean: new Float32Array(inputCount),
      featureScale: new Float32Array(inputCount).fill(1),
      outputMean: new Float32Array(outputCount),
      outputScale: new Float32Array(outputCount).fill(1),
    },
    features: {
      name: 'spikeCounts',
      smoothing: 0,
      channelLabels: Array.from({ length: inputCount }, (_, i) => `${i}`),
    },
    output: { name: 'velocity', labels: ['x', 'y'], unit: 'cm/s' },
    binMs: 20,
    provenance: {},
  };
}
