/** Counts averaged over windows of some bins: noise of single spikes goes, what is slow stays. */
import type { Segment } from '../core/recording.ts';

/**
 * The mean of every window of `windowBins` consecutive bins, one bin apart, within segments; a segment that is shorter gives none.
 * @param features [bins x channelCount]
 * @returns [windows x channelCount]
 */
export function windowMeans(
  features: Float32Array,
  channelCount: number,
  segments: readonly Segment[],
  windowBins: number,
): Float32Array {
  const counts = segments.map(({ startBin, endBin }) => Math.max(0, endBin - startBin - windowBins + 1));
  const means = new Float32Array(counts.reduce((sum, count) => sum + count, 0) * channelCount);
  const sums = new Float64Array(channelCount);
  let row = 0;
  segments.forEach(({ startBin }, segment) => {
    for (let window = 0; window < counts[segment]; window++) {
      const first = (startBin + window) * channelCount;
      sums.fill(0);
      for (let i = 0; i < windowBins; i++)
        for (let c = 0; c < channelCount; c++) sums[c] += features[first + i * channelCount + c];
      for (let c = 0; c < channelCount; c++) means[row * channelCount + c] = sums[c] / windowBins;
      row++;
    }
  });
  return means;
}
