/** GRU decoders against PyTorch (tools/golden/gru.py): outputs, loss, every gradient, streaming, ten optimiser steps. */
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/decoders/decoder.ts';
import { gruConfigSchema, gruParameters, gruSequence } from '../../src/decoders/gru/gru.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { referenceKernels } from '../../src/kernels/reference/reference-kernels.ts';
import type { Engine, Program, Tensor } from '../../src/tensor/engine.ts';
import { AdamW, oneCycleRate } from '../../src/tensor/optimiser.ts';
import { ENGINES } from '../support/engines.ts';
import { Golden } from '../support/golden.ts';
import { expectClose } from '../support/cases.ts';
import { VARIANTS } from '../support/kernel-twins.ts';

const HIDDEN = 13;
const KEPT_STEPS = [1, 2, 5, 10];
const MEMORY_BYTES = 16 << 20;

function goldenOf(layers: number): {
  golden: Golden;
  config: Model['config'];
  shape: Model['shape'];
  names: string[];
} {
  const golden = new Golden(`gru-${layers}.safetensors`);
  const config = { hiddenCount: HIDDEN, layerCount: layers, inputDropout: 0, layerDropout: 0 };
  const shape = {
    inputCount: golden.tensor('input').shape[2],
    outputCount: golden.tensor('target').shape[2],
  };
  const names = gruParameters(gruConfigSchema.parse(config), shape).map(({ name }) => name);
  return { golden, config, shape, names };
}

/** The decoder's sequence form and its loss, filled with the golden data and parameters. */
function compileGolden(engine: Engine, layers: number): Program {
  const { golden, config, names } = goldenOf(layers);
  const program = engine.compile(
    (ops) => {
      const parameters: Record<string, Tensor> = {};
      for (const name of names) parameters[name] = ops.parameter(name, golden.tensor(name).shape);
      const input = ops.input('input', golden.tensor('input').shape);
      const output = gruSequence(ops, gruConfigSchema.parse(config), parameters, input);
      const target = ops.input('target', golden.tensor('target').shape);
      const weight = ops.input('weight', golden.tensor('weight').shape);
      return { loss: ops.squaredError(output, target, weight), outputs: { output } };
    },
    { seed: 1 },
  );
  for (const name of [...names, 'input', 'target', 'weight']) program.write(name, golden.values(name));
  return program;
}

describe.each([1, 2])('GRU of %i layers, PyTorch golden', (layers) => {
  const { golden, config, shape, names } = goldenOf(layers);

  it.each(ENGINES)('$name: outputs, loss and every gradient', async ({ create }) => {
    const program = compileGolden(await create(), layers);
    expectClose([program.evaluate()], golden.values('loss'), (loss) => 1e-6 * loss);
    // Outputs are sums of 13 hidden units, each with errors of a few 1e-7.
    expectClose(program.read('output'), golden.values('output'), () => 2e-6);
    expect(program.run(1)).toBeCloseTo(golden.values('loss')[0], 5);
    for (const name of names) {
      const expected = golden.values(`gradient.${name}`);
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expectClose(program.gradient(name), expected, () => 3e-6 * largest);
    }
    program.dispose();
  });

  it.each(ENGINES)('$name: ten steps of AdamW with clipping and the one-cycle rate', async ({ create }) => {
    const program = compileGolden(await create(), layers);
    const sizes = names.map((name) => golden.values(name).length);
    const optimiser = new AdamW(
      loadKernels({ variant: 'simd', memoryBytes: MEMORY_BYTES }),
      sizes.reduce((total, size) => total + size, 0),
      { weightDecay: golden.setting('weight_decay'), clipNorm: golden.setting('clip_norm') },
    );
    /** A parameter's place in a flat vector. */
    const part = (flat: Float32Array, index: number): Float32Array => {
      const start = sizes.slice(0, index).reduce((total, size) => total + size, 0);
      return flat.subarray(start, start + sizes[index]);
    };
    names.forEach((name, i) => {
      part(optimiser.parameters, i).set(golden.values(name));
    });
    for (let step = 1; step <= 10; step++) {
      expect(program.run(step)).toBeCloseTo(golden.values('training.loss')[step - 1], 4);
      names.forEach((name, i) => {
        part(optimiser.gradients, i).set(program.gradient(name));
      });
      const rate = oneCycleRate(step - 1, 10, { peakRate: golden.setting('peak_rate') });
      expectClose([rate], [golden.values('training.rate')[step - 1]], (value) => 1e-7 * value);
      const norm = optimiser.step(rate);
      expectClose([norm], [golden.values('training.norm')[step - 1]], (value) => 1e-5 * value);
      names.forEach((name, i) => {
        const parameters = part(optimiser.parameters, i);
        program.write(name, parameters);
        if (!KEPT_STEPS.includes(step)) return;
        // A step moves each parameter by up to the rate (0.02), by a ratio that amplifies the errors of small gradients.
        expectClose(parameters, golden.values(`training.${step}.${name}`), () => 1e-5);
      });
    }
    program.dispose();
  });

  const kernelSets: [string, () => Kernels][] = [
    ...VARIANTS.map((variant): [string, () => Kernels] => [
      variant,
      () => loadKernels({ variant, memoryBytes: MEMORY_BYTES }),
    ]),
    ['reference', () => referenceKernels(MEMORY_BYTES)],
  ];
  it.each(kernelSets)('streamed bin by bin on %s kernels', (_, createKernels) => {
    const { inputCount, outputCount } = shape;
    const decoder = gru.createDecoder(modelOf(golden, config, shape, names), createKernels());
    const binCount = golden.tensor('stream.input').shape[0];
    const output = new Float32Array(outputCount);
    for (let bin = 0; bin < binCount; bin++) {
      decoder.step(golden.values('stream.input').subarray(bin * inputCount, (bin + 1) * inputCount), output);
      expectClose(output, golden.row('stream.output', bin), () => 2e-6);
    }
  });

  it('the plain-loop sequence from raw features', () => {
    const model = modelOf(golden, config, shape, names);
    const binCount = golden.tensor('stream.input').shape[0];
    const outputs = gru.referenceSequence(model, golden.values('stream.input'), binCount);
    expectClose(outputs, golden.values('stream.output'), () => 2e-7);
  });
});

/** A model of the golden parameters that takes features and gives outputs as they are. */
function modelOf(golden: Golden, config: Model['config'], shape: Model['shape'], names: string[]): Model {
  const { inputCount, outputCount } = shape;
  return {
    kind: 'gru',
    config,
    shape,
    tensors: Object.fromEntries(names.map((name) => [name, golden.tensor(name)])),
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
