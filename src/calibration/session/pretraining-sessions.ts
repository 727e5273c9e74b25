/** The sessions of a pretraining: held-out ends, normalisation, and their shares of every batch. */
import { BetzError } from '../../core/errors.ts';
import type { BinnedRecording } from '../../core/recording.ts';
import type { Rng } from '../../core/rng.ts';
import type { Normalisation } from '../../decoders/decoder.ts';
import { columnMoments, expectMovement, fitNormalisation } from '../normalisation.ts';
import type { BinRange } from '../splits.ts';
import type { StepPlan } from '../step-plan.ts';
import { WindowSampler } from '../training-windows.ts';
import type { BatchSampler } from '../training-windows.ts';
import { ShiftedSampler } from './fine-tune.ts';

const BIN_COUNT_MIN = 200;
const TRAIN_SHARE = 0.85;

export interface PretrainingSession {
  recording: BinnedRecording;
  train: BinRange;
  validation: BinRange;
  normalisation: Normalisation;
}

/** @throws BetzError CAL_RECORDING_TOO_SHORT, CAL_TARGET_CONSTANT, CAL_FEATURES_CONSTANT */
export function prepareSessions(recordings: readonly BinnedRecording[]): PretrainingSession[] {
  const sessions = recordings.map((recording) => {
    const { binCount, features, target, channels, name } = recording;
    const trainEnd = Math.floor(binCount * TRAIN_SHARE);
    if (binCount < BIN_COUNT_MIN) throw tooShort(name, binCount);
    const train = { startBin: 0, endBin: trainEnd };
    const validation = { startBin: trainEnd, endBin: binCount };
    expectMovement(target, validation);
    return {
      recording,
      train,
      validation,
      normalisation: fitNormalisation(features, channels.length, target, train),
    };
  });
  const outputs = pooledOutputs(sessions);
  return sessions.map((session) => ({ ...session, normalisation: { ...session.normalisation, ...outputs } }));
}

/** Mean and deviation of the behaviour over the training parts of all sessions: the readout is one. */
function pooledOutputs(sessions: readonly PretrainingSession[]): {
  outputMean: Float32Array;
  outputScale: Float32Array;
} {
  const width = sessions[0].recording.target.labels.length;
  const parts = sessions.map(({ recording, train }) => ({
    count: train.endBin - train.startBin,
    ...columnMoments(recording.target.values, width, train),
  }));
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  const weighted = (of: (part: (typeof parts)[number], d: number) => number): Float64Array =>
    Float64Array.from({ length: width }, (_, d) =>
      parts.reduce((sum, part) => sum + (part.count / total) * of(part, d), 0),
    );
  const means = weighted(({ means: each }, d) => each[d]);
  const variances = weighted((part, d) => part.deviations[d] ** 2 + (part.means[d] - means[d]) ** 2);
  return { outputMean: Float32Array.from(means), outputScale: Float32Array.from(variances, Math.sqrt) };
}

/** Rows in proportion to the sessions' bins, one at least. */
export function shareRows(
  batchCount: number,
  recordings: readonly BinnedRecording[],
): { channelCount: number; rowCount: number }[] {
  const total = recordings.reduce((sum, { binCount }) => sum + binCount, 0);
  const rowCounts = recordings.map(({ binCount }) =>
    Math.max(1, Math.floor((binCount / total) * batchCount)),
  );
  const given = (): number => rowCounts.reduce((sum, count) => sum + count, 0);
  for (let i = 0; given() < batchCount; i = (i + 1) % rowCounts.length) rowCounts[i]++;
  while (given() > batchCount) rowCounts[rowCounts.indexOf(Math.max(...rowCounts))]--;
  return recordings.map(({ channels }, i) => ({ channelCount: channels.length, rowCount: rowCounts[i] }));
}

/** Every row of the batch from its own session. */
export class SessionsSampler implements BatchSampler {
  private readonly parts: readonly { sampler: ShiftedSampler; starts: Int32Array }[];

  constructor(
    { sessions = [], windowBins }: StepPlan,
    segments: readonly (readonly { startBin: number; endBin: number }[])[],
    shiftBins: number,
  ) {
    this.parts = sessions.map(({ rowCount }, i) => ({
      sampler: new ShiftedSampler(new WindowSampler(segments[i], windowBins + 2 * shiftBins), shiftBins),
      starts: new Int32Array(rowCount),
    }));
  }

  sample(rng: Rng, starts: Int32Array): void {
    let row = 0;
    for (const part of this.parts) {
      part.sampler.sample(rng, part.starts);
      starts.set(part.starts, row);
      row += part.starts.length;
    }
  }
}

function tooShort(name: string, binCount: number): BetzError {
  return new BetzError('CAL_RECORDING_TOO_SHORT', `'${name}' has ${binCount} bins: too few to pretrain on`, {
    value: binCount,
    tip: `Leave it out, or record at least ${BIN_COUNT_MIN} bins; some minutes are usual.`,
  });
}
