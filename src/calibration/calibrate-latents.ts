/** A decoder of latents, which can be brought to another day without labels (stabilize-model.ts). */
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { withReadInStatistics } from './hebbian/read-in-statistics.ts';
import { latentsOf, referenceSteps, unlabelledCounts } from './stabilize.ts';
import type { StabilizerReference } from './stabilize.ts';
import { modelOfLatents } from './stabilize-model.ts';
import type { BinRange } from './splits.ts';
import type { Steps } from './steps.ts';

export interface LatentTask {
  /** The same recording, its channels being the latents. */
  latents: BinnedRecording;
  /** What was trained on `latents`, as a decoder of the channels that keeps the day of calibration. */
  toChannels: (model: Model) => Model;
}

/**
 * In steps of a part of a second.
 * @param range the bins that factors are found in
 * @throws BetzError CAL_METHOD_UNSUPPORTED, CAL_STABILIZE_*, CAL_FEATURES_CONSTANT
 */
export function* latentTask(
  recording: BinnedRecording,
  range: BinRange,
  kindName: string,
  options: { latentCount: number; seed: number },
): Steps<LatentTask> {
  if (findDecoderKind(kindName).ends === undefined) {
    throw new BetzError('CAL_METHOD_UNSUPPORTED', `a '${kindName}' decoder has no read-in for latents`, {
      value: kindName,
      tip: 'Choose a kind that is trained by gradient, for example gru.',
    });
  }
  const day = unlabelledCounts(recording, range);
  yield;
  const reference = yield* referenceSteps(day, options);
  yield;
  const latents = latentRecording(recording, reference);
  return {
    latents,
    toChannels: (model) => withReadInStatistics(modelOfLatents(model, reference, day.counts), day.counts),
  };
}

/** The recording with the reference's latents for channels. */
export function latentRecording(
  recording: BinnedRecording,
  { factors }: StabilizerReference,
): BinnedRecording {
  const channels = Array.from({ length: factors.latentCount }, (_, l) => ({
    label: `latent ${l + 1}`,
    unit: '1',
  }));
  return { ...recording, channels, features: latentsOf(factors, recording.features) };
}
