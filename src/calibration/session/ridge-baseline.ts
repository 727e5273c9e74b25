/** The ridge baseline of a session: fitted on what a candidate is fitted on, decoded as a candidate is. */
import type { BinnedRecording, Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import type { GradientHost } from '../calibrate-gradient.ts';
import { wienerSteps } from '../closed-form-wiener.ts';
import type { Splits } from '../splits.ts';
import { inTurns } from '../steps.ts';
import { takeRows } from './session-scores.ts';

const TRAIN_SHARE = 0.85;

/** @throws BetzError CAL_FEATURES_CONSTANT, CAL_TARGET_CONSTANT, and whatever the host throws on its turns */
export async function ridgeBaseline(
  recording: BinnedRecording,
  fit: readonly Segment[],
  host: Pick<GradientHost, 'yieldToHost'>,
): Promise<Model> {
  const gathered = onlySegments(recording, fit);
  const { binCount } = gathered;
  const trainEnd = Math.floor(binCount * TRAIN_SHARE);
  const splits: Splits = {
    train: { startBin: 0, endBin: trainEnd },
    validation: { startBin: trainEnd, endBin: binCount },
    fit: { startBin: 0, endBin: binCount },
    test: { startBin: binCount, endBin: binCount },
  };
  const { model } = await inTurns(wienerSteps(gathered, splits), () => host.yieldToHost());
  const { smoothing, ...fitted } = model;
  const { name, labels, unit } = recording.target;
  return {
    kind: 'wiener',
    ...fitted,
    features: {
      name: 'spikeCounts',
      smoothing,
      channelLabels: recording.channels.map(({ label }) => label),
    },
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance: {},
  };
}

/** The segments one after another, with joins between them. */
export function onlySegments(recording: BinnedRecording, segments: readonly Segment[]): BinnedRecording {
  let binCount = 0;
  const moved = segments.map(({ startBin, endBin }) => {
    const startAt = binCount;
    binCount += endBin - startBin;
    return { startBin: startAt, endBin: binCount };
  });
  const { target, features, channels } = recording;
  return {
    ...recording,
    binCount,
    features: takeRows(features, channels.length, segments),
    target: { ...target, values: takeRows(target.values, target.labels.length, segments) },
    segments: moved,
  };
}
