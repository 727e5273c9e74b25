import { describe, expect, it } from 'vitest';
import {
  firstAcquiredS,
  indexOfDifficulty,
  plateauS,
  successByMinute,
  taskMetrics,
} from '../../src/task/metrics.ts';
import type { TrialResult } from '../../src/task/target-task.ts';

/** A target of 4 cm across, 12 cm away: log2(1 + 3) = 2 bits. */
const trial = (startS: number, endS: number, parts: Partial<TrialResult> = {}): TrialResult => ({
  startS,
  endS,
  isSuccess: true,
  target: { x: 0.12, y: 0, radiusM: 0.02 },
  distanceM: 0.12,
  timeToTargetS: 1,
  pathM: 0.2,
  straightM: 0.1,
  ...parts,
});
const missed = (startS: number, endS: number): TrialResult =>
  trial(startS, endS, { isSuccess: false, timeToTargetS: NaN, pathM: NaN, straightM: NaN });

describe('taskMetrics', () => {
  it('has the index of difficulty of Shannon form', () => {
    expect(indexOfDifficulty(trial(0, 1))).toBeCloseTo(2, 12);
    expect(indexOfDifficulty(trial(0, 1, { distanceM: 0.04 }))).toBeCloseTo(1, 12);
  });

  it('agrees with numbers worked out by hand', () => {
    // 2 bits in 1 s, 1 bit in 2 s, 2 bits in 4 s; one miss of 2 bits; 20 s from first start to last end.
    const metrics = taskMetrics([
      trial(10, 12),
      trial(13, 16, { distanceM: 0.04, timeToTargetS: 2, straightM: 0.15 }),
      missed(17, 22),
      trial(23, 30, { timeToTargetS: 4, straightM: 0.04 }),
    ]);
    expect(metrics.trialCount).toBe(4);
    expect(metrics.successRate).toBe(0.75);
    expect(metrics.timeToTargetS).toBe(2);
    expect(metrics.pathEfficiency).toBeCloseTo(0.5, 12);
    expect(metrics.throughputBitPerS).toBeCloseTo((2 / 1 + 1 / 2 + 2 / 4) / 3, 12);
    expect(metrics.achievedBitPerS).toBeCloseTo((2 + 1 + 2 - 2) / 20, 12);
  });

  it('gives no bits, and no times, where misses outweigh', () => {
    const metrics = taskMetrics([trial(0, 2), missed(3, 8), missed(9, 14)]);
    expect(metrics.achievedBitPerS).toBe(0);
    expect(taskMetrics([missed(0, 5)]).timeToTargetS).toBeNaN();
    expect(taskMetrics([missed(0, 5)]).throughputBitPerS).toBeNaN();
    expect(taskMetrics([]).successRate).toBeNaN();
  });

  it('is the mean of the two middle ones where their number is even', () => {
    expect(taskMetrics([trial(0, 1), trial(2, 6, { timeToTargetS: 4 })]).timeToTargetS).toBe(2.5);
  });
});

describe('when', () => {
  it('success is counted in the minute in which a trial ended', () => {
    const rates = successByMinute([trial(50, 60), missed(59, 61), trial(90, 100), trial(181, 190)], 4);
    expect(rates).toEqual([1, 0.5, NaN, 1]);
  });

  it('the first target was acquired, hold included', () => {
    expect(firstAcquiredS([missed(20, 25), trial(26, 28), trial(29, 31)])).toBe(28);
    expect(firstAcquiredS([missed(20, 25)])).toBeNaN();
  });

  it('the plateau is at the end of the first 20 trials with at most one miss', () => {
    const trials = (missedAt: readonly number[], count: number): TrialResult[] =>
      Array.from({ length: count }, (_, i) => (missedAt.includes(i) ? missed(i, i + 1) : trial(i, i + 1)));
    expect(plateauS(trials([], 19))).toBeNaN();
    expect(plateauS(trials([7], 30))).toBe(20);
    expect(plateauS(trials([3, 7], 30))).toBe(24); // trials 4 to 23
    expect(plateauS(trials([3, 12, 22], 33))).toBe(33); // 13 to 32
    expect(plateauS(trials([3, 12, 22], 32))).toBeNaN();
  });
});
