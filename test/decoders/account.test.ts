/** Counts of small decoders against counts made by hand from the equations in docs/decoders.md. */
import { describe, expect, it } from 'vitest';
import { denseOperations, stateUpdateTotal } from '../../src/decoders/account.ts';
import { stateUpdateEnergyPj, synapticEnergyPj } from '../../src/decoders/energy.ts';
import { accountModel } from '../../src/decoders/model-account.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { readSafetensors } from '../../src/decoders/safetensors.ts';
import { randomModel } from '../support/decoder-models.ts';

const SHAPE = { inputCount: 3, outputCount: 2 };

/** Kind, config, products with weights, [multiplications, additions, functions] beside them. */
const CASES: [string, Record<string, unknown>, number, [number, number, number]][] = [
  // (12 x 3) + (12 x 4) + (2 x 4); per unit 2 products, 5 sums, 3 functions
  ['gru', { hiddenCount: 4, layerCount: 1 }, 92, [8, 20, 12]],
  // the second layer adds (12 x 4) + (12 x 4)
  ['gru', { hiddenCount: 4, layerCount: 2 }, 188, [16, 40, 24]],
  // 4 x 3, 12 x 4, 4 x 4, 16 x 4, 4 x 16, 2 x 4; norms 42/51/6, rotary 20/8, attention 28/24, softmax 18/8, gelu 16, sums 8
  ['transformer', { width: 4, layerCount: 1, headCount: 2, windowBins: 3 }, 212, [90, 109, 30]],
  // 4 x 3, five of 4 x 4, 16 x 4, 4 x 16, 2 x 4; norms 56/68/8, shift 20/40, wkv 24/32/12, gates 24/24/8
  ['rwkv', { width: 4, layerCount: 1 }, 228, [124, 164, 28]],
  // 4 x 3, 16 x 4, 8 x 3, 5 x 8, 8 x 1, 4 x 8, 2 x 4; norms 26/10/4, scan 80/40/16, gates 8/0/24, sums 4
  ['mamba', { width: 4, layerCount: 1, stateCount: 2, convBins: 3, rankCount: 1 }, 188, [114, 54, 44]],
  // 4 x 3, 8 x 4, 2 x 4; state space 28/24, neurons 4/8, gates 8/8/4
  ['spiking-ssm', { width: 4, layerCount: 1, stateCount: 2 }, 52, [40, 40, 4]],
  // neurons 12/16
  ['spiking-ssm', { width: 4, layerCount: 1, stateCount: 2, neuron: 'alif' }, 52, [48, 48, 4]],
  // three lags of 2 x 3; two sums for each output, and what the last lag but one leaves
  ['wiener', { lagCount: 3 }, 18, [0, 6, 0]],
  ['wiener', { lagCount: 1 }, 6, [0, 2, 0]],
  // 2 x 3; M1 x 4/4, + K z + m0 4, scaling 2/2
  ['kalman', {}, 6, [6, 10, 0]],
  // 3 products of 2 x 2 x 2, a system of 2 x 2 with 6 products and 5 divisions, 3 products with vectors, 1 mean, scaling 2
  ['kalman', { mode: 'full' }, 6, [45, 57, 5]],
];

describe('what a step computes', () => {
  it('has a case for every kind', () => {
    expect(new Set(CASES.map(([name]) => name))).toEqual(new Set(decoderKinds.map(({ name }) => name)));
  });

  it.each(CASES)('%s %j', (name, settings, dense, [multiplications, additions, functions]) => {
    const kind = findDecoderKind(name);
    const account = kind.account(kind.configSchema.parse(settings), SHAPE);
    expect(denseOperations(account)).toBe(dense);
    expect(stateUpdateTotal(account)).toEqual({ multiplications, additions, functions });
  });
});

describe('the account of a model', () => {
  it('counts numbers and bytes, as they are and in int8', () => {
    const kind = findDecoderKind('gru');
    const model = randomModel(kind, SHAPE, { hiddenCount: 4 }, 1);
    const account = accountModel(model, kind);
    // 92 weights, two biases of 12 and one of 2; 12 + 12 + 2 rows have a scale
    expect(account).toMatchObject({ precision: 'float32', parameterCount: 118, float32Bytes: 472 });
    expect(account.int8Bytes).toBe(92 + 4 * 26 + 4 * 26);
    expect(account.denseOperations).toBe(92);
    const int8 = accountModel(quantiseModel(model), kind);
    expect(int8).toMatchObject({ precision: 'int8', float32Bytes: 472, int8Bytes: 300 });
  });

  it.each(decoderKinds.map((kind) => ({ kind, name: kind.name })))(
    'says of a $name model what its file holds beside the normalisation',
    ({ kind }) => {
      const model = randomModel(kind, SHAPE, {}, 2);
      const { float32Bytes, int8Bytes } = accountModel(model, kind);
      const tensorBytes = (file: Uint8Array): number =>
        [...readSafetensors(file).tensors]
          .filter(([name]) => !name.startsWith('normalisation.'))
          .reduce((sum, [, { bytes }]) => sum + bytes.length, 0);
      expect(tensorBytes(encodeModel(model))).toBe(float32Bytes);
      if (kind.training === 'closedForm') expect(int8Bytes).toBeNull();
      else expect(tensorBytes(encodeModel(quantiseModel(model)))).toBe(int8Bytes);
    },
  );

  it('finds the share of zeros among the weights of maps, and not among biases', () => {
    const kind = findDecoderKind('gru');
    const model = randomModel(kind, SHAPE, { hiddenCount: 4 }, 1);
    expect(accountModel(model, kind).connectionSparsity).toBe(0);
    model.tensors['readout.weight'].data.fill(0);
    model.tensors['readout.bias'].data.fill(0);
    expect(accountModel(model, kind).connectionSparsity).toBeCloseTo(8 / 92, 12);
  });
});

describe('the energy estimate', () => {
  it('is 4.6 pJ per multiplication with a sum, 3.7 and 0.9 pJ for one alone, and nothing for functions', () => {
    expect(synapticEnergyPj(10, 0)).toBeCloseTo(46, 12);
    expect(synapticEnergyPj(0, 10)).toBeCloseTo(9, 12);
    expect(stateUpdateEnergyPj({ multiplications: 10, additions: 10, functions: 99 })).toBeCloseTo(46, 12);
  });
});
