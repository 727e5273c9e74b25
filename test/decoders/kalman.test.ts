import fc from 'fast-check';
import { Matrix, inverse } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { kalman } from '../../src/decoders/kalman/index.ts';
import { observe, usableNoise } from '../../src/decoders/kalman/observation.ts';
import { steadyState } from '../../src/decoders/kalman/riccati.ts';
import { decode, makeKernels } from '../compliance/decoder.ts';
import { randomCounts, randomCovariance, randomModel } from '../support/decoder-models.ts';

describe('riccati: the doubling algorithm', () => {
  it('solves the Riccati equation to 1e-12 and equals the repeated textbook recursion to 1e-9', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer(), (k, seed) => {
        const { A, Q, C, R } = randomFilter(k, 9, seed);
        const M = C.transpose().mmul(inverse(R)).mmul(C);
        const result = steadyState(flat(A), flat(Q), flat(M), k);
        const predicted = toMatrix(result.predicted, k);
        const next = A.mmul(textbookUpdate(predicted, C, R))
          .mmul(A.transpose())
          .add(Q);
        expect(difference(next, predicted)).toBeLessThan(1e-12 * Math.max(1, predicted.norm('max')));

        let P = Matrix.eye(k);
        for (let i = 0; i < 1000; i++) P = textbookUpdate(A.mmul(P).mmul(A.transpose()).add(Q), C, R);
        expect(difference(toMatrix(result.updated, k), P)).toBeLessThan(1e-9);
      }),
      { numRuns: 15 },
    );
  });

  it('solves the scalar filter in closed form: A = Q = M = 1 gives P- = the golden ratio', () => {
    const { predicted, updated } = steadyState(Float64Array.of(1), Float64Array.of(1), Float64Array.of(1), 1);
    const golden = (1 + Math.sqrt(5)) / 2;
    expect(predicted[0]).toBeCloseTo(golden, 14);
    expect(updated[0]).toBeCloseTo(golden - 1, 14);
  });

  it('accepts a state without noise of its own, and refuses one that wanders unobserved', () => {
    const still = steadyState(Float64Array.of(0.5), Float64Array.of(0), Float64Array.of(1), 1);
    expect(still.updated[0]).toBe(0);
    expect(() => steadyState(Float64Array.of(1), Float64Array.of(1), Float64Array.of(0), 1)).toThrow(
      expect.objectContaining({ code: 'DEC_KALMAN_NO_STEADY_STATE' }),
    );
  });
});

describe('observation: information form', () => {
  it('gives the textbook gain K = P- C^T (C P- C^T + R)^-1 to 1e-10', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer(),
        (k, n, seed) => {
          const { Q: predicted, C, R } = randomFilter(k, n, seed);
          const { information, projection } = observe(flat(C), flat(R), new Float32Array(n).fill(1), k);
          const system = Matrix.eye(k).add(predicted.mmul(toMatrix(information, k)));
          const P = inverse(system).mmul(predicted);
          const K = P.mmul(Matrix.from1DArray(k, n, projection));
          expect(difference(K, textbookGain(predicted, C, R))).toBeLessThan(1e-10);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('leaves out silent and ignored channels', () => {
    const R = Float64Array.of(1, 0, 0, 0, 0, 0, 0, 0, 4); // the second channel never varied
    const { channels } = usableNoise(R, Float32Array.of(1, 1, 1));
    expect(channels).toEqual([0, 2]);
    expect(usableNoise(R, Float32Array.of(0, 1, 1)).channels).toEqual([2]);
    const { projection } = observe(Float64Array.of(1, 1, 1), R, Float32Array.of(1, 1, 1), 1);
    expect(Array.from(projection)).toEqual([1, 0, 0.25]);
  });

  it('loads the diagonal of a singular R by 1e-6 of each variance, and leaves a good one alone', () => {
    const twins = usableNoise(Float64Array.of(2, 2, 2, 2), Float32Array.of(1, 1)).noise;
    expect(twins.get(0, 0)).toBeCloseTo(2 * (1 + 1e-6), 12);
    expect(twins.get(0, 1)).toBe(2);
    const good = usableNoise(Float64Array.of(2, 1, 1, 2), Float32Array.of(1, 1)).noise;
    expect(good.to2DArray()).toEqual([
      [2, 1],
      [1, 2],
    ]);
    // Two copies of one channel say as much as one.
    const once = observe(Float64Array.of(1), Float64Array.of(2), Float32Array.of(1), 1);
    const twice = observe(Float64Array.of(1, 1), Float64Array.of(2, 2, 2, 2), Float32Array.of(1, 1), 1);
    expect(twice.information[0]).toBeCloseTo(once.information[0], 5);
  });

  it('refuses an R that is no covariance', () => {
    expect(() =>
      observe(Float64Array.of(1, 1), Float64Array.of(1, 5, 5, 1), Float32Array.of(1, 1), 1),
    ).toThrow(expect.objectContaining({ code: 'DEC_KALMAN_NOISE_INVALID' }));
  });
});

describe('kalman', () => {
  it('follows a hand-computed trajectory: A = Q = C = R = 1, P0 = 0, features 1, 1, 0', () => {
    // P- = 1, 3/2, 8/5; K = 1/2, 3/5, 8/13; x = 1/2, 4/5, 4/13
    const model = scalarModel({ mode: 'full' });
    const outputs = decode(kalman.createDecoder(model, makeKernels()), Float32Array.of(1, 1, 0));
    expect(outputs[0]).toBeCloseTo(1 / 2, 6);
    expect(outputs[1]).toBeCloseTo(4 / 5, 6);
    expect(outputs[2]).toBeCloseTo(4 / 13, 6);
  });

  it('with a constant gain of g = (sqrt 5 - 1) / 2: features 1, 0 give g, g (1 - g)', () => {
    const g = (Math.sqrt(5) - 1) / 2;
    const outputs = decode(kalman.createDecoder(scalarModel({}), makeKernels()), Float32Array.of(1, 0));
    expect(outputs[0]).toBeCloseTo(g, 6);
    expect(outputs[1]).toBeCloseTo(g * (1 - g), 6);
  });

  it('lagBins = 2 gives the outputs of lagBins = 0 two bins later, average bins first', () => {
    const features = Float32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
    const padded = Float32Array.of(0, 0, ...features.subarray(0, 6)); // an average bin of the scalar model is 0
    const late = decode(kalman.createDecoder(scalarModel({ lagBins: 2 }), makeKernels()), features);
    const prompt = decode(kalman.createDecoder(scalarModel({}), makeKernels()), padded);
    expect(late).toEqual(prompt);
  });

  it("mode 'full' settles at the constant gain", () => {
    const shape = { inputCount: 12, outputCount: 2 };
    const full = randomModel(kalman, shape, { mode: 'full' }, 3);
    const steady = { ...full, config: { ...full.config, mode: 'steadyState' } };
    const features = randomCounts(400, shape.inputCount, 4);
    const fullOutputs = decode(kalman.createDecoder(full, makeKernels()), features);
    const steadyOutputs = decode(kalman.createDecoder(steady, makeKernels()), features);
    expect(fullOutputs.slice(0, 4)).not.toEqual(steadyOutputs.slice(0, 4));
    for (let i = 600; i < 800; i++) expect(fullOutputs[i]).toBeCloseTo(steadyOutputs[i], 3);
  });

  it('as initialised, gives the mean output whatever comes in', () => {
    const shape = { inputCount: 5, outputCount: 2 };
    const config = kalman.configSchema.parse({});
    const model: Model = {
      ...randomModel(kalman, shape, {}, 1),
      tensors: kalman.initialise(config, shape, new Rng(1)),
    };
    const outputs = decode(kalman.createDecoder(model, makeKernels()), randomCounts(6, 5, 1));
    for (let bin = 0; bin < 6; bin++) {
      expect(outputs.slice(bin * 2, bin * 2 + 2)).toEqual(model.normalisation.outputMean);
    }
  });
});

function scalarModel(config: Record<string, unknown>): Model {
  const shape = { inputCount: 1, outputCount: 1 };
  const one = { shape: [1, 1], data: Float32Array.of(1) };
  const zero = { shape: [1], data: Float32Array.of(0) };
  return {
    ...randomModel(kalman, shape, config, 1),
    tensors: {
      A: one,
      b: zero,
      Q: one,
      C: one,
      d: zero,
      R: one,
      P0: { shape: [1, 1], data: Float32Array.of(0) },
    },
    normalisation: {
      featureMean: Float32Array.of(0),
      featureScale: Float32Array.of(1),
      outputMean: Float32Array.of(0),
      outputScale: Float32Array.of(1),
    },
  };
}

function randomFilter(k: number, n: number, seed: number): Record<'A' | 'Q' | 'C' | 'R', Matrix> {
  const rng = new Rng(seed);
  const covariance = (size: number): Matrix => toMatrix(randomCovariance(size, 1, rng).data, size);
  const A = Matrix.eye(k).mul(0.9);
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) A.set(i, j, A.get(i, j) + rng.normal(0, 0.05));
  const C = Matrix.zeros(n, k);
  for (let i = 0; i < n; i++) for (let j = 0; j < k; j++) C.set(i, j, rng.normal());
  return { A, Q: covariance(k), C, R: covariance(n) };
}

function textbookGain(predicted: Matrix, C: Matrix, R: Matrix): Matrix {
  const spread = predicted.mmul(C.transpose());
  return spread.mmul(inverse(C.mmul(spread).add(R)));
}

function textbookUpdate(predicted: Matrix, C: Matrix, R: Matrix): Matrix {
  return Matrix.eye(predicted.rows)
    .sub(textbookGain(predicted, C, R).mmul(C))
    .mmul(predicted);
}

function toMatrix(values: ArrayLike<number>, size: number): Matrix {
  return Matrix.from1DArray(size, size, Array.from(values));
}

function flat(matrix: Matrix): Float64Array {
  return Float64Array.from(matrix.to1DArray());
}

function difference(a: Matrix, b: Matrix): number {
  return Matrix.sub(a, b).abs().max();
}
