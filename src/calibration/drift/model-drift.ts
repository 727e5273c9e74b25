/** The drift reference of a model: of the data that it was calibrated on, as its decoder gets them. */
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import type { DriftReference } from '../../decoders/drift-reference.ts';
import { smoothFeatures } from '../feature-matrix.ts';
import type { BinRange } from '../splits.ts';
import { clipSegments } from '../training-windows.ts';
import { DriftMonitor } from './drift-monitor.ts';
import { DRIFT_REFERENCE_S_MIN, fitDriftReference } from './drift-reference.ts';

/** The index is a mean over channels: with fewer, it often rose over its threshold on the day of calibration itself (docs/drift.md). */
export const DRIFT_CHANNELS_MIN = 8;

/**
 * Where the data or the channels that vary are too few, the model keeps none: that of the model it began from is of another day, and would ask for a calibration
 * that has just been made.
 * @param range that the model learned from; default: all
 */
export function withDriftReference(
  model: Model,
  recording: BinnedRecording,
  range: BinRange = { startBin: 0, endBin: recording.binCount },
): Model {
  const { channels, features, segments } = recording;
  const { startBin, endBin } = range;
  const calibrated = { ...model };
  delete calibrated.drift;
  if (((endBin - startBin) * model.binMs) / 1000 < DRIFT_REFERENCE_S_MIN) return calibrated;
  const width = channels.length;
  const smoothed = smoothFeatures(
    features,
    width,
    clipSegments(segments, range),
    model.features.smoothing,
  ).subarray(startBin * width, endBin * width);
  const drift = fitDriftReference(smoothed, width, model.binMs);
  return isWatched(drift) ? { ...calibrated, drift } : calibrated;
}

/** Whether enough channels vary for a session to watch by it. */
export function isWatched({ variance }: DriftReference): boolean {
  return variance.filter((value) => value > 0).length >= DRIFT_CHANNELS_MIN;
}

/** For whoever shows a model; null where it keeps no reference. */
export function describeDrift({
  drift,
}: Model): { windowS: number; blockCount: number; threshold: number } | null {
  if (drift === undefined) return null;
  const { windowS, blockCount } = drift;
  return { windowS, blockCount, threshold: new DriftMonitor(drift).threshold };
}
