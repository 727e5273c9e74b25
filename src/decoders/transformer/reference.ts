/**
 * The transformer in plain loops in float64, from raw features: the specification of the streaming step. Positions are the
 * bins' own numbers and grow without end; keys are kept as they come and turned when they are used.
 */
import { NORM_EPSILON } from '../../tensor/engine.ts';
import { rotaryFrequencies } from '../../tensor/rotary.ts';
import type { Model, Tensors } from '../decoder.ts';
import { affine, referenceOutputs } from '../shared/reference-math.ts';
import { EMBEDDING, FINAL_NORM, layerNames, READOUT, transformerConfigSchema } from './transformer.ts';
import type { AffineNames } from '../decoder.ts';

/** A bin's key and value, each [E], and its position. */
interface Entry {
  position: number;
  k: Float64Array;
  v: Float64Array;
}

/** @param firstPosition of the first bin; outputs do not depend on it */
export function transformerReference(
  model: Model,
  features: Float32Array,
  binCount: number,
  firstPosition = 0,
): Float32Array {
  const { tensors } = model;
  const { width, layerCount, headCount, windowBins } = transformerConfigSchema.parse(model.config);
  const linear = (x: Float64Array, { weight, bias }: AffineNames): Float64Array =>
    affine(tensors[weight], tensors[bias], x);
  const histories = Array.from({ length: layerCount }, (): Entry[] => []);
  let position = firstPosition;
  return referenceOutputs(model, features, binCount, (input) => {
    let x = linear(input, EMBEDDING);
    for (let layer = 0; layer < layerCount; layer++) {
      const names = layerNames(layer);
      const qkv = linear(layerNorm(tensors, names.norm1, x), names.qkv);
      const [q, k, v] = [0, 1, 2].map((part) => qkv.slice(part * width, (part + 1) * width));
      const history = histories[layer];
      history.push({ position, k, v });
      if (history.length > windowBins) history.shift();
      x = sum(x, linear(attend(q, position, history, headCount), names.attentionOut));
      const units = linear(layerNorm(tensors, names.norm2, x), names.linear1).map(gelu);
      x = sum(x, linear(units, names.linear2));
    }
    position++;
    return linear(layerNorm(tensors, FINAL_NORM, x), READOUT);
  });
}

/** @param q [E] of the bin at `position` @param history the bins it attends to, itself included @returns o [E] */
function attend(
  q: Float64Array,
  position: number,
  history: readonly Entry[],
  headCount: number,
): Float64Array {
  const headWidth = q.length / headCount;
  const out = new Float64Array(q.length);
  for (let start = 0; start < q.length; start += headWidth) {
    const head = (x: Float64Array): Float64Array => x.subarray(start, start + headWidth);
    const query = turn(head(q), position);
    const scores = history.map((entry) => {
      const key = turn(head(entry.k), entry.position);
      return query.reduce((total, value, i) => total + value * key[i], 0) / Math.sqrt(headWidth);
    });
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const total = weights.reduce((a, b) => a + b, 0);
    for (let i = 0; i < headWidth; i++) {
      history.forEach(({ v }, j) => (out[start + i] += (weights[j] / total) * v[start + i]));
    }
  }
  return out;
}

/** R(position) x. @param x [D] */
function turn(x: Float64Array, position: number): Float64Array {
  const turned = new Float64Array(x.length);
  rotaryFrequencies(x.length).forEach((theta, i) => {
    const [cos, sin] = [Math.cos(position * theta), Math.sin(position * theta)];
    turned[2 * i] = x[2 * i] * cos - x[2 * i + 1] * sin;
    turned[2 * i + 1] = x[2 * i + 1] * cos + x[2 * i] * sin;
  });
  return turned;
}

function layerNorm(tensors: Tensors, { weight, bias }: AffineNames, x: Float64Array): Float64Array {
  const mean = x.reduce((total, value) => total + value, 0) / x.length;
  const variance = x.reduce((total, value) => total + (value - mean) ** 2, 0) / x.length;
  const rstd = 1 / Math.sqrt(variance + NORM_EPSILON);
  return x.map((value, i) => (value - mean) * rstd * tensors[weight].data[i] + tensors[bias].data[i]);
}

/** The tanh form. */
function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]);
}
