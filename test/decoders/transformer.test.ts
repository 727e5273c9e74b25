/** What is special to the transformer: its window, positions in long sessions, and settings that depend on each other. */
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/decoders/decoder.ts';
import { transformer } from '../../src/decoders/transformer/index.ts';
import { transformerReference } from '../../src/decoders/transformer/reference.ts';
import { decode, makeKernels } from '../compliance/decoder.ts';
import { expectClose } from '../support/cases.ts';
import { randomCounts, randomModel } from '../support/decoder-models.ts';

const SHAPE = { inputCount: 5, outputCount: 2 };
const LAYERS = 2;
const WINDOW = 7;
/** Bins that an output depends on. */
const REACH = LAYERS * (WINDOW - 1) + 1;

function modelOf(config: Model['config'] = {}, seed = 1): Model {
  const small = { width: 8, headCount: 2, layerCount: LAYERS, windowBins: WINDOW, ...config };
  return randomModel(transformer, SHAPE, small, seed);
}

/** Errors in units of the output's scale. */
function expectOutputs(model: Model, actual: Float32Array, expected: Float32Array, tolerance: number): void {
  const { outputScale } = model.normalisation;
  expectClose(actual, expected, (_, i) => tolerance * outputScale[i % SHAPE.outputCount]);
}

describe('transformer', () => {
  it('the first bins are as computed by hand', () => {
    // x = (f, -f, 1, -1) has the mean 0, so n = x / size(f). No query and key: the last two bins weigh the same; the value is
    // n's first pair, the branch of the feed-forward network is 0, and the readout is the first feature.
    const model = modelOf({ width: 4, headCount: 2, layerCount: 1, windowBins: 2, feedForwardCount: 1 });
    const set = (name: string, values: Readonly<Record<number, number>>): void => {
      const { data } = model.tensors[name];
      for (let i = 0; i < data.length; i++) data[i] = values[i] ?? 0;
    };
    for (const name of Object.keys(model.tensors)) if (!/norm.*weight/.test(name)) set(name, {});
    set('embedding.weight', { 0: 1, 5: -1 });
    set('embedding.bias', { 2: 1, 3: -1 });
    set('layers.0.self_attn.in_proj_weight', { 32: 1, 37: 1 }); // rows 8 and 9: value 0 and 1
    set('layers.0.self_attn.out_proj.weight', { 0: 1, 5: 1 });
    set('readout.weight', { 0: 1 });
    const { featureMean, featureScale, outputMean, outputScale } = model.normalisation;
    featureMean.fill(0);
    featureScale.fill(1);
    outputMean.fill(0);
    outputScale.fill(1);
    const normal = (x: number): number => x / Math.sqrt((x * x + 1) / 2 + 1e-5);
    const decoder = transformer.createDecoder(model, makeKernels());
    const output = new Float32Array(2);
    const step = (f: number): number => {
      decoder.step(Float32Array.of(f, 0, 0, 0, 0), output);
      return output[0];
    };
    expect(step(2)).toBeCloseTo(normal(2 + normal(2)), 6);
    expect(step(0)).toBeCloseTo(normal((normal(2) + 0) / 2), 6);
    expect(step(-1)).toBeCloseTo(normal(-1 + (0 + normal(-1)) / 2), 6);
    expect(step(3)).toBeCloseTo(normal(3 + (normal(-1) + normal(3)) / 2), 6);
  });

  it('is where it should be after ten million bins: 28 hours of 10 ms', () => {
    const position = 10_000_000;
    const model = modelOf({ width: 4, headCount: 1, layerCount: 1 });
    const features = randomCounts(64, SHAPE.inputCount, 2);
    const rows = Array.from({ length: 64 }, (_, i) => features.subarray(5 * i, 5 * (i + 1)));
    const decoder = transformer.createDecoder(model, makeKernels());
    const output = new Float32Array(2);
    for (let bin = 0; bin < position; bin++) decoder.step(rows[bin % 64], output);
    const outputs = decode(decoder, features); // bins 10,000,000 to 10,000,063, itself a multiple of 64
    const before = features.slice(-WINDOW * 5);
    const head = Float32Array.of(...before, ...features);
    const expected = transformerReference(model, head, WINDOW + 64, position - WINDOW).slice(2 * WINDOW);
    expectOutputs(model, outputs, expected, 1e-5);
    const fresh = transformer.createDecoder(model, makeKernels());
    expectOutputs(model, outputs, decode(fresh, head).slice(2 * WINDOW), 1e-5);
  });

  it('the reference does not depend on where positions start, be it 10^7', () => {
    const model = modelOf();
    const features = randomCounts(40, SHAPE.inputCount, 3);
    const expected = transformerReference(model, features, 40);
    for (const first of [1, 1000, 10_000_000]) {
      expectOutputs(model, transformerReference(model, features, 40, first), expected, 1e-6);
    }
  });

  it('positions matter: with the order of earlier bins changed, the output changes', () => {
    const model = modelOf();
    const features = randomCounts(3, SHAPE.inputCount, 4);
    const swapped = Float32Array.of(
      ...features.subarray(5, 10),
      ...features.subarray(0, 5),
      ...features.subarray(10),
    );
    const [a, b] = [features, swapped].map((rows) =>
      decode(transformer.createDecoder(model, makeKernels()), rows),
    );
    expect(Math.abs(a[4] - b[4]) / model.normalisation.outputScale[0]).toBeGreaterThan(1e-4);
  });

  it(`an output depends on the last ${REACH} bins and on no other`, () => {
    const model = modelOf();
    const features = randomCounts(REACH + 30, SHAPE.inputCount, 5);
    const whole = decode(transformer.createDecoder(model, makeKernels()), features);
    const [exact, short] = [REACH, REACH - 1].map((count) =>
      decode(transformer.createDecoder(model, makeKernels()), features.slice(-count * 5)).slice(-2),
    );
    expectOutputs(model, exact, whole.slice(-2), 1e-6);
    const missed = Math.abs(short[0] - whole.at(-2)) / model.normalisation.outputScale[0];
    expect(missed).toBeGreaterThan(1e-5);
  });

  it(`is well again ${REACH} bins after a NaN`, () => {
    const model = modelOf();
    const features = randomCounts(60, SHAPE.inputCount, 6);
    const expected = decode(transformer.createDecoder(model, makeKernels()), features);
    const faulty = features.slice();
    faulty[10 * 5] = Number.NaN;
    const outputs = decode(transformer.createDecoder(model, makeKernels()), faulty);
    for (let bin = 0; bin < 60; bin++) {
      const isWell = bin < 10 || bin >= 10 + REACH;
      for (const i of [2 * bin, 2 * bin + 1]) {
        if (isWell) expect(outputs[i]).toBe(expected[i]);
        else expect(outputs[i]).toBeNaN();
      }
    }
  });

  it('makes the number of feed-forward units explicit', () => {
    const { configSchema } = transformer;
    expect(configSchema.parse({ width: 64 })).toMatchObject({ feedForwardCount: 256, windowBins: 64 });
    expect(configSchema.parse({ width: 64, feedForwardCount: 70 })).toMatchObject({ feedForwardCount: 70 });
    const complete = configSchema.parse({});
    expect(configSchema.parse(complete)).toEqual(complete);
  });

  it.each([
    [{ width: 12, headCount: 4 }, 'even width'], // heads of 3
    [{ width: 10, headCount: 3 }, 'even width'],
    [{ windowBins: 0 }, '>=1'],
    [{ hiddenCount: 4 }, 'hiddenCount'],
  ])('refuses %o', (config, message) => {
    expect(() => transformer.configSchema.parse(config)).toThrow(message);
  });
});
