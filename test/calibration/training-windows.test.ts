import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clipSegments, windowBinsFor, WindowSampler } from '../../src/calibration/training-windows.ts';
import type { Segment } from '../../src/core/recording.ts';
import { Rng } from '../../src/core/rng.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

/** One after the other from bin 0. */
function segmentsOf(lengths: readonly number[]): Segment[] {
  let endBin = 0;
  return lengths.map((length) => ({ startBin: endBin, endBin: (endBin += length) }));
}

function drawn(sampler: WindowSampler, count: number, seed = 1): Int32Array {
  const starts = new Int32Array(count);
  sampler.sample(new Rng(seed), starts);
  return starts;
}

describe('clipSegments', () => {
  it("gives the segments' parts inside a range, and none that are empty", () => {
    const segments = segmentsOf([10, 5, 20]);
    expect(clipSegments(segments, { startBin: 4, endBin: 30 })).toEqual([
      { startBin: 4, endBin: 10 },
      { startBin: 10, endBin: 15 },
      { startBin: 15, endBin: 30 },
    ]);
    expect(clipSegments(segments, { startBin: 10, endBin: 15 })).toEqual([{ startBin: 10, endBin: 15 }]);
    expect(clipSegments(segments, { startBin: 35, endBin: 40 })).toEqual([]);
  });
});

describe('WindowSampler', () => {
  it('never lets a window cross a join or leave its segments, and never makes one longer than asked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer(),
        (lengths, wanted, seed) => {
          const segments = clipSegments(segmentsOf(lengths), { startBin: 3, endBin: 1000 });
          fc.pre(segments.some(({ startBin, endBin }) => endBin - startBin >= Math.min(wanted, 8)));
          const windowBins = windowBinsFor(segments, wanted);
          expect(windowBins).toBeLessThanOrEqual(wanted);
          expect(windowBins).toBeGreaterThanOrEqual(Math.min(wanted, 8));
          for (const start of drawn(new WindowSampler(segments, windowBins), 50, seed)) {
            const end = start + windowBins;
            expect(segments.some(({ startBin, endBin }) => startBin <= start && end <= endBin)).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('draws every possible window equally often, those at the ends included', () => {
    const sampler = new WindowSampler(segmentsOf([12, 3, 10, 11]), 10);
    const counts = new Map<number, number>();
    for (const start of drawn(sampler, 12_000)) counts.set(start, (counts.get(start) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 15, 25, 26]);
    // 2000 each, with a standard deviation of 41
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });

  it('gives the same windows for the same seed', () => {
    const sampler = new WindowSampler(segmentsOf([500]), 20);
    expect(drawn(sampler, 30, 7)).toEqual(drawn(sampler, 30, 7));
    expect(drawn(sampler, 30, 7)).not.toEqual(drawn(sampler, 30, 8));
  });

  it.each([
    ['as long as asked where it fits', [1000], 100, 100],
    ['as long as the only trial', [20], 100, 20],
    ['as long as most trials, when they hold 80 % of the bins', [...Array<number>(8).fill(30), 60], 60, 30],
    ['as long as the long segment, when it holds 80 % alone', [850, 40, 50, 60], 100, 100],
    ['shorter, when the long segment holds a little less', [790, 70, 70, 70], 100, 70],
    ['as short as it may be, however little of the recording that is', [9, 5, 5, 5, 5, 5], 100, 8],
    ['as short as asked', [4, 4], 3, 3],
  ])('makes windows %s', (_what, lengths, wanted, windowBins) => {
    expect(windowBinsFor(segmentsOf(lengths), wanted)).toBe(windowBins);
  });

  it.each([
    ['as long as most trials hold with the room', [30, 30, 30], 100, 8, 22],
    ['as long as asked where both fit', [108], 100, 8, 100],
    ['no shorter than without room', [16, 16], 100, 8, 8],
  ])('leaves room beside windows: %s', (_what, lengths, wanted, room, windowBins) => {
    expect(windowBinsFor(segmentsOf(lengths), wanted, room)).toBe(windowBins);
  });

  it.each([
    ['trials of 7 bins', [7, 7, 7], 0, '7 bins'],
    ['no segment at all', [], 0, '0 bins'],
    ['trials that hold a window and not the room beside it', [15, 15], 8, '15 bins'],
  ])('refuses %s', (_what, lengths, room, value) => {
    const error = betzErrorOf(() => windowBinsFor(segmentsOf(lengths), 100, room));
    expect(error.code).toBe('CAL_SEGMENTS_TOO_SHORT');
    expect(error.value).toContain(value);
    expect(error.tip).toContain(`${8 + room} bins`);
  });
});
