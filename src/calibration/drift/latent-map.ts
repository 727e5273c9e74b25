/**
 * What turns normalised features into the few numbers whose joint distribution the drift index watches: a decoder's read-in,
 * or, where there is none, the principal components of the calibration's smoothed features.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** A fixed map; a hidden-feature function of a decoder will do as well as a matrix. Allocates nothing. */
export interface LatentMap {
  readonly latentCount: number;
  /**
   * @param normalised [channelCount] z-scores; not kept, not changed
   * @param latents [latentCount] written
   */
  map(normalised: Float64Array, latents: Float64Array): void;
}

/** @param weight [latentCount x channelCount], row-major; not copied */
export function linearLatents(weight: ArrayLike<number>, latentCount: number): LatentMap {
  const channelCount = weight.length / latentCount;
  return {
    latentCount,
    map(normalised, latents): void {
      for (let r = 0; r < latentCount; r++) {
        let sum = 0;
        for (let channel = 0; channel < channelCount; channel++) {
          sum += weight[r * channelCount + channel] * normalised[channel];
        }
        latents[r] = sum;
      }
    },
  };
}

/**
 * The directions in which smoothed features vary most.
 * @param smoothed [binCount x channelCount] z-scores after smoothing
 * @param latentCount at most channelCount
 * @returns [latentCount x channelCount], rows of unit length, the largest variance first; each row's largest element is
 *   positive, so that the same data always give the same signs
 */
export function principalDirections(
  smoothed: Float64Array,
  channelCount: number,
  latentCount: number,
): Float64Array {
  const binCount = smoothed.length / channelCount;
  const covariance = new Matrix(channelCount, channelCount);
  for (let bin = 0; bin < binCount; bin++) {
    for (let i = 0; i < channelCount; i++) {
      const value = smoothed[bin * channelCount + i] / binCount;
      if (value === 0) continue;
      for (let j = 0; j <= i; j++) {
        covariance.set(i, j, covariance.get(i, j) + value * smoothed[bin * channelCount + j]);
      }
    }
  }
  for (let i = 0; i < channelCount; i++)
    for (let j = 0; j < i; j++) covariance.set(j, i, covariance.get(i, j));
  const vectors = new EigenvalueDecomposition(covariance, { assumeSymmetric: true }).eigenvectorMatrix;
  const directions = new Float64Array(latentCount * channelCount);
  for (let r = 0; r < latentCount; r++) {
    const vector = vectors.getColumn(channelCount - 1 - r); // eigenvalues come in increasing order
    const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    for (let channel = 0; channel < channelCount; channel++) {
      directions[r * channelCount + channel] = Math.sign(largest) * vector[channel];
    }
  }
  return directions;
}
