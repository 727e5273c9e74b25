/**
 * The static cost of a model: what it is whatever data it decodes.
 *
 * NeuroBench (Yik et al. 2025, Nature Communications 16:1545) asks for the footprint (bytes of parameters and buffers, without
 * the state), the connection sparsity (zeros among the weights) and the dense synaptic operations (multiplications with a weight
 * in a step). What a step computes beside its maps is ours.
 */
import { denseOperations, stateUpdateTotal } from './account.ts';
import type { MapAccount, ScalarOperations, StateUpdate } from './account.ts';
import type { DecoderKind, Model } from './decoder.ts';
import { precisionOf, quantisedNames } from './quantise-model.ts';
import type { Precision } from './quantise-model.ts';
import { mergeReadIn } from './read-in.ts';

export interface ModelAccount {
  precision: Precision;
  /** Learned numbers. */
  parameterCount: number;
  /** Footprint in float32. */
  float32Bytes: number;
  /** Footprint in int8, scales included; null where the kind has no int8 form. */
  int8Bytes: number | null;
  /** Share of zeros among the weights of the maps, as far as they are tensors. */
  connectionSparsity: number;
  /** Multiplications with a weight in a step, zeros included. */
  denseOperations: number;
  maps: readonly MapAccount[];
  stateUpdates: readonly StateUpdate[];
  stateUpdateTotal: ScalarOperations;
}

const FLOAT_BYTES = 4;

/** A read-in counts as part of the first map, as it does in a step. */
export function accountModel(original: Model, kind: DecoderKind): ModelAccount {
  const model = mergeReadIn(original, kind);
  const account = kind.account(model.config, model.shape);
  const { maps, stateUpdates } = account;
  const parameterCount = Object.values(model.tensors).reduce((sum, { data }) => sum + data.length, 0);
  const float32Bytes = parameterCount * FLOAT_BYTES;
  const names = maps.map(({ name }) => name).filter((name) => Object.hasOwn(model.tensors, name));
  const weights = names.map((name) => model.tensors[name].data);
  const zeroCount = weights.reduce((sum, data) => sum + data.filter((w) => w === 0).length, 0);
  return {
    precision: precisionOf(model),
    parameterCount,
    float32Bytes,
    int8Bytes: int8BytesOf(model, kind, float32Bytes),
    connectionSparsity: zeroCount === 0 ? 0 : zeroCount / weights.reduce((sum, data) => sum + data.length, 0),
    denseOperations: denseOperations(account),
    maps,
    stateUpdates,
    stateUpdateTotal: stateUpdateTotal(account),
  };
}

function int8BytesOf(model: Model, kind: DecoderKind, float32Bytes: number): number | null {
  if (kind.training !== 'gradient') return null;
  let bytes = float32Bytes;
  for (const name of quantisedNames(kind, model.config, model.shape)) {
    const { shape, data } = model.tensors[name];
    bytes += shape[0] * FLOAT_BYTES - data.length * (FLOAT_BYTES - 1);
  }
  return bytes;
}
