import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BinnedRecording } from '../../src/core/recording.ts';
import { Rng } from '../../src/core/rng.ts';
import { binRecording } from '../../src/recording/bin-recording.ts';
import { lagBehaviour, laggedBins } from '../../src/recording/neural-lag.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const BIN_MS = 20;

/** Segments of these lengths; feature = the bin's number, behaviour random. */
function recordingOf(lengths: readonly number[], seed: number): BinnedRecording {
  const rng = new Rng(seed);
  const binCount = lengths.reduce((sum, length) => sum + length, 0);
  let at = 0;
  return {
    name: 'lagged',
    binMs: BIN_MS,
    binCount,
    channels: [{ label: 'a', unit: 'count' }],
    features: Float32Array.from({ length: binCount }, (_, bin) => bin),
    target: {
      name: 'handVelocity',
      labels: ['x', 'y'],
      unit: 'm/s',
      values: Float32Array.from({ length: binCount * 2 }, () => rng.normal()),
    },
    segments: lengths.map((length) => ({ startBin: at, endBin: (at += length) })),
  };
}

/** The pairs of feature and behaviour that a lag of whole bins leaves, segment by segment. */
function shifted({ segments, target }: BinnedRecording, bins: number): number[][] {
  return segments.flatMap(({ startBin, endBin }) => {
    const rows: number[][] = [];
    for (let bin = startBin; bin < endBin; bin++) {
      const from = bin + bins;
      if (from < startBin || from >= endBin) continue;
      rows.push([bin, target.values[from * 2], target.values[from * 2 + 1]]);
    }
    return rows;
  });
}

function rowsOf({ features, target, binCount }: BinnedRecording): number[][] {
  return Array.from({ length: binCount }, (_, bin) => [
    features[bin],
    target.values[bin * 2],
    target.values[bin * 2 + 1],
  ]);
}

const lengths = fc.array(fc.integer({ min: 8, max: 20 }), { minLength: 1, maxLength: 4 });

describe('lagBehaviour', () => {
  it('of whole bins moves the behaviour by so many bins within each segment, in both directions', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: -7, max: 7 }), fc.nat(), (each, bins, seed) => {
        const recording = recordingOf(each, seed);
        const lagged = lagBehaviour(recording, bins * BIN_MS);
        expect(rowsOf(lagged)).toEqual(shifted(recording, bins));
        expect(lagged.segments.map(({ startBin, endBin }) => endBin - startBin)).toEqual(
          each.map((length) => length - Math.abs(bins)),
        );
        expect(lagged.segments[lagged.segments.length - 1].endBin).toBe(lagged.binCount);
        expect(lagged.lagMs ?? 0).toBe(bins * BIN_MS);
      }),
    );
  });

  it('between whole bins is the straight line between the two', () => {
    fc.assert(
      fc.property(
        lengths,
        fc.integer({ min: -6, max: 5 }),
        fc.integer({ min: 1, max: 19 }),
        fc.nat(),
        (each, bins, partMs, seed) => {
          const recording = recordingOf(each, seed);
          const lagged = lagBehaviour(recording, bins * BIN_MS + partMs);
          const before = shifted(recording, bins);
          const after = new Map(shifted(recording, bins + 1).map(([bin, ...values]) => [bin, values]));
          const expected = before.flatMap(([bin, ...values]) => {
            const next = after.get(bin);
            return next === undefined
              ? []
              : [[bin, ...values.map((v, i) => v + (partMs / BIN_MS) * (next[i] - v))]];
          });
          const found = rowsOf(lagged);
          expect(found.map(([bin]) => bin)).toEqual(expected.map(([bin]) => bin));
          found.forEach((row, i) => {
            row.forEach((value, j) => {
              expect(value).toBeCloseTo(expected[i][j], 4);
            });
          });
        },
      ),
    );
  });

  it('of 0 is the recording itself, and a lag is not lost to rounding', () => {
    const recording = recordingOf([10], 1);
    expect(lagBehaviour(recording, 0)).toBe(recording);
    const odd = { ...recording, binMs: 16.7 };
    expect(rowsOf(lagBehaviour(odd, 3 * 16.7))).toEqual(shifted(odd, 3));
  });

  it('is refused when a trial is not longer, by code', () => {
    const recording = recordingOf([30, 5, 30], 1);
    expect(lagBehaviour(recording, 4 * BIN_MS).segments).toHaveLength(3);
    for (const lagMs of [5 * BIN_MS, -5 * BIN_MS, 4.5 * BIN_MS, 1e9, Number.NaN, Infinity])
      expect(betzErrorOf(() => lagBehaviour(recording, lagMs))).toMatchObject({
        code: 'LOG_LAG_TOO_LONG',
        value: lagMs,
      });
    expect(betzErrorOf(() => lagBehaviour(recording, 100)).message).toContain('100 ms in');
  });

  it('is a setting of binning, beside the bin width', () => {
    const values = Float32Array.from({ length: 40 }, (_, i) => i);
    const recording = {
      name: 'counts',
      channels: [{ label: 'a', unit: 'count' }],
      spikes: { kind: 'counts', binMs: 10, binCount: 40, values } as const,
      behaviour: [
        {
          name: 'handVelocity',
          labels: ['x'],
          unit: 'm/s',
          timesS: Float64Array.from(values, (i) => (i + 0.5) / 100),
          values,
        },
      ],
      trials: [],
      joinsS: [],
    };
    const { target, features, binCount, lagMs } = binRecording(recording, { binMs: 20, lagMs: 40 });
    expect([binCount, lagMs]).toEqual([18, 40]);
    expect(Array.from(features.subarray(0, 2))).toEqual([1, 5]);
    expect(Array.from(target.values.subarray(0, 2))).toEqual([4.5, 6.5]);
  });
});

describe('laggedBins', () => {
  it('tells of every bin that lagBehaviour leaves where its features and its behaviour were', () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: -7, max: 7 }), fc.nat(), (each, bins, seed) => {
        const recording = recordingOf(each, seed);
        const lagged = lagBehaviour(recording, bins * BIN_MS);
        const { features, behaviour } = laggedBins(recording, bins * BIN_MS);
        expect([...features]).toEqual([...lagged.features]); // the bin's number
        const { values } = recording.target;
        expect(Array.from(behaviour, (bin) => [values[bin * 2], values[bin * 2 + 1]])).toEqual(
          rowsOf(lagged).map(([, x, y]) => [x, y]),
        );
      }),
    );
    const { features, behaviour } = laggedBins(recordingOf([10], 1), 2.6 * BIN_MS);
    expect([[...features], [...behaviour]]).toEqual([
      [0, 1, 2, 3, 4, 5, 6],
      [3, 4, 5, 6, 7, 8, 9],
    ]);
  });

  it('refuses what lagBehaviour refuses', () => {
    expect(betzErrorOf(() => laggedBins(recordingOf([4], 1), 100)).code).toBe('LOG_LAG_TOO_LONG');
  });
});
