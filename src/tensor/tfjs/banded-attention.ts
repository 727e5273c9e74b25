/**
 * Banded causal multi-head attention with rotary positions in TensorFlow's operations: the whole matrix of scores, and a
 * mask.
 */
import type { Tensor as Value } from '@tensorflow/tfjs-core';
import { rotaryFrequencies } from '../rotary.ts';
import type { Tensorflow } from './tensorflow.ts';

/** Takes the place of a score outside of the band. */
const MASKED = -1e30;

/** @param qkv [T, B, 3E] @returns [T, B, E] */
export function bandedAttention(tf: Tensorflow, qkv: Value, headCount: number, windowBins: number): Value {
  const [timeCount, batchCount, qkvWidth] = qkv.shape;
  const width = qkvWidth / 3;
  const headWidth = width / headCount;
  const [q, k, v] = [0, 1, 2].map((part) => {
    const block = tf.slice(qkv, [0, 0, part * width], [timeCount, batchCount, width]);
    return tf.transpose(tf.reshape(block, [timeCount, batchCount, headCount, headWidth]), [1, 2, 0, 3]);
  }); // [B, heads, T, headWidth] each
  const products = tf.matMul(rotate(tf, q), rotate(tf, k), false, true); // [B, heads, T, T]
  const scores = tf.mul(products, 1 / Math.sqrt(headWidth));
  const band = tf.tensor(bandOf(timeCount, windowBins), [1, 1, timeCount, timeCount]);
  const masked = tf.add(tf.mul(scores, band), tf.mul(tf.sub(1, band), MASKED));
  const out = tf.matMul(tf.softmax(masked), v); // [B, heads, T, headWidth]
  return tf.reshape(tf.transpose(out, [2, 0, 1, 3]), [timeCount, batchCount, width]);
}

/** Turns features 2i and 2i + 1 by time x theta_i. @param x [B, heads, T, headWidth] */
function rotate(tf: Tensorflow, x: Value): Value {
  const [batchCount, headCount, timeCount, headWidth] = x.shape;
  const pairCount = headWidth / 2;
  const frequencies = rotaryFrequencies(headWidth);
  const angles = Array.from(
    { length: timeCount * pairCount },
    (_, i) => Math.floor(i / pairCount) * frequencies[i % pairCount],
  );
  const [cos, sin] = [Math.cos, Math.sin].map((f) =>
    tf.tensor(Float32Array.from(angles, f), [1, 1, timeCount, pairCount, 1]),
  );
  const pairs = tf.reshape(x, [batchCount, headCount, timeCount, pairCount, 2]);
  const [even, odd] = tf.split(pairs, 2, 4); // [B, heads, T, pairs, 1] each
  const turned = [tf.sub(tf.mul(even, cos), tf.mul(odd, sin)), tf.add(tf.mul(odd, cos), tf.mul(even, sin))];
  return tf.reshape(tf.concat(turned, 4), [batchCount, headCount, timeCount, headWidth]);
}

/** 1 where a time (row) attends to a time (column), else 0. */
function bandOf(timeCount: number, windowBins: number): Float32Array {
  return Float32Array.from({ length: timeCount * timeCount }, (_, i) => {
    const distance = Math.floor(i / timeCount) - (i % timeCount);
    return distance >= 0 && distance < windowBins ? 1 : 0;
  });
}
