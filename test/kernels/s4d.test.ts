import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { s4dScratchCount } from '../../src/kernels/exports/s4d.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import type { Rng } from '../../src/core/rng.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import type { KernelMemory } from '../support/kernel-memory.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const scans = fc.record({
  T: fc.integer({ min: 0, max: 9 }),
  B: fc.integer({ min: 0, max: 4 }),
  H: fc.integer({ min: 1, max: 37 }),
  N: fc.integer({ min: 1, max: 5 }),
  accumulate: fc.integer({ min: 0, max: 1 }),
  seed: seeds,
});

/** Stable states: |a| below 0.9. */
function drawCoefficients(rng: Rng, H: number, N: number): Float32Array {
  const coefficients = drawUniform(rng, Math.ceil(H / 4) * N * 16);
  return coefficients.map((value, i) => (i % 16 < 8 ? 0.63 * value : value));
}

/** A scan forward and backward over drawn numbers. */
function scan(
  k: KernelExports,
  place: KernelMemory,
  rng: Rng,
  { T, B, H, N, accumulate }: { T: number; B: number; H: number; N: number; accumulate: number },
): Record<string, Float32Array> {
  const u = place.input(drawUniform(rng, T * B * H));
  const dy = place.input(drawUniform(rng, T * B * H));
  const coefficients = place.input(drawCoefficients(rng, H, N));
  const d = place.input(drawUniform(rng, H));
  const y = place.output(T * B * H);
  const du = place.inOut(drawUniform(rng, T * B * H));
  const sums = place.inOut(drawUniform(rng, coefficients.values.length));
  const dd = place.inOut(drawUniform(rng, H));
  const scratch = place.output(s4dScratchCount(T));
  const sizes = [T, B, H, N] as const;
  k.s4dScanForward(y.ptr, u.ptr, coefficients.ptr, d.ptr, ...sizes, scratch.ptr);
  k.s4dScanBackward(
    ...([du.ptr, sums.ptr, dd.ptr, dy.ptr, u.ptr, coefficients.ptr, d.ptr] as const),
    ...sizes,
    accumulate,
    scratch.ptr,
  );
  return { y: y.values, du: du.values, sums: sums.values, dd: dd.values };
}

describe.each(VARIANTS)('S4D, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('the scan forward and backward equal their twins, any time, batch, channels and states', () => {
    forEachCase(scans, 150, ({ seed, ...sizes }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => scan(k, place, rng, sizes));
      // States stay below 1 / (1 - 0.9); sums have up to 9 x 4 products of two of them.
      for (const name of Object.keys(expected))
        expectClose(actual[name], expected[name], (value) => 3e-6 * (10 + Math.abs(value)));
    });
  });

  it('one step equals its twin, and repeated steps equal the scan', () => {
    const sizes = fc.record({
      H: fc.integer({ min: 1, max: 21 }),
      N: fc.integer({ min: 1, max: 5 }),
      seed: seeds,
    });
    forEachCase(sizes, 60, ({ H, N, seed }) => {
      const T = 7;
      const H4 = 4 * Math.ceil(H / 4);
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const u = place.input(drawUniform(rng, T * H4));
        const coefficients = place.input(drawCoefficients(rng, H4, N));
        const d = place.input(drawUniform(rng, H4));
        const whole = place.output(T * H4);
        const scratch = place.output(s4dScratchCount(T));
        k.s4dScanForward(whole.ptr, u.ptr, coefficients.ptr, d.ptr, T, 1, H4, N, scratch.ptr);
        const h = place.inOut(new Float32Array(2 * H4 * N));
        const steps = place.output(T * H4);
        for (let t = 0; t < T; t++) {
          const at = 4 * t * H4;
          k.s4dStep(steps.ptr + at, h.ptr, u.ptr + at, coefficients.ptr, d.ptr, H4, N);
        }
        return { whole: whole.values, steps: steps.values, h: h.values };
      });
      for (const name of ['whole', 'steps', 'h'])
        expectClose(actual[name], expected[name], (value) => 3e-6 * (10 + Math.abs(value)));
      expectClose(actual['steps'], actual['whole'], (value) => 3e-6 * (10 + Math.abs(value)));
    });
  });

  it('the first steps of an impulse are as computed by hand', () => {
    // a = i/2, c = 2 - i, d = 3: h = 1, i/2, -1/4; Re(c h) = 2, 1/2, -1/2.
    memory.reset();
    const lanes = (value: number): number[] => [value, 0, 0, 0];
    const coefficients = memory.input([...lanes(0), ...lanes(0.5), ...lanes(2), ...lanes(-1)]);
    const u = memory.input([1, 0, 0]);
    const d = memory.input([3]);
    const y = memory.output(3);
    exports.s4dScanForward(
      ...([y.ptr, u.ptr, coefficients.ptr, d.ptr] as const),
      ...([3, 1, 1, 1, memory.output(s4dScratchCount(3)).ptr] as const),
    );
    expect(Array.from(y.values)).toEqual([5, 0.5, -0.5]);
    memory.verify();
  });

  it('NaN stays in its channel and its row of the batch, from its time on', () => {
    const [T, B, H, N] = [4, 2, 5, 2];
    for (const bad of [Number.NaN, Infinity]) {
      memory.reset();
      const values = new Float32Array(T * B * H).fill(1);
      values[B * H + H + 3] = bad; // second step, second row, fourth channel
      const u = memory.input(values);
      const coefficients = memory.input(new Float32Array(2 * N * 16).fill(0.25));
      const d = memory.input(new Float32Array(H).fill(1));
      const y = memory.output(T * B * H);
      const scratch = memory.output(s4dScratchCount(T));
      exports.s4dScanForward(y.ptr, u.ptr, coefficients.ptr, d.ptr, T, B, H, N, scratch.ptr);
      y.values.forEach((value, i) => {
        const isFaulty = i >= B * H && Math.floor(i / H) % B === 1 && i % H === 3;
        expect(Number.isFinite(value)).toBe(!isFaulty);
      });
      memory.verify();
    }
  });
});
