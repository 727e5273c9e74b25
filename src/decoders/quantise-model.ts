/**
 * Models in int8. Every matrix that a step multiplies with (`DecoderKind.account`) is stored in int8 with a scale per row.
 * Maps of spikes, which only add columns of weights, stay float32, and so do biases, norms, convolutions and whatever else
 * is learned. Only kinds that are trained by gradient have int8 models: in the others a step is a few rows, computed in
 * float64.
 */
import { BetzError } from '../core/errors.ts';
import type { DecoderKind, DecoderShape, Model } from './decoder.ts';
import { quantiseRows } from './int8-tensor.ts';
import { mergeReadIn } from './read-in.ts';
import { findDecoderKind } from './registry.ts';

export type Precision = 'float32' | 'int8';

export function precisionOf(model: Pick<Model, 'tensors'>): Precision {
  return Object.values(model.tensors).some(({ int8 }) => int8 !== undefined) ? 'int8' : 'float32';
}

/** Names of the tensors that are int8 in an int8 model of this kind. */
export function quantisedNames(
  kind: DecoderKind,
  config: Model['config'],
  shape: DecoderShape,
): ReadonlySet<string> {
  if (kind.training !== 'gradient') return new Set();
  const maps = kind
    .account(config, shape)
    .maps.filter(({ inputs }) => inputs !== 'history' && inputs !== 'spikes');
  return new Set(maps.map(({ name }) => name));
}

/** A read-in is merged into the first map. @throws BetzError DEC_QUANTISE_KIND, DEC_QUANTISE_PRECISION */
export function quantiseModel(original: Model): Model {
  const kind = findDecoderKind(original.kind);
  const model = mergeReadIn(original, kind);
  if (kind.training !== 'gradient') {
    throw new BetzError('DEC_QUANTISE_KIND', `a '${model.kind}' model has no int8 form`, {
      value: model.kind,
      tip: 'A step of this kind is a few rows of numbers already: use the model as it is.',
    });
  }
  if (precisionOf(model) === 'int8') {
    throw new BetzError('DEC_QUANTISE_PRECISION', 'the model is int8 already', {
      value: 'int8',
      tip: 'Give the float32 model that it was made from, or use it as it is.',
    });
  }
  const names = quantisedNames(kind, model.config, model.shape);
  const tensors = Object.entries(model.tensors).map(([name, tensor]) => [
    name,
    names.has(name) ? quantiseRows(tensor) : tensor,
  ]);
  const quantised = { ...model, tensors: Object.fromEntries(tensors) as Model['tensors'] };
  delete quantised.stabilizer; // a read-in of another day would make the first map float32 again
  return quantised;
}
