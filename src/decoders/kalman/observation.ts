/**
 * What the features of a bin tell about the state, in information form: a few numbers instead of one per channel.
 *
 *   M = C^T R^-1 C  [k x k]   how much a bin tells
 *   G = C^T R^-1    [k x n]   what a bin says: G (z - d)
 *
 * With them P = (I + P- M)^-1 P- and the gain is K = P G, which equals the textbook
 * K = P- C^T (C P- C^T + R)^-1 (matrix inversion lemma) but inverts k x k matrices per bin instead of n x n.
 *
 * R has to be inverted once. Channels that are ignored (feature scale 0) or have no noise variance (silent) are left
 * out: their column of G is 0. If what is left is singular or nearly so (two channels with the same spikes, fewer bins
 * than channels), every channel's own variance is raised by the smallest factor 1 + 10^-e, e = 6 to 1, that leaves each
 * channel at least 10^-6 of its variance unexplained by the channels before it. That is diagonal loading: it trusts
 * differences between near-copies less, and touches nothing where R is well conditioned.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { BetzError } from '../../core/errors.ts';
import { multiply } from './dense.ts';

const LOADINGS = [0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
const UNEXPLAINED_SHARE_MIN = 1e-6;

export interface Observation {
  /** M, [k x k] */
  information: Float64Array;
  /** G, [k x n] */
  projection: Float64Array;
}

/**
 * @param C [n x k]
 * @param R [n x n]
 * @param featureScale [n]
 * @throws BetzError DEC_KALMAN_NOISE_INVALID
 */
export function observe(
  C: ArrayLike<number>,
  R: ArrayLike<number>,
  featureScale: ArrayLike<number>,
  stateCount: number,
): Observation {
  const channelCount = featureScale.length;
  const { channels, noise } = usableNoise(R, featureScale);
  const projection = new Float64Array(stateCount * channelCount);
  if (channels.length > 0) {
    const loadings = new Matrix(channels.length, stateCount);
    channels.forEach((channel, row) => {
      for (let s = 0; s < stateCount; s++) loadings.set(row, s, C[channel * stateCount + s]);
    });
    const whitened = new CholeskyDecomposition(noise).solve(loadings); // R^-1 C
    channels.forEach((channel, row) => {
      for (let s = 0; s < stateCount; s++) projection[s * channelCount + channel] = whitened.get(row, s);
    });
  }
  const information = new Float64Array(stateCount * stateCount);
  multiply(information, projection, Float64Array.from(C), stateCount, channelCount, stateCount);
  return { information, projection };
}

/** The channels that carry information, and the positive definite covariance of their noise. */
export function usableNoise(
  R: ArrayLike<number>,
  featureScale: ArrayLike<number>,
): { channels: number[]; noise: Matrix } {
  const n = featureScale.length;
  const channels: number[] = [];
  for (let i = 0; i < n; i++) {
    if (featureScale[i] > 0 && R[i * n + i] > 0) channels.push(i);
  }
  for (const loading of LOADINGS) {
    const noise = new Matrix(channels.length, channels.length);
    channels.forEach((a, row) => {
      channels.forEach((b, column) => {
        const covariance = (R[a * n + b] + R[b * n + a]) / 2;
        noise.set(row, column, row === column ? covariance * (1 + loading) : covariance);
      });
    });
    if (isWellConditioned(noise)) return { channels, noise };
  }
  throw new BetzError('DEC_KALMAN_NOISE_INVALID', 'the noise covariance R of the Kalman model is not one', {
    value: `${channels.length} channels`,
    tip: 'The model is damaged, or was fitted on too few bins: calibrate again on more data.',
  });
}

function isWellConditioned(noise: Matrix): boolean {
  if (noise.rows === 0) return true;
  const cholesky = new CholeskyDecomposition(noise);
  if (!cholesky.isPositiveDefinite()) return false;
  const L = cholesky.lowerTriangularMatrix;
  for (let i = 0; i < noise.rows; i++) {
    if (!(L.get(i, i) ** 2 >= UNEXPLAINED_SHARE_MIN * noise.get(i, i))) return false;
  }
  return true;
}
