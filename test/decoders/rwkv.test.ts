/** What is special to RWKV-4; the decoder laws and the golden files cover the rest. */
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import type { Model, Tensors } from '../../src/decoders/decoder.ts';
import { rwkv } from '../../src/decoders/rwkv/index.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { decode } from '../compliance/decoder.ts';
import { expectClose } from '../support/cases.ts';
import { randomModel } from '../support/decoder-models.ts';

const shape = { inputCount: 5, outputCount: 2 };
const config = rwkv.configSchema.parse({ width: 6, layerCount: 2 });

function initialTensors(): Tensors {
  return rwkv.initialise(config, shape, new Rng(1));
}

/** W W^T or, where W is tall, W^T W. @param weight [rows, columns] */
function products({ shape: [rows, columns], data }: Tensors[string]): number[] {
  const [count, length] = rows > columns ? [columns, rows] : [rows, columns];
  const at = (vector: number, i: number): number =>
    rows > columns ? data[i * columns + vector] : data[vector * columns + i];
  return Array.from({ length: count * count }, (_, pair) => {
    const [a, b] = [Math.floor(pair / count), pair % count];
    let sum = 0;
    for (let i = 0; i < length; i++) sum += at(a, i) * at(b, i);
    return sum;
  });
}

function identity(count: number, diagonal: number): number[] {
  return Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? diagonal : 0));
}

describe('rwkv', () => {
  it('has four hidden units per channel unless told otherwise, and a config can be parsed again', () => {
    expect(rwkv.configSchema.parse({ width: 10 })).toMatchObject({ feedForwardCount: 40 });
    const given = rwkv.configSchema.parse({ width: 10, feedForwardCount: 7 });
    expect(given).toMatchObject({ feedForwardCount: 7 });
    expect(rwkv.configSchema.parse(given)).toEqual(given);
    expect(rwkv.configSchema.safeParse({ width: 1 }).success).toBe(false);
    expect(rwkv.configSchema.safeParse({ hiddenCount: 10 }).success).toBe(false);
  });

  it('starts with the decays, first weights and shares of the authors', () => {
    const tensors = initialTensors();
    const values = (name: string): number[] => Array.from(tensors[`blocks.${name}`].data);
    const near = (name: string, expected: readonly number[]): void => {
      expectClose(values(name), expected, () => 1e-6);
    };
    // Block 0: p = 0, q = 1; block 1: p = 1, q = 1/2. Channel i of d = 6.
    const powers = (exponent: number): number[] => [0, 1, 2, 3, 4, 5].map((i) => (i / 6) ** exponent);
    near(
      '0.att.time_decay',
      [0, 0.2, 0.4, 0.6, 0.8, 1].map((x) => -5 + 8 * x ** 0.7),
    );
    near(
      '1.att.time_decay',
      [0, 0.2, 0.4, 0.6, 0.8, 1].map((x) => -5 + 8 * x ** 2),
    );
    near(
      '0.att.time_first',
      [0, 0.5, -0.5, 0, 0.5, -0.5].map((x) => x + Math.log(0.3)),
    );
    near('0.att.time_mix_k', powers(1));
    near('0.att.time_mix_v', powers(1));
    near('0.att.time_mix_r', powers(0.5));
    near('1.att.time_mix_k', powers(0.5));
    near(
      '1.att.time_mix_v',
      powers(0.5).map((x) => x + 0.3),
    );
    near('1.att.time_mix_r', powers(0.25));
    near('1.ffn.time_mix_k', powers(0.5));
    near('1.ffn.time_mix_r', powers(0.5));
  });

  it('starts with blocks that pass the stream on, and orthogonal values and keys', () => {
    const tensors = initialTensors();
    for (const name of ['att.receptance', 'att.key', 'att.output', 'ffn.receptance', 'ffn.value']) {
      expect(tensors[`blocks.1.${name}.weight`].data.every((value) => value === 0)).toBe(true);
    }
    expectClose(products(tensors['blocks.0.att.value.weight']), identity(6, 1), () => 1e-6);
    expectClose(products(tensors['blocks.0.ffn.key.weight']), identity(6, 4), () => 5e-6); // gain 2
    const wide = rwkv.initialise(
      rwkv.configSchema.parse({ width: 6, feedForwardCount: 4 }),
      shape,
      new Rng(2),
    );
    expectClose(products(wide['blocks.0.ffn.key.weight']), identity(4, 1), () => 1e-6);
  });

  it('one channel decays, averages and mixes as computed by hand', () => {
    const decoder = rwkv.createDecoder(handModel(), loadKernels());
    const outputs = decode(decoder, Float32Array.of(1, 0, 0));
    // The stream is (s, -s, 1, -1), s = 1, -1, -1. With all keys 0, u = 0 and half forgotten per bin, wkv of s is 1, then
    // (1 - 1) / (1 + 1), then (0.5 - 1 - 1) / (0.5 + 1 + 1). A receptance of 0 halves it, and the stream gets it added.
    const stream = [1 + 1 / 2, -1 + 0, -1 - 0.6 / 2];
    expectClose(
      outputs,
      stream.map((x) => x / Math.sqrt((x * x + 1) / 2)), // the last norm, over (x, -x, 1, -1)
      () => 3e-5, // NORM_EPSILON, three norms deep
    );
  });

  it('decodes a day of bins without its state growing', () => {
    const model = randomModel(rwkv, shape, config, 3);
    const decoder = rwkv.createDecoder(model, loadKernels());
    const features = new Float32Array(shape.inputCount).fill(1);
    const output = new Float32Array(shape.outputCount);
    const state = new Uint8Array(decoder.stateBytes);
    const largest: number[] = [];
    for (let bin = 1; bin <= 200_000; bin++) {
      decoder.step(features, output);
      if (bin % 100_000 !== 0) continue;
      decoder.saveState(state);
      largest.push(Math.max(...new Float32Array(state.buffer).map(Math.abs)));
    }
    expect(largest[1]).toBe(largest[0]);
    expect(largest[1]).toBeLessThan(1e4);
  });
});

/** Width 4, one block without channel mixing; the output is the first channel of the normalised stream. */
function handModel(): Model {
  const handShape = { inputCount: 1, outputCount: 1 };
  const handConfig = rwkv.configSchema.parse({ width: 4, layerCount: 1, feedForwardCount: 1 });
  const model = randomModel(rwkv, handShape, handConfig, 1);
  const firstTwo = [1, 0, 0, 0, 0, 1, 0, 0, ...new Float32Array(8)]; // [4, 4]
  const half = Math.log(Math.log(2)); // w = -log 2
  const values: Record<string, readonly number[]> = {
    'embedding.weight': [2, -2, 0, 0],
    'embedding.bias': [-1, 1, 1, -1],
    'blocks.0.att.time_decay': [half, half, half, half],
    'blocks.0.att.value.weight': firstTwo,
    'blocks.0.att.output.weight': firstTwo,
    'readout.weight': [1, 0, 0, 0],
  };
  for (const [name, { data }] of Object.entries(model.tensors)) {
    const isOne = /ln.*weight$|time_mix/.test(name);
    data.fill(isOne ? 1 : 0);
    data.set(values[name] ?? []);
  }
  return {
    ...model,
    normalisation: {
      featureMean: Float32Array.of(0),
      featureScale: Float32Array.of(1),
      outputMean: Float32Array.of(0),
      outputScale: Float32Array.of(1),
    },
  };
}
