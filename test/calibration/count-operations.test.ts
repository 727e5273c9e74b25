import { describe, expect, it } from 'vitest';
import { countOperations } from '../../src/calibration/count-operations.ts';
import type { MapOperations, OperationCounts } from '../../src/calibration/count-operations.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model, TensorData } from '../../src/decoders/decoder.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { randomModel } from '../support/decoder-models.ts';

const SHAPE = { inputCount: 3, outputCount: 2 };
/** The third channel is one to ignore in a random model: four inputs in four bins are left, and one is above 1. */
const COUNTS = [1, 0, 1, 0, 0, 0, 2, 1, 0, 0, 1, 5];
/** The same channels, none of them twice in a bin. */
const BINARY = COUNTS.map((count) => Math.min(1, count));

function recordingOf(counts: readonly number[]): BinnedRecording {
  const binCount = counts.length / SHAPE.inputCount;
  return {
    name: 'by hand',
    binMs: 20,
    binCount,
    channels: ['a', 'b', 'c'].map((label) => ({ label, unit: 'count' })),
    features: Float32Array.from(counts),
    target: { name: 'v', labels: ['x', 'y'], unit: 'm/s', values: new Float32Array(2 * binCount) },
    segments: [{ startBin: 0, endBin: binCount }],
  };
}

function modelOf(name: string, settings: Record<string, unknown>, smoothing = 0): Model {
  const model = randomModel(findDecoderKind(name), SHAPE, settings, 1);
  return { ...model, features: { ...model.features, smoothing } };
}

function count(model: Model, counts: readonly number[] = COUNTS): OperationCounts {
  const recording = recordingOf(counts);
  const range = { startBin: 0, endBin: recording.binCount };
  return countOperations(findDecoderKind(model.kind), model, recording, range, loadKernels());
}

function mapOf({ maps }: OperationCounts, name: string): MapOperations {
  const map = maps.find((candidate) => candidate.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

function fill(tensor: TensorData, values: (index: number) => number): void {
  tensor.data.forEach((_, i) => (tensor.data[i] = values(i)));
}

describe('operations of the first map', () => {
  /** Rows of the map that counts go into; four of them in four bins is one a bin. */
  const ROWS: [string, Record<string, unknown>, string, number][] = [
    ['gru', { hiddenCount: 4 }, 'rnn.weight_ih_l0', 12],
    ['transformer', { width: 4, headCount: 2 }, 'embedding.weight', 4],
    ['rwkv', { width: 4 }, 'embedding.weight', 4],
    ['mamba', { width: 4 }, 'embedding.weight', 4],
    ['spiking-ssm', { width: 4, stateCount: 2 }, 'embedding.weight', 4],
    ['wiener', { lagCount: 3 }, 'weight', 6],
    ['kalman', {}, 'projection', 2],
  ];
  it.each(ROWS)('%s: rows x counts that are not zero', (name, settings, map, rows) => {
    const counts = count(modelOf(name, settings));
    expect(counts.binCount).toBe(4);
    expect(mapOf(counts, map)).toMatchObject({
      effectiveOperations: rows,
      operation: 'MAC', // a count is above 1
      inputDensity: 0.5,
    });
    expect(counts.countMacs).toBe(rows);
  });

  it.each(ROWS)('%s: additions when no count is above 1', (name, settings, map, rows) => {
    const counts = count(modelOf(name, settings), BINARY);
    expect(mapOf(counts, map)).toMatchObject({ effectiveOperations: rows, operation: 'AC' });
    expect(counts.countMacs).toBe(0);
  });

  it('are multiplications with what is no count when features are smoothed', () => {
    // Channel a from the first bin on, b from the third: 4 + 2 inputs.
    const counts = count(modelOf('gru', { hiddenCount: 4 }, 0.5), BINARY);
    expect(mapOf(counts, 'rnn.weight_ih_l0')).toMatchObject({ effectiveOperations: 18, operation: 'MAC' });
    expect(counts.countMacs).toBe(0);
  });

  it('are those of weights that are not zero', () => {
    const model = modelOf('gru', { hiddenCount: 4 });
    fill(model.tensors['rnn.weight_ih_l0'], (i) => (i % 3 === 0 ? 0 : 1)); // channel a, in two of the four
    expect(mapOf(count(model), 'rnn.weight_ih_l0').effectiveOperations).toBe(6);
  });

  it('are the same of an int8 model, whose inputs are counts too', () => {
    const model = modelOf('gru', { hiddenCount: 4 });
    fill(model.tensors['rnn.weight_ih_l0'], (i) => 1 + (i % 5)); // none of them rounded to zero
    const counts = count(quantiseModel(model));
    expect(mapOf(counts, 'rnn.weight_ih_l0')).toMatchObject({ effectiveOperations: 12, operation: 'MAC' });
    expect(counts.countMacs).toBe(12);
  });
});

describe('operations of a whole decoder', () => {
  it('gru: all of it but the silent inputs, and the hidden state of the first bin, which is zero', () => {
    const counts = count(modelOf('gru', { hiddenCount: 4 }));
    expect(counts).toMatchObject({ effectiveMacs: 12 + 36 + 8, effectiveAcs: 0 });
    expect(counts).toMatchObject({ activationSparsity: 0, spikeRate: null });
    expect(count(modelOf('gru', { hiddenCount: 4 }), BINARY)).toMatchObject({
      effectiveMacs: 36 + 8,
      effectiveAcs: 12,
    });
  });

  it('transformer: all of it but the silent inputs', () => {
    const model = modelOf('transformer', { width: 4, layerCount: 1, headCount: 2, windowBins: 3 });
    expect(count(model)).toMatchObject({ effectiveMacs: 212 - 12 + 4, effectiveAcs: 0, spikeRate: null });
  });

  it('mamba: the same, the convolution as if all that it sees were there', () => {
    const settings = { width: 4, layerCount: 1, stateCount: 2, convBins: 3, rankCount: 1 };
    const counts = count(modelOf('mamba', settings));
    expect(counts).toMatchObject({ effectiveMacs: 188 - 12 + 4, effectiveAcs: 0 });
    expect(mapOf(counts, 'layers.0.mixer.conv1d.weight').effectiveOperations).toBe(24);
  });

  it('rwkv: silent hidden units cost nothing after them', () => {
    const model = modelOf('rwkv', { width: 4, layerCount: 1 });
    fill(model.tensors['blocks.0.ffn.key.weight'], (i) => (i < 4 * 12 ? 0 : 1)); // 12 of 16 have no weights
    fill(model.tensors['blocks.0.ln2.weight'], () => 0);
    fill(model.tensors['blocks.0.ln2.bias'], () => 1); // what the others see is 1, or half of it in the first bin
    for (const [name, tensor] of Object.entries(model.tensors))
      if (name.includes('time_mix')) fill(tensor, () => 0.5);
    const counts = count(model);
    expect(mapOf(counts, 'blocks.0.ffn.key.weight').effectiveOperations).toBe(16);
    expect(mapOf(counts, 'blocks.0.ffn.value.weight')).toMatchObject({
      effectiveOperations: 16,
      operation: 'MAC',
      inputDensity: 0.25,
    });
    expect(counts).toMatchObject({ activationSparsity: 0.75, effectiveMacs: 4 + 80 + 16 + 16 + 8 });
  });

  /** The first of four neurons gets a drive far above its threshold, the others one below zero. */
  function oneOfFourFires(neuron: string): Model {
    const model = modelOf('spiking-ssm', { width: 4, layerCount: 1, stateCount: 2, neuron, levelCount: 2 });
    fill(model.tensors['embedding.weight'], () => 0);
    fill(model.tensors['embedding.bias'], (i) => (i === 0 ? 1 : -1));
    fill(model.tensors['layers.0.ssm.C'], () => 0);
    fill(model.tensors['layers.0.ssm.D'], () => 1);
    fill(model.tensors['layers.0.neuron.ln_vth'], () => -8);
    return model;
  }

  it('spiking-ssm: one addition per spike and weight', () => {
    const counts = count(oneOfFourFires('lif'));
    expect(mapOf(counts, 'layers.0.mix.weight')).toMatchObject({
      effectiveOperations: 8,
      operation: 'AC',
      inputDensity: 0.25,
    });
    expect(counts).toMatchObject({ effectiveAcs: 8, effectiveMacs: 8, countMacs: 0 }); // MACs: the readout
    expect(counts).toMatchObject({ activationSparsity: 0.75, spikeRate: 0.25 });
  });

  it('spiking-ssm, ilif: a neuron that fires twice is two spikes', () => {
    const counts = count(oneOfFourFires('ilif'));
    expect(mapOf(counts, 'layers.0.mix.weight')).toMatchObject({ effectiveOperations: 16, operation: 'AC' });
    expect(counts).toMatchObject({ effectiveAcs: 16, activationSparsity: 0.75, spikeRate: 0.25 });
  });
});

describe('a part of a recording', () => {
  it('is counted alone, with a fresh state at its start and at joins', () => {
    const recording = {
      ...recordingOf([...COUNTS, ...COUNTS]),
      segments: [
        { startBin: 0, endBin: 6 },
        { startBin: 6, endBin: 8 },
      ],
    };
    const model = modelOf('gru', { hiddenCount: 4 });
    const range = { startBin: 4, endBin: 8 };
    const counts = countOperations(findDecoderKind('gru'), model, recording, range, loadKernels());
    expect(counts.binCount).toBe(4);
    expect(mapOf(counts, 'rnn.weight_hh_l0').effectiveOperations).toBe(24); // bins 4 and 6 begin from zeros
  });
});
