import { describe, expect, it } from 'vitest';
import { distributionOf, median } from '../../src/bench/distribution.ts';
import { Rng } from '../../src/core/rng.ts';

describe('distribution', () => {
  it('gives the smallest value that at least that share does not exceed', () => {
    const values = Array.from({ length: 1000 }, (_, i) => i + 1);
    new Rng(1).shuffle(values);
    expect(distributionOf(Float64Array.from(values))).toEqual({
      count: 1000,
      p50: 500,
      p90: 900,
      p99: 990,
      p999: 999,
      max: 1000,
    });
  });

  it.each([
    [[7], { count: 1, p50: 7, p90: 7, p99: 7, p999: 7, max: 7 }],
    [[2, 1], { count: 2, p50: 1, p90: 2, p99: 2, p999: 2, max: 2 }],
    [[3, 1, 2], { count: 3, p50: 2, p90: 3, p99: 3, p999: 3, max: 3 }],
    [[100, 9, 20], { count: 3, p50: 20, p90: 100, p99: 100, p999: 100, max: 100 }], // sorted as numbers, not as text
  ])('of %j takes the values as they are', (values, expected) => {
    expect(distributionOf(Float64Array.from(values))).toEqual(expected);
  });
});

describe('median', () => {
  it.each([
    [[5], 5],
    [[4, 1], 2.5],
    [[100, 9, 20], 20],
    [[4, 3, 2, 1], 2.5],
  ])('of %j is %d', (values, expected) => {
    const given = [...values];
    expect(median(given)).toBe(expected);
    expect(given).toEqual(values); // it leaves them as they were
  });
});
