/** A recording as the drift benchmark takes it: bins in time, and which of them R2 is taken over. */
import type { BinnedRecording, Recording } from '../core/recording.ts';
import { binRecording } from '../recording/bin-recording.ts';
import { applyInstability } from '../recording/recorded-instability.ts';
import type { RecordedInstability } from '../recording/recorded-instability.ts';

export interface DriftRecordingData {
  binned: BinnedRecording;
  /** Where trials tell when movement began only from then on, else everywhere. */
  isScored: (bin: number) => boolean;
}

/** Trials of these labels had the instability. */
const UNSTABLE = /^(perturbation|stabilization)/;

/** Whether it is a recording of the stabiliser, which holds the parameters of an instability. */
export function hasInstability({ trials }: Recording): boolean {
  return trials.some(({ label }) => label !== undefined && UNSTABLE.test(label));
}

/**
 * @param instability applied to the trials that had it, over the channels that it lists; the others are left out
 * @throws BetzError LOG_TARGET_UNKNOWN
 */
export function driftRecordingData(
  recording: Recording,
  targetName: string | undefined,
  instability?: RecordedInstability,
): DriftRecordingData {
  const binned = binRecording(recording, targetName === undefined ? {} : { targetName });
  const isScored = movementBins(recording, binned);
  if (instability === undefined) return { binned, isScored: (bin) => isScored[bin] === 1 };
  const labels = binned.channels.map(({ label }) => label);
  const columns = instability.channels.map((label) => labels.indexOf(label));
  const width = labels.length;
  const changed = applyInstability(binned.features, labels, instability);
  const features = new Float32Array(binned.binCount * columns.length);
  const isUnstable = binsOf(recording, binned, ({ label = '' }) => UNSTABLE.test(label));
  for (let bin = 0; bin < binned.binCount; bin++) {
    const source = isUnstable[bin] === 1 ? changed : binned.features;
    columns.forEach((column, i) => (features[bin * columns.length + i] = source[bin * width + column]));
  }
  return {
    binned: { ...binned, features, channels: columns.map((column) => binned.channels[column]) },
    isScored: (bin) => isScored[bin] === 1,
  };
}

function binsOf(
  { trials }: Recording,
  { binMs, binCount }: BinnedRecording,
  isMeant: (trial: Recording['trials'][number]) => boolean,
  startOf: (trial: Recording['trials'][number]) => number = ({ startS }) => startS,
): Uint8Array {
  const flags = new Uint8Array(binCount);
  const toBin = (timeS: number): number => Math.round((timeS * 1000) / binMs);
  for (const trial of trials.filter(isMeant)) flags.fill(1, toBin(startOf(trial)), toBin(trial.endS));
  return flags;
}

function movementBins(recording: Recording, binned: BinnedRecording): Uint8Array {
  if (!recording.trials.some(({ movementS }) => movementS !== undefined)) {
    return new Uint8Array(binned.binCount).fill(1);
  }
  return binsOf(
    recording,
    binned,
    () => true,
    ({ startS, movementS }) => movementS ?? startS,
  );
}
