/** Drawn cases and the comparison of their results. */
import fc from 'fast-check';
import { expect } from 'vitest';

/** Runs `check` on drawn cases, the same ones in every run of the suite; a failing case is shrunk. */
export function forEachCase<T>(cases: fc.Arbitrary<T>, numRuns: number, check: (drawn: T) => void): void {
  fc.assert(fc.property(cases, check), { numRuns });
}

/** Seeds for an Rng. */
export const seeds = fc.nat({ max: 0x7fffffff });

/** Every element within `tolerance(expected element, index)` of its twin; NaN and infinity must be equal. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: (expected: number, index: number) => number,
): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const isClose =
      Object.is(actual[i], expected[i]) || Math.abs(actual[i] - expected[i]) <= tolerance(expected[i], i);
    if (!isClose) {
      expect.fail(
        `element ${i} is ${actual[i]}, its twin ${expected[i]}; allowed is ${tolerance(expected[i], i)}`,
      );
    }
  }
}
