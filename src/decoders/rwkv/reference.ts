/** The sequence in plain loops in float64, from raw features: the specification of the streaming step. */
import { NORM_EPSILON } from '../../tensor/engine.ts';
import type { Model, TensorData } from '../decoder.ts';
import { affine, logistic, referenceOutputs } from '../shared/reference-math.ts';
import { blockNames, EMBEDDING_NORM, OUTPUT_NORM, rwkvConfigSchema } from './rwkv.ts';

/** What a block carries to the next bin, [d] each. */
interface BlockState {
  /** n of the bin before. */
  timeShift: Float64Array;
  channelShift: Float64Array;
  aa: Float64Array;
  bb: Float64Array;
  pp: Float64Array;
}

export function rwkvReference(model: Model, features: Float32Array, binCount: number): Float32Array {
  const { width, layerCount } = rwkvConfigSchema.parse(model.config);
  const { tensors } = model;
  const states = Array.from({ length: layerCount }, () => freshState(width));
  return referenceOutputs(model, features, binCount, (input) => {
    let x = norm(
      model,
      EMBEDDING_NORM,
      affine(tensors['embedding.weight'], tensors['embedding.bias'], input),
    );
    for (let block = 0; block < layerCount; block++) {
      x = plus(x, mixTime(model, block, x, states[block]));
      x = plus(x, mixChannels(model, block, x, states[block]));
    }
    return affine(tensors['readout.weight'], tensors['readout.bias'], norm(model, OUTPUT_NORM, x));
  });
}

function freshState(d: number): BlockState {
  const zeros = (): Float64Array => new Float64Array(d);
  return {
    timeShift: zeros(),
    channelShift: zeros(),
    aa: zeros(),
    bb: zeros(),
    pp: zeros().fill(-Infinity),
  };
}

/** W_o (s(r) * wkv) */
function mixTime(model: Model, block: number, x: Float64Array, state: BlockState): Float64Array {
  const { tensors } = model;
  const { norm1, att } = blockNames(block);
  const n = norm(model, norm1, x);
  const map = (weight: string, mu: string): Float64Array =>
    affine(tensors[weight], undefined, mix(tensors[mu], n, state.timeShift));
  const r = map(att.receptance, att.mixR);
  const k = map(att.key, att.mixK);
  const v = map(att.value, att.mixV);
  state.timeShift = n;
  const u = tensors[att.first].data;
  const decay = tensors[att.decay].data;
  const gated = r.map((gate, i) => logistic(gate) * wkv(state, i, k[i], v[i], -Math.exp(decay[i]), u[i]));
  return affine(tensors[att.output], undefined, gated);
}

/** Of channel i, whose state goes on by one bin. */
function wkv({ aa, bb, pp }: BlockState, i: number, k: number, v: number, w: number, u: number): number {
  const readExponent = Math.max(pp[i], u + k);
  const past = Math.exp(pp[i] - readExponent);
  const present = Math.exp(u + k - readExponent);
  const average = (past * aa[i] + present * v) / (past * bb[i] + present);
  const exponent = Math.max(pp[i] + w, k);
  const kept = Math.exp(pp[i] + w - exponent);
  const added = Math.exp(k - exponent);
  aa[i] = kept * aa[i] + added * v;
  bb[i] = kept * bb[i] + added;
  pp[i] = exponent;
  return average;
}

/** s(r) * W_v k */
function mixChannels(model: Model, block: number, x: Float64Array, state: BlockState): Float64Array {
  const { tensors } = model;
  const { norm2, ffn } = blockNames(block);
  const n = norm(model, norm2, x);
  const map = (weight: string, mu: string): Float64Array =>
    affine(tensors[weight], undefined, mix(tensors[mu], n, state.channelShift));
  const r = map(ffn.receptance, ffn.mixR);
  const k = map(ffn.key, ffn.mixK).map((value) => Math.max(0, value) ** 2);
  state.channelShift = n;
  return affine(tensors[ffn.value], undefined, k).map((value, i) => logistic(r[i]) * value);
}

/** mu n + (1 - mu) before */
function mix(mu: TensorData, n: Float64Array, before: Float64Array): Float64Array {
  return n.map((value, i) => mu.data[i] * value + (1 - mu.data[i]) * before[i]);
}

function plus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]);
}

/** Layer norm of the tensors NAME.weight and NAME.bias. */
function norm({ tensors }: Model, name: string, x: Float64Array): Float64Array {
  const gain = tensors[`${name}.weight`].data;
  const bias = tensors[`${name}.bias`].data;
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const scale = 1 / Math.sqrt(variance + NORM_EPSILON);
  return x.map((value, i) => (value - mean) * scale * gain[i] + bias[i]);
}
