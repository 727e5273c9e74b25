/** Causal depthwise convolution in TensorFlow's operations, as a sum of shifted products. */
import type { Tensor as Value } from '@tensorflow/tfjs-core';
import type { Tensorflow } from './tensorflow.ts';

/** x [T, B, F], weight [F, 1, K], bias [F] -> [T, B, F] */
export function causalConvValue(tf: Tensorflow, x: Value, weight: Value, bias: Value): Value {
  const [timeCount, batchCount, channelCount] = x.shape;
  const tapCount = weight.shape.at(-1) ?? 0;
  const padded = tf.pad(x, [
    [tapCount - 1, 0],
    [0, 0],
    [0, 0],
  ]);
  let y: Value = bias;
  for (let k = 0; k < tapCount; k++) {
    const shifted = tf.slice(padded, [k, 0, 0], [timeCount, batchCount, channelCount]);
    const tap = tf.reshape(tf.slice(weight, [0, 0, k], [channelCount, 1, 1]), [channelCount]);
    y = tf.add(tf.mul(shifted, tap), y);
  }
  return y;
}
