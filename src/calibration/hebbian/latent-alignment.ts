/**
 * How far running statistics of latents are from those of calibration: the statistic that Hebbian adaptation is watched by.
 * Entropy, which the method minimises in classification, does not exist for a regression; moments of features take its place.
 */

/** Of latents: [latentCount] and [latentCount x latentCount]. */
export interface LatentMoments {
  readonly mean: ArrayLike<number>;
  readonly covariance: ArrayLike<number>;
}

/**
 * sum of 2 (mean difference)^2 / variance and of (covariance difference)^2 / (variances), per latent: 0 when equal, and to
 * second order four times the Kullback-Leibler divergence for latents that are independent.
 * @param calibrated what it is measured from
 * @param window running moments
 */
export function alignmentDistance(calibrated: LatentMoments, window: LatentMoments): number {
  const size = calibrated.mean.length;
  let sum = 0;
  for (let k = 0; k < size; k++) {
    const variance = calibrated.covariance[k * size + k];
    if (!(variance > 0)) continue;
    sum += (2 * (window.mean[k] - calibrated.mean[k]) ** 2) / variance;
    for (let l = 0; l < size; l++) {
      const other = calibrated.covariance[l * size + l];
      if (!(other > 0)) continue;
      const difference = window.covariance[k * size + l] - calibrated.covariance[k * size + l];
      sum += difference ** 2 / (variance * other);
    }
  }
  return sum / size;
}

/** Takes one bin into exponentially weighted moments, in place. @param rate an object, because a number would be boxed */
export function updateMoments(
  mean: Float32Array,
  covariance: Float32Array,
  latents: Float32Array,
  rate: { readonly window: number },
): void {
  const share = rate.window;
  const size = latents.length;
  for (let k = 0; k < size; k++) {
    const dk = latents[k] - mean[k];
    for (let l = 0; l <= k; l++) {
      const dl = latents[l] - mean[l];
      const value = (1 - share) * (covariance[k * size + l] + share * dk * dl);
      covariance[k * size + l] = value;
      covariance[l * size + k] = value;
    }
  }
  for (let k = 0; k < size; k++) mean[k] += share * (latents[k] - mean[k]);
}
