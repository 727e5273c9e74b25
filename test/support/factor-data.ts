/** Bins of known factors: y = C x + d + e, with everything drawn from a seed. */
import { Rng } from '../../src/core/rng.ts';

export interface FactorData {
  channelCount: number;
  latentCount: number;
  /** [channels x latents] */
  loadings: Float64Array;
  means: Float64Array;
  privateVariances: Float64Array;
}

export function randomFactors(channelCount: number, latentCount: number, seed: number): FactorData {
  const rng = new Rng(seed);
  return {
    channelCount,
    latentCount,
    loadings: Float64Array.from({ length: channelCount * latentCount }, () => rng.normal(0, 0.7)),
    means: Float64Array.from({ length: channelCount }, () => rng.uniform(0.5, 3)),
    privateVariances: Float64Array.from({ length: channelCount }, () => rng.uniform(0.3, 1.2)),
  };
}

/** @returns y [bins x channels] and the x behind it [bins x latents] */
export function drawBins(
  { channelCount, latentCount, loadings, means, privateVariances }: FactorData,
  binCount: number,
  seed: number,
): { counts: Float32Array; latents: Float32Array } {
  const rng = new Rng(seed);
  const counts = new Float32Array(binCount * channelCount);
  const latents = Float32Array.from({ length: binCount * latentCount }, () => rng.normal());
  for (let bin = 0; bin < binCount; bin++) {
    for (let i = 0; i < channelCount; i++) {
      let y = means[i] + rng.normal(0, Math.sqrt(privateVariances[i]));
      for (let l = 0; l < latentCount; l++)
        y += loadings[i * latentCount + l] * latents[bin * latentCount + l];
      counts[bin * channelCount + i] = y;
    }
  }
  return { counts, latents };
}

/** |a - b| / |b| */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let error = 0;
  let length = 0;
  for (let i = 0; i < b.length; i++) {
    error += (a[i] - b[i]) ** 2;
    length += b[i] ** 2;
  }
  return Math.sqrt(error / length);
}
