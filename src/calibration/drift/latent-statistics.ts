/**
 * The joint distribution of latents, and how each channel goes with them, over a window.
 *
 * Features are brought to mean 0 and variance 1 with the statistics of the *window*, not of the reference: what is left is
 * tuning, and a change of rates or gains alone does not show. Spikes of one bin are mostly noise, so the z-scores are
 * smoothed before they are mapped. Latents are whitened with the reference's covariance, so that on calibration data their
 * covariance is the identity. Per bin: O(C) and the map, O(R^2) for the covariance, O(C R) for the loadings.
 */
import type { LatentMap } from './latent-map.ts';

/** u -> root^-1 (u - mean): what makes calibration latents white. */
export interface Whitening {
  /** [latentCount] */
  readonly mean: ArrayLike<number>;
  /** Lower triangular, root root^T = covariance. [latentCount x latentCount] */
  readonly root: ArrayLike<number>;
}

export class LatentStatistics {
  /** Of whitened latents. [latentCount] */
  readonly mean: Float64Array;
  /** Second moments about 0 of whitened latents. [latentCount x latentCount] */
  readonly moments: Float64Array;
  /** E[channel x latent], [channelCount x latentCount] */
  readonly products: Float64Array;
  /** z-scores after smoothing. [channelCount] */
  readonly smoothed: Float64Array;
  /** [0]: share of the next bin, as in ChannelStatistics. */
  readonly share = new Float64Array(1);
  private readonly latents: Float64Array;
  private readonly map: LatentMap;
  private readonly whitening: Whitening;
  private readonly smoothing: number;

  /** @param smoothing a in y = a y + (1 - a) z, in [0, 1) */
  constructor(channelCount: number, map: LatentMap, whitening: Whitening, smoothing: number) {
    const { latentCount } = map;
    this.map = map;
    this.whitening = whitening;
    this.smoothing = smoothing;
    this.mean = new Float64Array(latentCount);
    this.moments = new Float64Array(latentCount * latentCount);
    this.products = new Float64Array(channelCount * latentCount);
    this.smoothed = new Float64Array(channelCount);
    this.latents = new Float64Array(latentCount);
  }

  /**
   * @param features [at + channelCount], finite
   * @param mean, scale z = (x - mean) scale; scale 0 leaves a channel out. [channelCount]
   */
  update(features: Float32Array, at: number, mean: ArrayLike<number>, scale: ArrayLike<number>): void {
    const { smoothed, smoothing, latents } = this;
    for (let channel = 0; channel < smoothed.length; channel++) {
      const z = (features[at + channel] - mean[channel]) * scale[channel];
      smoothed[channel] = smoothing * smoothed[channel] + (1 - smoothing) * z;
    }
    this.map.map(smoothed, latents);
    this.whiten();
    this.accumulate();
  }

  /** In place, by forward substitution. */
  private whiten(): void {
    const { latents, whitening } = this;
    const { mean, root } = whitening;
    const latentCount = latents.length;
    for (let r = 0; r < latentCount; r++) {
      let rest = latents[r] - mean[r];
      for (let s = 0; s < r; s++) rest -= root[r * latentCount + s] * latents[s];
      latents[r] = rest / root[r * latentCount + r];
    }
  }

  private accumulate(): void {
    const share = this.share[0];
    const { latents, mean, moments, products, smoothed } = this;
    const latentCount = latents.length;
    for (let r = 0; r < latentCount; r++) {
      mean[r] += share * (latents[r] - mean[r]);
      const at = r * latentCount;
      for (let s = 0; s < latentCount; s++) {
        moments[at + s] += share * (latents[r] * latents[s] - moments[at + s]);
      }
    }
    for (let channel = 0; channel < smoothed.length; channel++) {
      const z = smoothed[channel];
      const at = channel * latentCount;
      for (let r = 0; r < latentCount; r++) products[at + r] += share * (z * latents[r] - products[at + r]);
    }
  }
}
