/**
 * What the ONNX form of every kind that has one must hold: its structure, and its values in two other programs.
 *
 * Programs round differently. Of most kinds that changes an output by some 1e-6, but a spiking neuron within rounding of its
 * threshold may fire in one and not in the other, and the outputs part. So such a model has to show first that over these bins no
 * neuron comes that close: then equality is what every right program gives, on any machine.
 */
import * as tfCore from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { isPeerInstalled } from '../../src/bench/peers/load-peer.ts';
import {
  createOnnxruntimeStep,
  createOnnxruntimeSyncStep,
  ONNXRUNTIME,
} from '../../src/bench/peers/onnxruntime-step.ts';
import type { PeerStep } from '../../src/bench/peers/peer-step.ts';
import { createTfjsWasmStep, TFJS_WASM, TfjsStep } from '../../src/bench/peers/tfjs-step.ts';
import type { DecoderKind, Model } from '../../src/decoders/decoder.ts';
import { encodeGraph } from '../../src/decoders/onnx/encode-graph.ts';
import { exportOnnx, onnxGraph } from '../../src/decoders/onnx/export-onnx.ts';
import type { Graph } from '../../src/decoders/onnx/step-graph.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { decode } from './decoder.ts';
import { randomCounts, shakenModel } from '../support/decoder-models.ts';
import { decidesSpikes, marginGraph } from '../support/onnx-margins.ts';
import { readOnnx } from '../support/onnx-reader.ts';

const PRODUCER = { name: 'betz', version: 'test' };
const STREAMED_STEPS = 1000;
const FEW_STEPS = 200;
/** In units of the output's scale. */
const TOLERANCE = 1e-4;
/** Membranes, in units of the threshold, differ by about 1e-6 between programs; this is well above. */
const SPIKE_MARGIN = 1e-5;

export interface OnnxCase {
  config: Model['config'];
  shape: Model['shape'];
  seed: number;
  /** Weights that change no output at these sizes. */
  idle: readonly string[];
}

export function describeOnnxStep(kind: DecoderKind, { config, shape, seed, idle }: OnnxCase): void {
  const { inputCount, outputCount } = shape;
  const title = `${kind.name} ${JSON.stringify(config)}, ${inputCount} in, ${outputCount} out, seed ${seed}`;
  const model = shakenModel(kind, shape, config, seed);
  const { nodes } = onnxGraph(model);
  const isSpiking = nodes.some(decidesSpikes);
  const hasGruOperator = nodes.some(({ op }) => op === 'GRU');

  describe(`ONNX step: ${title}`, () => {
    it('is a graph in which every value is made once, before it is used', () => {
      checkOrder(onnxGraph(model));
    });

    it('says in the file what the graph is', () => {
      checkFile(model);
    });

    it('gives the same bytes each time', () => {
      expect(exportOnnx(model, PRODUCER)).toEqual(exportOnnx(model, PRODUCER));
    });

    describe('in TensorFlow.js', () => {
      beforeAll(async () => {
        await tfCore.setBackend('cpu');
      });
      it(`equals the decoder over ${FEW_STEPS} steps within ${TOLERANCE}`, async () => {
        await checkStream(streamOf(model, kind), new TfjsStep(tfCore, onnxGraph(model), 'tfjs'), FEW_STEPS);
      });
    });

    it.skipIf(!isPeerInstalled(ONNXRUNTIME))(
      `in ${ONNXRUNTIME}, equals the decoder over ${STREAMED_STEPS} steps within ${TOLERANCE}`,
      async () => {
        const graph = onnxGraph(model);
        const peer = await createOnnxruntimeStep(graph, exportOnnx(model, PRODUCER));
        const stream = streamOf(model, kind);
        await checkStream(stream, peer, STREAMED_STEPS);
        const sync = await createOnnxruntimeSyncStep(graph, exportOnnx(model, PRODUCER));
        await checkStream(stream, sync, FEW_STEPS);
      },
    );

    it.skipIf(!isPeerInstalled(ONNXRUNTIME))(
      `in ${ONNXRUNTIME}, each weight shows: half as much again of it is noticed in ${FEW_STEPS} steps`,
      async () => {
        await checkWeightsShow(model, kind, idle);
      },
    );

    // onnxruntime-node's GRU operator clips its gates, NaN included, to numbers.
    if (!hasGruOperator) {
      it.skipIf(!isPeerInstalled(ONNXRUNTIME))(
        `in ${ONNXRUNTIME}, a feature that is NaN shows in the bins in which it shows in the decoder`,
        async () => {
          await checkNotANumber(model, kind);
        },
      );
    }

    if (isSpiking) {
      it.skipIf(!isPeerInstalled(ONNXRUNTIME))(
        `comes no closer than ${SPIKE_MARGIN} to a threshold, and spikes, over these ${STREAMED_STEPS} steps`,
        async () => {
          await checkMargins(model, kind);
        },
      );
    }

    it.skipIf(!isPeerInstalled(TFJS_WASM))(
      `in ${TFJS_WASM}, equals the decoder over ${FEW_STEPS} steps within ${TOLERANCE}`,
      async () => {
        await checkStream(streamOf(model, kind), await createTfjsWasmStep(onnxGraph(model)), FEW_STEPS);
      },
    );
  });
}

function checkOrder({ inputs, outputs, states, initialisers, nodes }: Graph): void {
  const known = new Set(['', ...inputs.map(({ name }) => name), ...initialisers.map(({ name }) => name)]);
  expect(known.size, 'names of inputs and weights are unique').toBe(1 + inputs.length + initialisers.length);
  const used = new Set<string>();
  for (const node of nodes) {
    for (const name of node.inputs) {
      expect(known, `${node.op} reads '${name}'`).toContain(name);
      used.add(name);
    }
    for (const name of node.outputs) {
      expect(known, `${node.op} makes '${name}' again`).not.toContain(name);
      known.add(name);
    }
  }
  for (const { name } of outputs) expect(known).toContain(name);
  for (const { name } of [...inputs, ...initialisers]) expect(used, `'${name}' is used`).toContain(name);
  expect(inputs.map(({ name }) => name)).toEqual(['features', ...states.map(({ input }) => input)]);
  expect(outputs.map(({ name }) => name).sort()).toEqual(
    ['output', ...states.map(({ output }) => output)].sort(),
  );
  for (const { input, output } of states) expect(output).toBe(input.replace(/^state\./, 'next.'));
  for (const { name, shape, data } of initialisers) {
    expect(data, name).toHaveLength(shape.reduce((product, size) => product * size, 1));
    expect(
      Array.from<number | bigint>(data).every((value) => Number.isFinite(Number(value))),
      name,
    ).toBe(true);
  }
}

function checkFile(model: Model): void {
  const graph = onnxGraph(model);
  const file = readOnnx(exportOnnx(model, PRODUCER));
  expect(file.irVersion).toBe(8);
  expect(file.opset).toEqual({ domain: '', version: 17 });
  expect(file.producer).toBe('betz test');
  expect(file.name).toBe(`betz-${model.kind}-step`);
  expect(file.inputs.get('features')).toEqual({ type: 1, shape: [1, model.shape.inputCount] });
  expect(file.outputs.get('output')).toEqual({ type: 1, shape: [1, model.shape.outputCount] });
  for (const { input, output, shape } of graph.states) {
    expect(file.inputs.get(input)).toEqual({ type: 1, shape });
    expect(file.outputs.get(output)).toEqual({ type: 1, shape });
  }
  expect(file.nodes.map(({ op, inputs, outputs }) => ({ op, inputs, outputs }))).toEqual(
    graph.nodes.map(({ op, inputs, outputs }) => ({ op, inputs, outputs })),
  );
  expect([...file.initialisers.keys()]).toEqual(graph.initialisers.map(({ name }) => name));
  expect(new Set(file.nodes.map(({ name }) => name)).size, 'names of nodes').toBe(file.nodes.length);
  const told = (key: string): unknown => JSON.parse(file.metadata.get(`betz.${key}`)!);
  expect(file.metadata.get('betz.kind')).toBe(model.kind);
  expect(file.metadata.get('betz.precision')).toBe('float32');
  expect(told('config')).toEqual(model.config);
  expect(told('output')).toEqual(model.output);
  expect(told('features')).toEqual(model.features);
  expect(told('bin_ms')).toBe(model.binMs);
  expect(told('states')).toEqual(graph.states);
}

/** Bins, and what our decoder makes of them. */
interface Stream {
  model: Model;
  /** [STREAMED_STEPS x inputCount] */
  features: Float32Array;
  /** [STREAMED_STEPS x outputCount] */
  expected: Float32Array;
}

function streamOf(model: Model, kind: DecoderKind): Stream {
  const features = streamedCounts(model.shape.inputCount);
  return { model, features, expected: decode(kind.createDecoder(model, loadKernels()), features) };
}

/** Streams them through the peer, twice with a reset in between, and releases it. */
async function checkStream(stream: Stream, peer: PeerStep, stepCount: number): Promise<void> {
  for (const count of [Math.floor(stepCount / 10), stepCount]) {
    peer.reset();
    const { error, spread } = await compareStreams(stream, peer, count);
    expect(error).toBeLessThan(TOLERANCE);
    expect(spread, 'the outputs move, so that equality says something').toBeGreaterThan(100 * TOLERANCE);
  }
  await peer.dispose();
}

/**
 * Largest difference, and largest change of an output since the first bin, in units of the output's scale.
 * @param enough ends it once the difference is above this
 */
async function compareStreams(
  { model, features, expected }: Stream,
  peer: PeerStep,
  stepCount: number,
  enough = Infinity,
): Promise<{ error: number; spread: number }> {
  const { inputCount, outputCount } = model.shape;
  const output = new Float32Array(outputCount);
  let error = 0;
  let spread = 0;
  for (let bin = 0; bin < stepCount && error <= enough; bin++) {
    await peer.step(features.slice(bin * inputCount, (bin + 1) * inputCount), output);
    for (let o = 0; o < outputCount; o++) {
      const scale = model.normalisation.outputScale[o];
      const value = expected[bin * outputCount + o];
      error = Math.max(error, Math.abs(output[o] - value) / scale);
      spread = Math.max(spread, Math.abs(value - expected[o]) / scale);
    }
  }
  return { error, spread };
}

async function checkNotANumber(model: Model, kind: DecoderKind): Promise<void> {
  const { inputCount, outputCount } = model.shape;
  const peer = await runtimeOf(onnxGraph(model));
  const decoder = kind.createDecoder(model, loadKernels());
  const features = streamedCounts(inputCount);
  const faultyBin = 5;
  features[faultyBin * inputCount] = Number.NaN;
  const expected = new Float32Array(outputCount);
  const output = new Float32Array(outputCount);
  for (let bin = 0; bin < 40; bin++) {
    const row = features.slice(bin * inputCount, (bin + 1) * inputCount);
    decoder.step(row, expected);
    await peer.step(row, output);
    expect(Array.from(output, Number.isNaN), `bin ${bin}`).toEqual(Array.from(expected, Number.isNaN));
    if (bin === faultyBin) expect(Array.from(expected).every(Number.isNaN)).toBe(true);
  }
  await peer.dispose();
}

/** Of the bins that `checkStream` takes. */
async function checkMargins(model: Model, kind: DecoderKind): Promise<void> {
  const { inputCount } = model.shape;
  const peer = await runtimeOf(marginGraph(onnxGraph(model)));
  const decoder = kind.createDecoder(model, loadKernels());
  const features = streamedCounts(inputCount);
  decode(decoder, features);
  const margins = new Float32Array(onnxGraph(model).nodes.filter(decidesSpikes).length);
  let smallest = Infinity;
  for (let bin = 0; bin < STREAMED_STEPS; bin++) {
    await peer.step(features.slice(bin * inputCount, (bin + 1) * inputCount), margins);
    smallest = Math.min(smallest, ...margins);
  }
  await peer.dispose();
  expect(smallest).toBeGreaterThan(SPIKE_MARGIN);
  expect(decoder.spikeRate).toBeGreaterThan(0.02);
  expect(decoder.spikeRate).toBeLessThan(0.5);
}

function streamedCounts(inputCount: number): Float32Array {
  return randomCounts(STREAMED_STEPS, inputCount, 3);
}

function runtimeOf(graph: Graph): Promise<PeerStep> {
  return createOnnxruntimeStep(graph, encodeGraph(graph, 'test', PRODUCER, new Map()));
}

/** That the comparison can fail: one tensor of the graph after the other is changed. */
async function checkWeightsShow(model: Model, kind: DecoderKind, idle: readonly string[]): Promise<void> {
  const stream = streamOf(model, kind);
  const graph = onnxGraph(model);
  for (const weight of graph.initialisers) {
    if (idle.includes(weight.name)) continue;
    if (weight.type !== 'float32' || weight.data.length === 1) continue; // no tensor but a constant
    const changed = { ...weight, data: weight.data.map((value) => value * 1.5) };
    const initialisers = graph.initialisers.map((other) => (other === weight ? changed : other));
    const peer = await runtimeOf({ ...graph, initialisers });
    const { error } = await compareStreams(stream, peer, FEW_STEPS, TOLERANCE);
    expect(error, weight.name).toBeGreaterThan(TOLERANCE);
    await peer.dispose();
  }
}
