/** Mamba's selective state space in TensorFlow's operations, step by step. */
import type { Tensor as Value } from '@tensorflow/tfjs-core';
import type { Tensorflow } from './tensorflow.ts';

/** x, dt [T, B, F], aLog [F, N], b, c [T, B, N], skip [F] -> [T, B, F] */
export function selectiveScanValue(
  tf: Tensorflow,
  x: Value,
  dt: Value,
  aLog: Value,
  b: Value,
  c: Value,
  skip: Value,
): Value {
  const [timeCount, batchCount, channelCount] = x.shape;
  const stateCount = b.shape.at(-1) ?? 0;
  const decay = tf.neg(tf.exp(aLog)); // [F, N]
  const stepOf = (all: Value, t: number, shape: number[]): Value => {
    return tf.reshape(tf.slice(all, [t, 0, 0], [1, -1, -1]), shape); // -1: to the end
  };
  let h: Value = tf.zeros([batchCount, channelCount, stateCount]);
  const outputs: Value[] = [];
  for (let t = 0; t < timeCount; t++) {
    const [xt, dtt] = [x, dt].map((all) => stepOf(all, t, [batchCount, channelCount, 1]));
    const [bt, ct] = [b, c].map((all) => stepOf(all, t, [batchCount, 1, stateCount]));
    h = tf.add(tf.mul(tf.exp(tf.mul(dtt, decay)), h), tf.mul(tf.mul(dtt, xt), bt)); // [B, F, N]
    outputs.push(tf.sum(tf.mul(h, ct), -1)); // [B, F]
  }
  return tf.add(tf.stack(outputs), tf.mul(x, skip));
}
