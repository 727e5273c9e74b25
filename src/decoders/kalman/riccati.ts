/**
 * The covariance that a Kalman filter settles at, and with it a constant gain.
 *
 * The predicted covariance X solves the discrete algebraic Riccati equation X = A (I + X M)^-1 X A^T + Q,
 * M = C^T R^-1 C. Repeating the filter's own recursion converges linearly (about 1,000 bins for a slow decoder); the
 * structure-preserving doubling algorithm (Chu, Fan, Lin, Wang 2004, International Journal of Control 77:767-788,
 * Algorithm SDA) doubles the number of bins at every step, so some 10 to 15 steps are enough.
 */
import { BetzError } from '../../core/errors.ts';
import {
  addIdentityInPlace,
  multiply,
  multiplyTransposed,
  solveInPlace,
  symmetriseInPlace,
} from './dense.ts';

const DOUBLING_COUNT_MAX = 50;
const RELATIVE_CHANGE_MAX = 1e-15;

/** Covariances k x k; P- is predicted, P has seen the bin. */
export interface SteadyState {
  predicted: Float64Array;
  updated: Float64Array;
}

/**
 * @param A state transition, [k x k]
 * @param Q state noise covariance, [k x k]
 * @param M information of a bin, C^T R^-1 C, [k x k]
 * @throws BetzError DEC_KALMAN_NO_STEADY_STATE
 */
export function steadyState(A: Float64Array, Q: Float64Array, M: Float64Array, k: number): SteadyState {
  const size = k * k;
  const a = transposed(A, k); // the algorithm's A, G, H with A^T, M, Q
  const g = M.slice();
  const h = Q.slice();
  const system = new Float64Array(size);
  const left = new Float64Array(size);
  const right = new Float64Array(size);
  const product = new Float64Array(size);
  for (let doubling = 0; doubling < DOUBLING_COUNT_MAX; doubling++) {
    multiply(system, g, h, k, k, k);
    addIdentityInPlace(system, k); // I + G H
    const systemCopy = system.slice();
    left.set(a);
    solveInPlace(system, left, k, k); // (I + G H)^-1 A
    right.set(g);
    solveInPlace(systemCopy, right, k, k); // (I + G H)^-1 G
    // H += A^T H (I + G H)^-1 A
    multiply(product, h, left, k, k, k);
    const aTransposed = transposed(a, k);
    const growth = new Float64Array(size);
    multiply(growth, aTransposed, product, k, k, k);
    // G += A (I + G H)^-1 G A^T
    multiplyTransposed(product, right, a, k, k, k);
    const gGrowth = new Float64Array(size);
    multiply(gGrowth, a, product, k, k, k);
    // A = A (I + G H)^-1 A
    multiply(product, a, left, k, k, k);
    a.set(product);
    for (let i = 0; i < size; i++) {
      h[i] += growth[i];
      g[i] += gGrowth[i];
    }
    symmetriseInPlace(h, k);
    symmetriseInPlace(g, k);
    const change = largestMagnitude(growth);
    if (!Number.isFinite(change)) break;
    if (change <= RELATIVE_CHANGE_MAX * largestMagnitude(h))
      return { predicted: h, updated: update(h, M, k) };
  }
  throw new BetzError('DEC_KALMAN_NO_STEADY_STATE', 'the Kalman filter does not settle at a constant gain', {
    value: `${k} state dimensions`,
    tip: "A state dimension wanders without being observed: leave it out of the state, or use mode 'full'.",
  });
}

/** P = (I + P- M)^-1 P-, the covariance once the bin is seen. */
function update(predicted: Float64Array, M: Float64Array, k: number): Float64Array {
  const system = new Float64Array(k * k);
  multiply(system, predicted, M, k, k, k);
  addIdentityInPlace(system, k);
  const updated = predicted.slice();
  solveInPlace(system, updated, k, k);
  symmetriseInPlace(updated, k);
  return updated;
}

function transposed(a: Float64Array, k: number): Float64Array {
  return a.map((_value, index) => a[(index % k) * k + Math.floor(index / k)]);
}

function largestMagnitude(values: Float64Array): number {
  return values.reduce(
    (largest, value) => (Math.abs(value) > largest || value !== value ? Math.abs(value) : largest),
    0,
  );
}
