/**
 * What trials say about control.
 *
 * Index of difficulty, in bits (Shannon form: MacKenzie and Buxton 1992, CHI '92, 219-226): ID = log2(1 + D / W), D from the
 * cursor at the start to the target's centre, W the target's diameter.
 * Throughput: the mean over acquired targets of ID / time to target (mean of means as in ISO 9241-9; Soukoreff and
 * MacKenzie 2004, Int J Hum-Comput Stud 61:751-789). It is blind to failures, holds and pauses.
 * Achieved bit rate: max(0, sum of ID over acquired targets - sum over missed ones) / all the time that passed. That is
 * the form of Nuyujukian et al. 2015 (IEEE TBME 62:21-29, B = log2(N - 1) max(Sc - Si, 0) / t), where a wrong choice
 * takes back a right one; theirs counts choices among N keys, ours the bits of each target.
 */
import type { TrialResult } from './target-task.ts';

export interface TaskMetrics {
  trialCount: number;
  /** NaN without trials. */
  successRate: number;
  /** Median over acquired targets, hold not included. These four are NaN where none was acquired. */
  timeToTargetS: number;
  /** Median of straight way / way gone, in 0..1; trials that began inside the target have none. */
  pathEfficiency: number;
  throughputBitPerS: number;
  achievedBitPerS: number;
}

export function indexOfDifficulty({ distanceM, target }: Pick<TrialResult, 'distanceM' | 'target'>): number {
  return Math.log2(1 + distanceM / (2 * target.radiusM));
}

/** @param trials consecutive ones; time is counted from the first one's start to the last one's end */
export function taskMetrics(trials: readonly TrialResult[]): TaskMetrics {
  const acquired = trials.filter(({ isSuccess }) => isSuccess);
  const moved = acquired.filter(({ pathM }) => pathM > 0);
  const timed = acquired.filter(({ timeToTargetS }) => timeToTargetS > 0);
  const bits = trials.reduce((sum, trial) => sum + (trial.isSuccess ? 1 : -1) * indexOfDifficulty(trial), 0);
  const passedS = trials.length === 0 ? Number.NaN : trials[trials.length - 1].endS - trials[0].startS;
  return {
    trialCount: trials.length,
    successRate: acquired.length / trials.length,
    timeToTargetS: middle(acquired.map(({ timeToTargetS }) => timeToTargetS)),
    pathEfficiency: middle(moved.map(({ straightM, pathM }) => straightM / pathM)),
    throughputBitPerS: mean(timed.map((trial) => indexOfDifficulty(trial) / trial.timeToTargetS)),
    achievedBitPerS: Math.max(0, bits) / passedS,
  };
}

/** Success rate of the trials that ended in each minute; NaN for a minute without. */
export function successByMinute(trials: readonly TrialResult[], minuteCount: number): number[] {
  return Array.from({ length: minuteCount }, (_, minute) => {
    const those = trials.filter(({ endS }) => endS > minute * 60 && endS <= (minute + 1) * 60);
    return those.filter(({ isSuccess }) => isSuccess).length / those.length;
  });
}

/** When the first target was acquired, hold included; NaN if none was. */
export function firstAcquiredS(trials: readonly TrialResult[]): number {
  return trials.find(({ isSuccess }) => isSuccess)?.endS ?? Number.NaN;
}

/** Trials that a plateau is judged by, and the part of them that must succeed: 19 of 20. */
const PLATEAU_TRIALS = 20;
const PLATEAU_SHARE = 0.95;

/**
 * When the first window of 20 consecutive trials ended in which at least 95 % succeeded: the plateau is claimed only
 * once it has been shown. NaN if there was none.
 */
export function plateauS(trials: readonly TrialResult[]): number {
  for (let end = PLATEAU_TRIALS; end <= trials.length; end++) {
    const window = trials.slice(end - PLATEAU_TRIALS, end);
    const successCount = window.filter(({ isSuccess }) => isSuccess).length;
    if (successCount >= PLATEAU_SHARE * PLATEAU_TRIALS) return window[PLATEAU_TRIALS - 1].endS;
  }
  return Number.NaN;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Median; NaN of nothing. */
function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
