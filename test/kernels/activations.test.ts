import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

/** The bounds stated in src/kernels/assembly/activations.ts. */
const SIGMOID_BOUND = 9e-8;
const TANH_BOUND = 1.8e-7;

const lengths = fc.record({ count: fc.integer({ min: 0, max: 70 }), seed: seeds });

/**
 * Every 1,021st float32 bit pattern, of both signs (a prime, so that mantissas do not repeat), and 1,000,000 even steps
 * over [-20, 20], where the functions bend.
 */
function sweep(): Float32Array {
  const patterns = new Uint32Array(Math.floor(2 ** 32 / 1021)).map((_, i) => i * 1021);
  const finite = new Float32Array(patterns.buffer).filter((x) => Number.isFinite(x));
  const steps = 1_000_000;
  const all = new Float32Array(finite.length + steps);
  all.set(finite);
  for (let i = 0; i < steps; i++) all[finite.length + i] = -20 + (40 * i) / steps;
  return all;
}

const dense = sweep();
const CHUNK = 1 << 20;

describe.each(VARIANTS)('activations, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  function largestError(kernel: 'sigmoid' | 'tanh', exact: (x: number) => number): number {
    let largest = 0;
    for (let start = 0; start < dense.length; start += CHUNK) {
      const x = dense.subarray(start, start + CHUNK);
      memory.reset();
      const input = memory.input(x);
      const output = memory.output(x.length);
      exports[kernel](output.ptr, input.ptr, x.length);
      memory.verify();
      for (let i = 0; i < x.length; i++) {
        const error = Math.abs(output.values[i] - exact(x[i]));
        if (!(error <= largest)) largest = error; // also when the error is NaN
      }
    }
    return largest;
  }

  it(`sigmoid is within ${SIGMOID_BOUND} of 1 / (1 + exp(-x)) on 5 million finite inputs`, () => {
    expect(largestError('sigmoid', (x) => 1 / (1 + Math.exp(-x)))).toBeLessThan(SIGMOID_BOUND);
  });

  it(`tanh is within ${TANH_BOUND} of Math.tanh on 5 million finite inputs`, () => {
    expect(largestError('tanh', Math.tanh)).toBeLessThan(TANH_BOUND);
  });

  it('stays within [0, 1] and [-1, 1]', () => {
    memory.reset();
    const x = memory.input(dense.subarray(0, CHUNK));
    const y = memory.output(CHUNK);
    exports.sigmoid(y.ptr, x.ptr, CHUNK);
    expect(y.values.every((value) => value >= 0 && value <= 1)).toBe(true);
    exports.tanh(y.ptr, x.ptr, CHUNK);
    expect(y.values.every((value) => value >= -1 && value <= 1)).toBe(true);
  });

  it.each([4, 5])('NaN gives NaN, infinities the limits (vector and tail, %i elements)', (count) => {
    for (const [x, sigmoid, tanh] of [
      [Number.NaN, Number.NaN, Number.NaN],
      [Infinity, 1, 1],
      [-Infinity, 0, -1],
      [3.4e38, 1, 1],
      [-3.4e38, 0, -1],
      [0, 0.5, 0],
    ]) {
      memory.reset();
      const input = memory.input(new Float32Array(count).fill(x));
      const output = memory.output(count);
      exports.sigmoid(output.ptr, input.ptr, count);
      expectClose(output.values, new Float32Array(count).fill(sigmoid), () => 1e-37);
      exports.tanh(output.ptr, input.ptr, count);
      expectClose(output.values, new Float32Array(count).fill(tanh), () => 0);
    }
  });

  it.each(['sigmoid', 'tanh'] as const)('%s equals its twin for any length, and in place', (kernel) => {
    forEachCase(lengths, 100, ({ count, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const x = place.inOut(drawUniform(rng, count).map((value) => 8 * value));
        const y = place.output(count);
        kernels[kernel](y.ptr, x.ptr, count);
        kernels[kernel](x.ptr, x.ptr, count);
        return { y: y.values, inPlace: x.values };
      });
      expectClose(actual['y'], expected['y'], () => TANH_BOUND);
      expectClose(actual['inPlace'], actual['y'], () => 0);
    });
  });

  it.each(['sigmoidBackward', 'tanhBackward'] as const)('%s adds what its twin adds', (kernel) => {
    forEachCase(lengths, 100, ({ count, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const dy = place.input(drawUniform(rng, count));
        const y = place.input(drawUniform(rng, count));
        const dx = place.inOut(drawUniform(rng, count));
        kernels[kernel](dx.ptr, dy.ptr, y.ptr, count);
        return { dx: dx.values };
      });
      // Five roundings of numbers that are at most 3 (y in [-1, 1] makes y (1 - y) reach -2).
      expectClose(actual['dx'], expected['dx'], () => (5 * 3) / 2 ** 24);
    });
  });

  it.each(['sigmoidBackward', 'tanhBackward'] as const)('%s lets NaN through', (kernel) => {
    for (let where = 0; where < 3; where++) {
      memory.reset();
      const buffers = [0, 1, 2].map((i) =>
        memory.inOut(new Float32Array(6).fill(i === where ? Number.NaN : 0.25)),
      );
      exports[kernel](buffers[0].ptr, buffers[1].ptr, buffers[2].ptr, 6);
      expect(Array.from(buffers[0].values)).toEqual(new Array(6).fill(Number.NaN));
    }
  });
});
