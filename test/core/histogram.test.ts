import { build } from 'hdr-histogram-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram, LATENCY_HISTOGRAM } from '../../src/core/histogram.ts';
import { Rng } from '../../src/core/rng.ts';

const PERCENTS = [0.001, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100];

/** Integers spread over all magnitudes below `highest`. */
function drawValues(seed: number, count: number, highest: number): number[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => Math.floor(highest ** rng.uniform()) - rng.integer(2));
}

describe('Histogram', () => {
  it('gives the percentiles, count and maximum of hdr-histogram-js for any values, digits and range', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(1e3, 1e6, 2 ** 32, 3.6e12),
        (seed, count, significantDigits, highestValue) => {
          const ours = new Histogram({ highestValue, significantDigits });
          const oracle = build({
            lowestDiscernibleValue: 1,
            highestTrackableValue: highestValue,
            numberOfSignificantValueDigits: significantDigits as 1 | 2 | 3 | 4,
          });
          const values = drawValues(seed, count, highestValue);
          for (const value of values) {
            ours.record(value);
            oracle.recordValue(value);
          }
          const max = Math.max(...values);
          expect(ours.count()).toBe(oracle.totalCount);
          expect(ours.max()).toBe(max);
          for (const percent of PERCENTS) {
            expect(ours.percentile(percent)).toBe(Math.min(oracle.getValueAtPercentile(percent), max));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps every percentile within the promised relative error of the exact quantile', () => {
    const histogram = new Histogram(LATENCY_HISTOGRAM);
    const values = drawValues(7, 5000, 1e10);
    for (const value of values) histogram.record(value);
    values.sort((a, b) => a - b);
    for (const percent of PERCENTS) {
      const exact = values[Math.max(0, Math.ceil((percent / 100) * values.length - 1e-9) - 1)];
      const found = histogram.percentile(percent);
      expect(found).toBeGreaterThanOrEqual(exact);
      expect(found).toBeLessThanOrEqual(exact * 1.001);
    }
  });

  it('keeps the exact mean', () => {
    const histogram = new Histogram(LATENCY_HISTOGRAM);
    for (const value of [1, 1_000_000, 5]) histogram.record(value);
    expect(histogram.mean()).toBe(1_000_006 / 3);
  });

  it('is zero everywhere when nothing was recorded', () => {
    const histogram = new Histogram(LATENCY_HISTOGRAM);
    expect([histogram.percentile(99), histogram.max(), histogram.mean(), histogram.count()]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it('is read through another view of the same memory', () => {
    const recorder = new Histogram(LATENCY_HISTOGRAM);
    const reader = new Histogram(LATENCY_HISTOGRAM, recorder.buffer);
    recorder.record(1234);
    expect(reader.percentile(50)).toBe(1234);
    expect(reader.count()).toBe(1);
  });

  it('clamps values outside its range and says how many', () => {
    const histogram = new Histogram({ highestValue: 1000, significantDigits: 2 });
    histogram.record(-3);
    histogram.record(5000);
    expect([histogram.clampedCount(), histogram.max(), histogram.percentile(1)]).toEqual([2, 1000, 0]);
    expect(() => {
      histogram.record(Number.NaN);
    }).toThrow(/NaN/);
  });

  it('merges to what one histogram of all values would be', () => {
    const parts = [new Histogram(LATENCY_HISTOGRAM), new Histogram(LATENCY_HISTOGRAM)];
    const whole = new Histogram(LATENCY_HISTOGRAM);
    drawValues(3, 1000, 1e9).forEach((value, i) => {
      parts[i % 2].record(value);
      whole.record(value);
    });
    parts[0].merge(parts[1]);
    for (const percent of PERCENTS) expect(parts[0].percentile(percent)).toBe(whole.percentile(percent));
    expect(parts[0].mean()).toBe(whole.mean());
    expect(parts[0].max()).toBe(whole.max());
  });

  it('merges only histograms of one layout', () => {
    const fine = new Histogram(LATENCY_HISTOGRAM);
    expect(() => {
      fine.merge(new Histogram({ highestValue: 1000, significantDigits: 3 }));
    }).toThrow(RangeError);
  });
});
