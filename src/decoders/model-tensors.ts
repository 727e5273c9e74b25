/**
 * The tensors of a model file: those of the kind under their own names, `normalisation.*`, and in an int8 model
 * `int8_scales.*` beside each int8 matrix; the read-ins of session-tensors.ts, the latents of stabilizer-tensors.ts, those of
 * read-in-statistics-tensors.ts and what drift is measured from of drift-tensors.ts (docs/formats.md, "Model file").
 */
import { BetzError } from '../core/errors.ts';
import type { DecoderKind, Model, Normalisation, TensorData } from './decoder.ts';
import { checkDrift, driftTensors, takeDrift } from './drift-tensors.ts';
import type { DriftScalars } from './drift-tensors.ts';
import { INT8_MAX, int8Tensor } from './int8-tensor.ts';
import { coreShape } from './read-in.ts';
import {
  checkReadInStatistics,
  readInStatisticsTensors,
  takeReadInStatistics,
} from './read-in-statistics-tensors.ts';
import { precisionOf, quantisedNames } from './quantise-model.ts';
import { toFloat32, toInt8 } from './safetensors.ts';
import { checkSessions, sessionTensors, takeSessions } from './session-tensors.ts';
import type { SessionLabels } from './session-tensors.ts';
import { checkStabilizer, stabilizerTensors, takeStabilizer } from './stabilizer-tensors.ts';
import type { StoredTensor, WritableTensor } from './safetensors.ts';

/** Tensor names of the normalisation, beside those of the kind. */
const NORMALISATION_NAMES = {
  featureMean: 'normalisation.feature_mean',
  featureScale: 'normalisation.feature_scale',
  outputMean: 'normalisation.output_mean',
  outputScale: 'normalisation.output_scale',
} as const satisfies Record<keyof Normalisation, string>;

function scalesName(name: string): string {
  return `int8_scales.${name}`;
}

/**
 * What is written: float32 first, then int8, so that every number lies at a multiple of its size; by name within each.
 */
export function tensorsToStore(model: Model): Map<string, WritableTensor> {
  const floats: [string, WritableTensor][] = [
    ...normalisationTensors(model.normalisation),
    ...sessionTensors(model),
    ...stabilizerTensors(model),
    ...readInStatisticsTensors(model),
    ...driftTensors(model),
  ];
  const bytes: [string, WritableTensor][] = [];
  for (const [name, { shape, data, int8 }] of Object.entries(model.tensors)) {
    if (int8 === undefined) {
      floats.push([name, { shape, data }]);
    } else {
      bytes.push([name, { shape, data: int8.values }]);
      floats.push([scalesName(name), { shape: [int8.scales.length], data: int8.scales }]);
    }
  }
  const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);
  return new Map([...floats.sort(byName), ...bytes.sort(byName)]);
}

/**
 * What was stored, sorted into the places of a model; whether all of it fits is for `checkTensors`.
 * @throws BetzError DEC_MODEL_DTYPE_UNKNOWN, DEC_MODEL_TENSOR_MISSING, DEC_MODEL_SHAPE_MISMATCH
 */
export function tensorsFromStored(
  stored: ReadonlyMap<string, StoredTensor>,
  kind: DecoderKind,
  model: Pick<Model, 'config' | 'shape' | 'binMs'>,
  labels: SessionLabels,
  scalars: DriftScalars | undefined,
): Pick<
  Model,
  'tensors' | 'normalisation' | 'readIn' | 'sessions' | 'stabilizer' | 'readInStatistics' | 'drift'
> {
  const rest = new Map(stored);
  const take = (name: string): StoredTensor => {
    const tensor = rest.get(name);
    if (tensor === undefined) throw tensorMissing(name);
    rest.delete(name);
    return tensor;
  };
  const vector = (name: string): Float32Array => toFloat32(name, take(name)).data;
  const normalisation: Normalisation = {
    featureMean: vector(NORMALISATION_NAMES.featureMean),
    featureScale: vector(NORMALISATION_NAMES.featureScale),
    outputMean: vector(NORMALISATION_NAMES.outputMean),
    outputScale: vector(NORMALISATION_NAMES.outputScale),
  };
  const takeFloat32 = (name: string): TensorData => toFloat32(name, take(name));
  const readIns = takeSessions(takeFloat32, labels);
  const stabilizer = takeStabilizer(takeFloat32, stored);
  const statistics = takeReadInStatistics(takeFloat32, stored);
  const drift = takeDrift(takeFloat32, scalars, model, checkTensor);
  const tensors = new Map<string, TensorData>();
  if ([...stored.values()].some(({ dtype }) => dtype === 'I8')) {
    for (const name of quantisedNames(kind, model.config, model.shape)) {
      const tensor = take(name);
      const scales = toFloat32(scalesName(name), take(scalesName(name)));
      if (tensor.shape.length !== 2 || scales.shape.length !== 1 || scales.shape[0] !== tensor.shape[0]) {
        throw shapeMismatch(scalesName(name), scales.shape, tensor.shape.slice(0, 1));
      }
      const int8 = { values: toInt8(name, tensor), scales: scales.data };
      tensors.set(name, int8Tensor(tensor.shape, int8));
    }
  }
  for (const [name, tensor] of rest) tensors.set(name, toFloat32(name, tensor));
  return {
    tensors: Object.fromEntries(tensors),
    normalisation,
    ...readIns,
    ...stabilizer,
    ...statistics,
    ...drift,
  };
}

/**
 * That the tensors are exactly those of the kind, with their shapes, finite, and int8 where the precision asks for it.
 * @throws BetzError DEC_MODEL_TENSOR_*, DEC_MODEL_SHAPE_MISMATCH, DEC_MODEL_VALUE_NOT_FINITE, DEC_MODEL_*_INVALID
 */
export function checkTensors(model: Model, kind: DecoderKind): void {
  checkSessions(model, kind, checkTensor);
  checkStabilizer(model, kind, checkTensor);
  checkReadInStatistics(model, checkTensor);
  checkDrift(model, checkTensor);
  const { inputCount, outputCount } = model.shape;
  const expected = new Map(
    kind.parameters(model.config, coreShape(model)).map(({ name, shape }) => [name, shape]),
  );
  for (const name of Object.keys(model.tensors)) {
    if (!expected.has(name)) {
      throw new BetzError('DEC_MODEL_TENSOR_UNEXPECTED', `a '${kind.name}' model has no tensor '${name}'`, {
        value: name,
        tip: 'The file was made for another kind or by another program: calibrate again.',
      });
    }
  }
  const isInt8 = precisionOf(model) === 'int8';
  const int8Names = isInt8 ? quantisedNames(kind, model.config, model.shape) : new Set<string>();
  for (const [name, shape] of expected) {
    const tensor = Object.hasOwn(model.tensors, name) ? model.tensors[name] : undefined;
    if (tensor === undefined) throw tensorMissing(name);
    if (tensor.int8 !== undefined) checkInt8(name, tensor);
    checkTensor(name, tensor, shape);
    if ((tensor.int8 !== undefined) !== int8Names.has(name))
      throw int8Invalid(name, isInt8 ? 'has to be int8' : 'cannot be int8');
  }
  const sizes = [inputCount, inputCount, outputCount, outputCount];
  normalisationTensors(model.normalisation).forEach(([name, tensor], i) => {
    checkTensor(name, tensor, [sizes[i]]);
  });
  if (model.normalisation.featureScale.some((scale) => scale < 0))
    throw scaleInvalid('featureScale', 'below zero');
  if (model.normalisation.outputScale.some((scale) => scale <= 0))
    throw scaleInvalid('outputScale', 'not positive');
}

function normalisationTensors(normalisation: Normalisation): [string, TensorData][] {
  return Object.entries(NORMALISATION_NAMES).map(([field, name]) => {
    const data = normalisation[field as keyof Normalisation];
    return [name, { shape: [data.length], data }];
  });
}

function checkTensor(name: string, { shape, data }: TensorData, expected: readonly number[]): void {
  if (shape.length !== expected.length || shape.some((size, axis) => size !== expected[axis])) {
    throw shapeMismatch(name, shape, expected);
  }
  const badIndex = data.findIndex((value) => !Number.isFinite(value));
  if (badIndex >= 0) {
    throw new BetzError('DEC_MODEL_VALUE_NOT_FINITE', `tensor '${name}' holds ${data[badIndex]}`, {
      value: `element ${badIndex}`,
      tip: 'The training went wrong or the file is damaged: calibrate again.',
    });
  }
}

/** Scales first: weights that are not finite because of one would be reported as the wrong fault. */
function checkInt8(name: string, { shape, data, int8 }: TensorData): void {
  if (int8 === undefined) return;
  const { values, scales } = int8;
  const badScale = scales.findIndex((scale) => !(scale > 0 && Number.isFinite(scale)));
  if (badScale >= 0) throw int8Invalid(name, `has the scale ${scales[badScale]} in row ${badScale}`);
  const badValue = values.findIndex((value) => value < -INT8_MAX);
  if (badValue >= 0) throw int8Invalid(name, `holds ${values[badValue]} at element ${badValue}`);
  const { data: expected } = int8Tensor(shape, int8);
  if (data.length !== expected.length || data.some((value, i) => value !== expected[i]))
    throw int8Invalid(name, 'is not what its int8 values stand for');
}

function int8Invalid(name: string, problem: string): BetzError {
  return new BetzError('DEC_MODEL_INT8_INVALID', `tensor '${name}' ${problem}`, {
    value: name,
    tip: 'The file is damaged or made by another program: make it again from the float32 model.',
  });
}

function shapeMismatch(name: string, found: readonly number[], expected: readonly number[]): BetzError {
  return new BetzError('DEC_MODEL_SHAPE_MISMATCH', `tensor '${name}' has the wrong shape`, {
    value: `[${found.join(', ')}], expected [${expected.join(', ')}]`,
    tip: 'The tensors do not belong to this config: calibrate again.',
  });
}

function tensorMissing(name: string): BetzError {
  return new BetzError('DEC_MODEL_TENSOR_MISSING', `the model has no tensor '${name}'`, {
    value: name,
    tip: 'The file was made for another kind or by another program: calibrate again.',
  });
}

function scaleInvalid(field: string, problem: string): BetzError {
  return new BetzError('DEC_MODEL_NORMALISATION_INVALID', `a ${field} of the model is ${problem}`, {
    value: field,
    tip: 'The file is damaged or edited by hand: calibrate again.',
  });
}
