/** Features as a decoder sees them, for a whole recording at once: smoothed as the streaming stage smooths. */
import type { Segment } from '../core/recording.ts';
import type { Normalisation } from '../decoders/decoder.ts';

/**
 * Causal exponential smoothing, y[t] = a y[t-1] + (1 - a) x[t] with y = 0 before a segment's first bin.
 * @param features [binCount x channelCount]
 * @param smoothing a, in [0, 1); 0 returns `features` itself
 */
export function smoothFeatures(
  features: Float32Array,
  channelCount: number,
  segments: readonly Segment[],
  smoothing: number,
): Float32Array {
  if (smoothing === 0) return features;
  const smoothed = new Float32Array(features.length);
  const level = new Float32Array(channelCount);
  for (const { startBin, endBin } of segments) {
    level.fill(0);
    for (let bin = startBin; bin < endBin; bin++) {
      for (let channel = 0; channel < channelCount; channel++) {
        const index = bin * channelCount + channel;
        level[channel] = smoothing * level[channel] + (1 - smoothing) * features[index];
        smoothed[index] = level[channel];
      }
    }
  }
  return smoothed;
}

/** Z-scored columns, column-major so that a channel's bins lie together: [channelCount][binCount]. */
export function normalisedChannels(
  features: Float32Array,
  channelCount: number,
  binCount: number,
  normalisation: Pick<Normalisation, 'featureMean' | 'featureScale'>,
): Float64Array {
  const channels = new Float64Array(channelCount * binCount);
  for (let channel = 0; channel < channelCount; channel++) {
    const mean = normalisation.featureMean[channel];
    const scale = normalisation.featureScale[channel];
    const offset = channel * binCount;
    for (let bin = 0; bin < binCount; bin++) {
      channels[offset + bin] = (features[bin * channelCount + channel] - mean) * scale;
    }
  }
  return channels;
}
