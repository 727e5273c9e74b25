/** Batch norm in TensorFlow's operations; conventions in ../batch-norm.ts. */
import type { Tensor as Value } from '@tensorflow/tfjs-core';
import { NORM_EPSILON } from '../engine.ts';
import type { Tensorflow } from './tensorflow.ts';

/** All [F]. */
interface BatchNormValues {
  gain: Value;
  bias: Value;
  runningMean: Value;
  runningVariance: Value;
}

/** @param x [T, B, F] */
export function batchNormByRunning(tf: Tensorflow, x: Value, values: BatchNormValues): Value {
  return affine(tf, x, values, values.runningMean, values.runningVariance);
}

/**
 * By the statistics of x [T, B, F].
 * @param share of the batch that x is
 */
export function batchNormByBatch(tf: Tensorflow, x: Value, values: BatchNormValues, share: number): Value {
  const [timeCount, batchCount] = x.shape;
  const rows = timeCount * batchCount;
  const mean = tf.mean(x, [0, 1]);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), [0, 1]);
  const unbiased = tf.mul(variance, rows > 1 ? rows / (rows - 1) : 1);
  const y = affine(tf, x, values, mean, variance);
  const tracked = tf.add(
    gradientOf(tf, values.runningMean, tf.mul(mean, share)),
    gradientOf(tf, values.runningVariance, tf.mul(unbiased, share)),
  );
  return tf.add(y, tracked);
}

function affine(tf: Tensorflow, x: Value, values: BatchNormValues, mean: Value, variance: Value): Value {
  const normal = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, NORM_EPSILON)));
  return tf.add(tf.mul(normal, values.gain), values.bias);
}

/** Zeros that put `statistic` where the gradient by `parameter` is. */
function gradientOf(tf: Tensorflow, parameter: Value, statistic: Value): Value {
  const kept = statistic.dataSync().slice();
  return tf.customGrad((input) => ({
    value: tf.zerosLike(input as Value),
    gradFunc: () => tf.tensor(kept, statistic.shape),
  }))(parameter);
}
