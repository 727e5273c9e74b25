/**
 * Undoes the shrinkage of a velocity decoder. What is fitted by least squares is regressed towards the mean: where spikes
 * explain half of the variance, decoded speeds are half of those meant. In open loop that is the smallest error; in closed
 * loop it is a slow cursor, and intention estimation, which keeps the decoded speed, hands the slowness on to the next fit,
 * slower each time. So the output is scaled for what is decoded to be, in the mean, as fast as what was meant:
 *   gain = sum y.y / sum y.v   over bins in which y, the velocity meant, is not 0;  v decoded, on bins not fitted on.
 * Noise grows by the same factor, and so the gain is limited.
 */
import type { BinnedRecording } from '../core/recording.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import type { Model } from '../decoders/decoder.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { decodeRange } from './decode-range.ts';
import type { BinRange } from './splits.ts';

/** A decoder that needs more than this knows too little for its noise to be blown up. */
const GAIN_MAX = 3;

/**
 * @param recording with the velocity that was meant as its target @param range of its bins, ones that were not fitted on
 * @returns in 1..3; 1 where nothing moves, 3 where the decoded velocity has nothing to do with the one meant
 */
export function speedGain(
  model: Model,
  recording: BinnedRecording,
  range: BinRange,
  kernels: Kernels,
): number {
  const decoder = findDecoderKind(model.kind).createDecoder(model, kernels);
  const decoded = decodeRange(decoder, model, recording, range);
  const offset = range.startBin * model.shape.outputCount;
  let meant = 0;
  let along = 0;
  for (let i = 0; i < decoded.length; i++) {
    meant += recording.target.values[offset + i] ** 2;
    along += recording.target.values[offset + i] * decoded[i];
  }
  if (meant === 0) return 1;
  return along <= 0 ? GAIN_MAX : Math.max(1, Math.min(GAIN_MAX, meant / along));
}

/** The same model with its output multiplied. */
export function withGain(model: Model, gain: number): Model {
  const { outputMean, outputScale } = model.normalisation;
  return {
    ...model,
    normalisation: {
      ...model.normalisation,
      outputMean: outputMean.map((value) => value * gain),
      outputScale: outputScale.map((value) => value * gain),
    },
    provenance: { ...model.provenance, speedGain: gain },
  };
}
