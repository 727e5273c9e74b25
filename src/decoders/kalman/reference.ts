/**
 * The Kalman filter as its equations say it (index.ts), in float64, with the textbook gain
 * K = P- C^T (C P- C^T + R)^-1: the specification of the streaming step.
 */
import { Matrix, solve } from 'ml-matrix';
import type { Model, TensorData } from '../decoder.ts';
import type { KalmanConfig } from './config.ts';
import { usableNoise } from './observation.ts';

const SETTLING_STEPS_MAX = 100_000;

/**
 * @param features raw, [binCount x inputCount]
 * @returns [binCount x outputCount]
 */
export function referenceSequence(
  model: Model,
  config: KalmanConfig,
  features: Float32Array,
  binCount: number,
): Float32Array {
  const { inputCount, outputCount } = model.shape;
  const { featureMean, featureScale, outputMean, outputScale } = model.normalisation;
  const [A, Q, P0] = ['A', 'Q', 'P0'].map((name) => toMatrix(model.tensors[name]));
  const b = Matrix.columnVector(Array.from(model.tensors['b'].data));
  const { channels, noise: R } = usableNoise(model.tensors['R'].data, featureScale);
  const columns = Array.from({ length: A.rows }, (_, i) => i);
  const C = toMatrix(model.tensors['C']).selection(channels, columns);
  const d = model.tensors['d'].data;

  let x = Matrix.zeros(A.rows, 1);
  let P = config.mode === 'full' ? P0 : settledCovariance(A, Q, C, R, P0);
  const outputs = new Float32Array(binCount * outputCount);
  for (let t = 0; t < binCount; t++) {
    const predicted = A.mmul(P).mmul(A.transpose()).add(Q);
    const K = gain(predicted, C, R);
    if (config.mode === 'full') P = Matrix.sub(predicted, K.mmul(C).mmul(predicted));
    x = A.mmul(x).add(b);
    const seen = t - config.lagBins;
    const innovation = Matrix.columnVector(
      channels.map((i) => {
        const z = seen < 0 ? 0 : (features[seen * inputCount + i] - featureMean[i]) * featureScale[i];
        return z - d[i];
      }),
    ).sub(C.mmul(x));
    x.add(K.mmul(innovation));
    for (let o = 0; o < outputCount; o++)
      outputs[t * outputCount + o] = x.get(o, 0) * outputScale[o] + outputMean[o];
  }
  return outputs;
}

/** The filter's own recursion, repeated until nothing changes. */
function settledCovariance(A: Matrix, Q: Matrix, C: Matrix, R: Matrix, P0: Matrix): Matrix {
  const information = C.rows === 0 ? Matrix.zeros(A.rows, A.rows) : C.transpose().mmul(solve(R, C));
  const identity = Matrix.eye(A.rows);
  let P = P0;
  for (let step = 0; step < SETTLING_STEPS_MAX; step++) {
    const predicted = A.mmul(P).mmul(A.transpose()).add(Q);
    const next = solve(Matrix.add(identity, predicted.mmul(information)), predicted);
    const change = Matrix.sub(next, P).norm('max');
    P = next;
    if (change <= 1e-15 * P.norm('max')) break;
  }
  return P;
}

function gain(predicted: Matrix, C: Matrix, R: Matrix): Matrix {
  if (C.rows === 0) return Matrix.zeros(predicted.rows, 0);
  const spread = C.mmul(predicted); // (K^T = S^-1 C P-, S and P- being symmetric)
  return solve(Matrix.add(spread.mmul(C.transpose()), R), spread).transpose();
}

function toMatrix({ shape, data }: TensorData): Matrix {
  return Matrix.from1DArray(shape[0], shape[1], Array.from(data));
}
