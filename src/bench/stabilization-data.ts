/** What the benchmark of stabilisation takes from a recording: whole trials of a kind, with and without the recorded instability. */
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording, ChannelInfo, Recording, Segment, Trial } from '../core/recording.ts';
import { binRecording } from '../recording/bin-recording.ts';
import { lagBehaviour, laggedBins } from '../recording/neural-lag.ts';
import { applyInstability } from '../recording/recorded-instability.ts';
import type { RecordedInstability } from '../recording/recorded-instability.ts';

/** Trials that follow one another; each is a segment. */
export interface TrialSet {
  /** Counts of the decoder's channels, direction to the target as target. */
  binned: BinnedRecording;
  /** Bins in which the cursor moved: what directions are fitted and scored on. */
  movement: readonly Segment[];
}

export interface StabilizationData {
  channelLabels: readonly string[];
  /** For fitting: the first part of the baseline trials. */
  calibration: TrialSet;
  /** With the instability, as the stabiliser got them; labels are not used. */
  newDay: TrialSet;
  /** For scoring: the same trials without and with the instability. */
  evaluation: { before: TrialSet; after: TrialSet };
}

export interface NewDayAmount {
  /** Infinity for all. */
  seconds: number;
  part: 'newest' | 'oldest';
}

const TARGET_NAME = 'targetDirection';
const CALIBRATION_SHARE = 0.7;

/**
 * The channels are those that the decoder used in the experiment. The others, which it could have used, stayed as they were,
 * and with them the task would be easier than it was.
 * @param lagMs what has labels is paired with the behaviour so much later; no trial is left without a bin
 * @param newDay what of the stabilisation trials there is to align from: 'newest', those just before the evaluation, or 'oldest'
 * @throws BetzError LOG_TARGET_UNKNOWN, LOG_TRIALS_MISSING, LOG_LAG_TOO_LONG
 */
export function stabilizationData(
  recording: Recording,
  instability: RecordedInstability,
  newDay: NewDayAmount,
  lagMs = 0,
): StabilizationData {
  const before = binRecording(recording, { targetName: TARGET_NAME });
  const labels = before.channels.map(({ label }) => label);
  const after = { ...before, features: applyInstability(before.features, labels, instability) };
  const baseline = trialsOf(recording, 'baselineEvaluation');
  const evaluation = trialsOf(recording, 'stabilizationEvaluation');
  const take = (binned: BinnedRecording, trials: readonly Trial[]): TrialSet =>
    takeTrials(binned, trials, instability.channels);
  return {
    channelLabels: instability.channels,
    calibration: lagTrials(
      take(before, baseline.slice(0, Math.floor(baseline.length * CALIBRATION_SHARE))),
      lagMs,
    ),
    newDay: take(after, someTrials(trialsOf(recording, 'stabilization'), newDay)),
    evaluation: {
      before: lagTrials(take(before, evaluation), lagMs),
      after: lagTrials(take(after, evaluation), lagMs),
    },
  };
}

function trialsOf({ trials, name }: Recording, label: string): readonly Trial[] {
  const found = trials.filter((trial) => trial.label === label);
  if (found.length > 1) return found;
  throw new BetzError(
    'LOG_TRIALS_MISSING',
    `the recording '${name}' has ${found.length} trials of '${label}'`,
    {
      value: found.length,
      tip: 'This benchmark needs a recording of the stabiliser, with its kinds of trials (docs/formats.md, "closed-loop trials").',
    },
  );
}

/** Whole trials, as many as fit; at least one. */
function someTrials(trials: readonly Trial[], { seconds, part }: NewDayAmount): readonly Trial[] {
  const ordered = part === 'newest' ? [...trials].reverse() : trials;
  let total = 0;
  const count = ordered.findIndex(({ startS, endS }) => (total += endS - startS) > seconds);
  const taken = count < 0 ? trials.length : Math.max(1, count);
  return part === 'newest' ? trials.slice(-taken) : trials.slice(0, taken);
}

function takeTrials(
  binned: BinnedRecording,
  trials: readonly Trial[],
  channelLabels: readonly string[],
): TrialSet {
  const binS = binned.binMs / 1000;
  const columns = channelLabels.map((label) => binned.channels.findIndex((each) => each.label === label));
  const channels: ChannelInfo[] = channelLabels.map((label) => ({ label, unit: 'count' }));
  const sourceBins: number[] = [];
  const segments: Segment[] = [];
  const movement: Segment[] = [];
  for (const { startS, movementS = startS, endS } of trials) {
    const [first, moved, end] = [startS, movementS, endS].map((timeS) => Math.round(timeS / binS));
    const startBin = sourceBins.length;
    for (let bin = first; bin < end; bin++) sourceBins.push(bin);
    const endBin = sourceBins.length;
    segments.push({ startBin, endBin });
    movement.push({ startBin: startBin + moved - first, endBin });
  }
  const pick = (values: Float32Array, width: number, picked: readonly number[]): Float32Array => {
    const rows = new Float32Array(sourceBins.length * picked.length);
    sourceBins.forEach((bin, row) => {
      picked.forEach((column, i) => (rows[row * picked.length + i] = values[bin * width + column]));
    });
    return rows;
  };
  const { target } = binned;
  const axisCount = target.labels.length;
  return {
    binned: {
      ...binned,
      binCount: sourceBins.length,
      channels,
      segments,
      features: pick(binned.features, binned.channels.length, columns),
      target: {
        ...target,
        values: pick(
          target.values,
          axisCount,
          Array.from({ length: axisCount }, (_, i) => i),
        ),
      },
    },
    movement,
  };
}

/** Movement is that of the behaviour, and begins so much earlier in the features. */
function lagTrials({ binned, movement }: TrialSet, lagMs: number): TrialSet {
  const lagged = lagBehaviour(binned, lagMs);
  const { behaviour } = laggedBins(binned, lagMs);
  return {
    binned: lagged,
    movement: lagged.segments.map(({ startBin, endBin }, trial) => {
      const own = behaviour.subarray(startBin, endBin);
      return { startBin: startBin + own.filter((bin) => bin < movement[trial].startBin).length, endBin };
    }),
  };
}

/** The rows of the bins of movement, one after another. @param values [bins of the set x width] */
export function movementRows(set: TrialSet, values: Float32Array, width: number): Float32Array {
  const rows = set.movement.map(({ startBin, endBin }) => values.subarray(startBin * width, endBin * width));
  const gathered = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  rows.reduce((at, row) => {
    gathered.set(row, at);
    return at + row.length;
  }, 0);
  return gathered;
}
