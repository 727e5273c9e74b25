/**
 * The decoder laws (src/decoders/decoder.ts), for every kind. A law throws where a decoder breaks it, so that the
 * canaries in test/decoders/compliance.test.ts can prove that each law still bites.
 */
import { describe, expect, it } from 'vitest';
import type { Decoder, DecoderKind, DecoderShape, Model } from '../../src/decoders/decoder.ts';
import { precisionOf } from '../../src/decoders/quantise-model.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { runsWithinHeapBytes } from '../support/collect-garbage.ts';
import { randomCounts } from '../support/decoder-models.ts';

export interface DecoderCase {
  config: Model['config'];
  shape: DecoderShape;
  makeModel: (seed: number) => Model;
}

export interface DecoderLaw {
  name: string;
  check: (kind: DecoderKind, decoderCase: DecoderCase, kernels: Kernels) => void;
}

const BIN_COUNT = 120;
/** Small: hundreds of instances are made. */
const MEMORY_BYTES = 16 * 1024 * 1024;
/** Of the normalised output; larger outputs are allowed a proportional error. */
const TOLERANCE = { float32: 1e-4, int8: 5e-4 }; // an int8 model's inputs are rounded to 16 bits in every map
/** A NaN has to show in the output at the latest after this many bins. */
const NAN_BINS_MAX = 20;
const ALLOCATION_STEPS = 10_000;
/** One heap number of 16 bytes per step would be 160,000. */
const ALLOCATION_BYTES_MAX = 80_000;

export const decoderLaws: readonly DecoderLaw[] = [
  {
    name: 'reports the sizes of its model',
    check(kind, { shape, makeModel }, kernels) {
      const decoder = kind.createDecoder(makeModel(1), kernels);
      expect(decoder.inputCount).toBe(shape.inputCount);
      expect(decoder.outputCount).toBe(shape.outputCount);
      expect(Number.isSafeInteger(decoder.stateBytes) && decoder.stateBytes >= 0).toBe(true);
    },
  },
  {
    name: 'lists the tensors that it initialises, and decodes with them',
    check(kind, { config, shape, makeModel }, kernels) {
      const model = makeModel(2);
      const specs = kind.parameters(config, shape).map((spec) => [spec.name, [...spec.shape]]);
      const shapes = Object.entries(model.tensors).map(([name, tensor]) => [name, [...tensor.shape]]);
      expect(shapes.sort()).toEqual(specs.sort());
      const outputs = decode(kind.createDecoder(model, kernels), randomCounts(5, shape.inputCount, 2));
      expect(outputs.every(Number.isFinite)).toBe(true);
    },
  },
  {
    name: 'step by step equals the reference sequence within 1e-4, an int8 model within 5e-4',
    check(kind, { shape, makeModel }, kernels) {
      for (let seed = 1; seed <= 3; seed++) {
        const model = makeModel(seed);
        const features = randomCounts(BIN_COUNT, shape.inputCount, 100 + seed);
        const reference = kind.referenceSequence(model, features, BIN_COUNT);
        expect(reference.length).toBe(BIN_COUNT * shape.outputCount);
        expectClose(model, decode(kind.createDecoder(model, kernels), features), reference);
      }
    },
  },
  {
    name: 'does not keep borrowed buffers',
    check(kind, { shape, makeModel }, kernels) {
      const model = makeModel(4);
      const features = randomCounts(BIN_COUNT, shape.inputCount, 4);
      const expected = decode(kind.createDecoder(model, kernels), features);
      const decoder = kind.createDecoder(model, kernels);
      const borrowed = new Float32Array(shape.inputCount);
      const output = new Float32Array(shape.outputCount);
      const outputs = new Float32Array(expected.length);
      for (let bin = 0; bin < BIN_COUNT; bin++) {
        borrowed.set(rowOf(features, bin, shape.inputCount));
        decoder.step(borrowed, output);
        outputs.set(output, bin * shape.outputCount);
        borrowed.fill(1e6); // the slot is reused for something else
        output.fill(-1e6);
      }
      expect(outputs).toEqual(expected);
    },
  },
  {
    name: 'saved and loaded mid-stream, continues as if uninterrupted',
    check(kind, { shape, makeModel }, kernels) {
      const model = makeModel(5);
      const features = randomCounts(BIN_COUNT, shape.inputCount, 5);
      const whole = decode(kind.createDecoder(model, kernels), features);
      for (const cut of [0, 1, 7, 60]) {
        const first = kind.createDecoder(model, kernels);
        const head = decode(first, features.subarray(0, cut * shape.inputCount));
        const saved = new Uint8Array(first.stateBytes);
        first.saveState(saved);
        const second = kind.createDecoder(model, kernels);
        decode(second, randomCounts(9, shape.inputCount, 6)); // a state of its own, to be replaced
        second.loadState(saved);
        saved.fill(0xff); // the buffer was borrowed
        const tail = decode(second, features.subarray(cut * shape.inputCount));
        expect(Float32Array.of(...head, ...tail)).toEqual(whole);
      }
    },
  },
  {
    name: 'saves stateBytes bytes, every one of them, at any alignment',
    check(kind, { shape, makeModel }, kernels) {
      const decoder = kind.createDecoder(makeModel(6), kernels);
      decode(decoder, randomCounts(11, shape.inputCount, 7));
      const onZeros = new Uint8Array(decoder.stateBytes);
      decoder.saveState(onZeros);
      const guarded = new Uint8Array(decoder.stateBytes + 7).fill(0xa5);
      decoder.saveState(guarded.subarray(3, 3 + decoder.stateBytes));
      expect(guarded.subarray(3, 3 + decoder.stateBytes)).toEqual(onZeros);
      expect(Array.from(guarded.subarray(0, 3))).toEqual([0xa5, 0xa5, 0xa5]);
      expect(Array.from(guarded.subarray(3 + decoder.stateBytes))).toEqual([0xa5, 0xa5, 0xa5, 0xa5]);
    },
  },
  {
    name: 'after a reset, is as fresh',
    check(kind, { shape, makeModel }, kernels) {
      const model = makeModel(7);
      const features = randomCounts(BIN_COUNT, shape.inputCount, 8);
      const fresh = decode(kind.createDecoder(model, kernels), features);
      const decoder = kind.createDecoder(model, kernels);
      decode(decoder, randomCounts(33, shape.inputCount, 9));
      decoder.reset();
      expect(decode(decoder, features)).toEqual(fresh);
    },
  },
  {
    name: 'shares no state with another decoder on the same kernels',
    check(kind, { shape, makeModel }, kernels) {
      const [modelA, modelB] = [makeModel(8), makeModel(9)];
      const [featuresA, featuresB] = [10, 11].map((seed) => randomCounts(BIN_COUNT, shape.inputCount, seed));
      const aloneA = decode(kind.createDecoder(modelA, kernels), featuresA);
      const aloneB = decode(kind.createDecoder(modelB, kernels), featuresB);
      const a = kind.createDecoder(modelA, kernels);
      const b = kind.createDecoder(modelB, kernels);
      const outputsA = new Float32Array(aloneA.length);
      const outputsB = new Float32Array(aloneB.length);
      for (let bin = 0; bin < BIN_COUNT; bin++) {
        const at = bin * shape.outputCount;
        a.step(rowOf(featuresA, bin, shape.inputCount), outputsA.subarray(at, at + shape.outputCount));
        b.step(rowOf(featuresB, bin, shape.inputCount), outputsB.subarray(at, at + shape.outputCount));
      }
      expect(outputsA).toEqual(aloneA);
      expect(outputsB).toEqual(aloneB);
    },
  },
  {
    name: 'does not depend on the model object once it is made',
    check(kind, { shape, makeModel }, kernels) {
      const features = randomCounts(BIN_COUNT, shape.inputCount, 12);
      const expected = decode(kind.createDecoder(makeModel(10), kernels), features);
      const model = makeModel(10);
      const decoder = kind.createDecoder(model, kernels);
      for (const { data, int8 } of Object.values(model.tensors)) {
        data.fill(Number.NaN);
        int8?.values.fill(0);
        int8?.scales.fill(Number.NaN);
      }
      for (const values of Object.values(model.normalisation) as Float32Array[]) values.fill(Number.NaN);
      decoder.reset();
      expect(decode(decoder, features)).toEqual(expected);
    },
  },
  {
    name: 'lets a NaN or an infinity show in its output, and is well again after a reset',
    check(kind, { shape, makeModel }, kernels) {
      const model = makeModel(11);
      const features = randomCounts(BIN_COUNT, shape.inputCount, 13);
      const expected = decode(kind.createDecoder(model, kernels), features);
      for (let channel = 0; channel < shape.inputCount; channel++) {
        const decoder = kind.createDecoder(model, kernels);
        decode(decoder, randomCounts(3, shape.inputCount, 14));
        const faulty = randomCounts(NAN_BINS_MAX, shape.inputCount, 15);
        faulty[channel] = Number.NaN;
        const outputs = decode(decoder, faulty);
        expect(outputs.some(Number.isNaN), `NaN in channel ${channel} was hidden`).toBe(true);
        decoder.reset();
        expect(decode(decoder, features)).toEqual(expected);
      }
    },
  },
  {
    name: 'allocates nothing over 10,000 steps',
    check(kind, { shape, makeModel }, kernels) {
      const decoder = kind.createDecoder(makeModel(12), kernels);
      const rows = Array.from({ length: 16 }, (_, i) => randomCounts(1, shape.inputCount, 200 + i));
      const output = new Float32Array(shape.outputCount);
      const run = (): void => {
        for (let i = 0; i < ALLOCATION_STEPS; i++) decoder.step(rows[i % rows.length], output);
      };
      run(); // the compiler is done before anything is counted
      expect(runsWithinHeapBytes(run, ALLOCATION_BYTES_MAX)).toBe(true);
    },
  },
];

export function makeKernels(): Kernels {
  return loadKernels({ memoryBytes: MEMORY_BYTES });
}

/** Declares one test per law. */
export function describeDecoderLaws(kind: DecoderKind, decoderCase: DecoderCase): void {
  const { shape, config, makeModel } = decoderCase;
  describe(`${kind.name} ${precisionOf(makeModel(1))} ${shape.inputCount} -> ${shape.outputCount} ${JSON.stringify(config)}`, () => {
    for (const law of decoderLaws) {
      it(law.name, () => {
        law.check(kind, decoderCase, makeKernels());
      });
    }
  });
}

/** @param features [bins x inputCount] @returns [bins x outputCount] */
export function decode(decoder: Decoder, features: Float32Array): Float32Array {
  const { inputCount, outputCount } = decoder;
  const binCount = features.length / inputCount;
  const outputs = new Float32Array(binCount * outputCount);
  for (let bin = 0; bin < binCount; bin++) {
    decoder.step(
      rowOf(features, bin, inputCount),
      outputs.subarray(bin * outputCount, (bin + 1) * outputCount),
    );
  }
  return outputs;
}

function rowOf(features: Float32Array, bin: number, inputCount: number): Float32Array {
  return features.subarray(bin * inputCount, (bin + 1) * inputCount);
}

function expectClose(model: Model, actual: Float32Array, expected: Float32Array): void {
  const { outputMean, outputScale } = model.normalisation;
  const outputCount = outputMean.length;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const o = i % outputCount;
    const size = Math.max(1, Math.abs(expected[i] - outputMean[o]) / outputScale[o]);
    worst = Math.max(worst, Math.abs(actual[i] - expected[i]) / outputScale[o] / size || 0);
    if (!Number.isFinite(actual[i])) worst = Infinity;
  }
  expect(worst).toBeLessThan(TOLERANCE[precisionOf(model)]);
}
