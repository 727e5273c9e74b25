/** RWKV's operations as TensorFlow computes them, step by step. */
import type { Tensor as Value } from '@tensorflow/tfjs-core';
import type { Tensorflow } from './tensorflow.ts';

/** In place of minus infinity. */
const EMPTY = -1e30;

/** mu x_t + (1 - mu) x_{t-1}. @param x [T, B, F] @param mu [F] */
export function shiftMixValue(tf: Tensorflow, x: Value, mu: Value): Value {
  const [timeCount, batchCount, count] = x.shape;
  const zeros = tf.zeros([1, batchCount, count]);
  const before =
    timeCount === 1
      ? zeros
      : tf.concat([zeros, tf.slice(x, [0, 0, 0], [timeCount - 1, batchCount, count])], 0);
  return tf.add(tf.mul(mu, x), tf.mul(tf.sub(1, mu), before));
}

/** @param key [T, B, F] @param value [T, B, F] @param decay [F] @param first [F] @returns [T, B, F] */
export function wkvScanValue(tf: Tensorflow, key: Value, value: Value, decay: Value, first: Value): Value {
  const [timeCount, batchCount, count] = key.shape;
  const w = tf.neg(tf.exp(decay));
  let aa: Value = tf.zeros([batchCount, count]);
  let bb: Value = tf.zeros([batchCount, count]);
  let pp: Value = tf.fill([batchCount, count], EMPTY);
  // TensorFlow.js 4.22 throws in the gradient of unstacking into one.
  const steps = (x: Value): Value[] =>
    timeCount === 1 ? [tf.reshape(x, [batchCount, count])] : tf.unstack(x);
  const values = steps(value);
  const outputs = steps(key).map((k, t) => {
    const v = values[t];
    const present = tf.add(first, k);
    const q = tf.maximum(pp, present);
    const e1 = tf.exp(tf.sub(pp, q));
    const e2 = tf.exp(tf.sub(present, q));
    const wkv = tf.div(tf.add(tf.mul(e1, aa), tf.mul(e2, v)), tf.add(tf.mul(e1, bb), e2));
    const faded = tf.add(pp, w);
    pp = tf.maximum(faded, k);
    const f1 = tf.exp(tf.sub(faded, pp));
    const f2 = tf.exp(tf.sub(k, pp));
    aa = tf.add(tf.mul(f1, aa), tf.mul(f2, v));
    bb = tf.add(tf.mul(f1, bb), f2);
    return wkv;
  });
  return tf.stack(outputs);
}
