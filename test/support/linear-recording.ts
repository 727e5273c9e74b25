/** A made-up recording whose spikes depend on a smooth movement, small enough for tests. */
import { Rng } from '../../src/core/rng.ts';
import type { BinnedRecording, Segment } from '../../src/core/recording.ts';

export interface LinearRecordingOptions {
  binCount: number;
  channelCount: number;
  seed: number;
  segments?: readonly Segment[];
  /** Bins that spikes run ahead of the movement. */
  leadBins?: number;
  /** How much of its velocity a movement keeps from bin to bin. Default 0.9. */
  persistence?: number;
}

/**
 * Velocity follows v[t] = persistence v[t-1] + noise, with variance 1; channel c counts Poisson(exp(b_c + w_c v[t + lead])). The second channel
 * is silent.
 */
export function linearRecording(options: LinearRecordingOptions): BinnedRecording {
  const { binCount, channelCount, leadBins = 0, persistence = 0.9 } = options;
  const noise = Math.sqrt(1 - persistence ** 2);
  const rng = new Rng(options.seed);
  const ahead = new Float32Array((binCount + leadBins) * 2);
  for (let i = 0; i < ahead.length; i++)
    ahead[i] = (i < 2 ? 0 : persistence * ahead[i - 2]) + rng.normal(0, noise);
  const tuning = Float32Array.from({ length: channelCount * 2 }, () => rng.normal(0, 0.5));
  const features = new Float32Array(binCount * channelCount);
  for (let bin = 0; bin < binCount; bin++) {
    const [vx, vy] = ahead.subarray((bin + leadBins) * 2);
    for (let c = 0; c < channelCount; c++) {
      if (c === 1) continue;
      features[bin * channelCount + c] = rng.poisson(
        Math.exp(tuning[c * 2] * vx + tuning[c * 2 + 1] * vy - 0.5),
      );
    }
  }
  return {
    name: 'made up',
    binMs: 50,
    binCount,
    channels: Array.from({ length: channelCount }, (_, i) => ({ label: `c${i}`, unit: 'count' })),
    features,
    target: {
      name: 'handVelocity',
      labels: ['x', 'y'],
      unit: 'm/s',
      values: ahead.slice(0, binCount * 2).map((v) => 0.2 * v + 0.05),
    },
    segments: options.segments ?? [{ startBin: 0, endBin: binCount }],
  };
}
