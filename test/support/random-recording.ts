import { Rng } from '../../src/core/rng.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';

/** @param segmentStarts first bins of the segments; the first is 0 */
export function randomRecording(
  seed: number,
  { binCount = 60, channelCount = 4, binMs = 50, segmentStarts = [0] } = {},
): BinnedRecording {
  const rng = new Rng(seed);
  return {
    name: `random ${seed}`,
    binMs,
    binCount,
    channels: Array.from({ length: channelCount }, (_, i) => ({ label: `unit ${i + 1}`, unit: 'count' })),
    features: Float32Array.from({ length: binCount * channelCount }, () => rng.poisson(0.5)),
    target: {
      name: 'handVelocity',
      labels: ['x', 'y'],
      unit: 'm/s',
      values: Float32Array.from({ length: binCount * 2 }, () => rng.normal()),
    },
    segments: segmentStarts.map((startBin, i) => ({ startBin, endBin: segmentStarts[i + 1] ?? binCount })),
  };
}
