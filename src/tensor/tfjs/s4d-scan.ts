/** A diagonal state space model over time in TensorFlow's operations; equations in ../s4d.ts. */
import type { Tensor as Value } from '@tensorflow/tfjs-core';
import type { Tensorflow } from './tensorflow.ts';

interface S4dValues {
  /** [H] */
  logDt: Value;
  /** [H, N] */
  logAReal: Value;
  /** [H, N] */
  aImag: Value;
  /** [H, N, 2] */
  c: Value;
  /** [H] */
  d: Value;
}

/** A complex value. */
interface Complex {
  real: Value;
  imag: Value;
}

/** @param steps [B, H] of each time @returns the same of y */
export function s4dScanValues(tf: Tensorflow, steps: readonly Value[], values: S4dValues): Value[] {
  const [channelCount, stateCount] = values.logAReal.shape;
  const product = (x: Complex, y: Complex): Complex => ({
    real: tf.sub(tf.mul(x.real, y.real), tf.mul(x.imag, y.imag)),
    imag: tf.add(tf.mul(x.real, y.imag), tf.mul(x.imag, y.real)),
  });
  const lambda = { real: tf.neg(tf.exp(values.logAReal)), imag: values.aImag }; // [H, N]
  const dt = tf.reshape(tf.exp(values.logDt), [channelCount, 1]);
  const size = tf.exp(tf.mul(dt, lambda.real));
  const angle = tf.mul(dt, lambda.imag);
  const a = { real: tf.mul(size, tf.cos(angle)), imag: tf.mul(size, tf.sin(angle)) };
  const square = tf.add(tf.square(lambda.real), tf.square(lambda.imag));
  const inverse = { real: tf.div(lambda.real, square), imag: tf.neg(tf.div(lambda.imag, square)) };
  const e = product({ real: tf.sub(a.real, 1), imag: a.imag }, inverse); // [H, N]
  const [cReal, cImag] = tf.split(values.c, 2, 2).map((part) => tf.reshape(part, [channelCount, stateCount]));
  const c = product({ real: cReal, imag: cImag }, e);
  const zero = tf.zeros([1, channelCount, stateCount]);
  let h: Complex = { real: zero, imag: zero };
  return steps.map((u) => {
    const moved = product(a, h); // [B, H, N]
    h = { real: tf.add(moved.real, tf.reshape(u, [-1, channelCount, 1])), imag: moved.imag };
    const y = tf.mul(tf.sum(product(c, h).real, -1), 2); // [B, H]
    return tf.add(y, tf.mul(u, values.d));
  });
}
