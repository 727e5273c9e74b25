/**
 * The model file: one safetensors file that holds everything a decoder needs (docs/formats.md, "Model file").
 *
 * Tensors are stored under the kind's own names and `normalisation.*`; everything else is JSON in `__metadata__`.
 * A file is accepted only after every name, shape, size and value has been checked against what its kind expects,
 * so that a decoder never starts from half a model. The same checks run before a model is written.
 */
import { z } from 'zod';
import { BetzError } from '../core/errors.ts';
import { canonicalJson, fnv1a64 } from './architecture-hash.ts';
import type { DecoderKind, Model, Normalisation, TensorData } from './decoder.ts';
import { decoderKinds, findDecoderKind } from './registry.ts';
import { readSafetensors, toFloat32, writeSafetensors } from './safetensors.ts';

const MODEL_FORMAT = 'betz-model';
const MODEL_FORMAT_VERSION = '1';

/** Tensor names of the normalisation, beside those of the kind. */
const NORMALISATION_NAMES = {
  featureMean: 'normalisation.feature_mean',
  featureScale: 'normalisation.feature_scale',
  outputMean: 'normalisation.output_mean',
  outputScale: 'normalisation.output_scale',
} as const satisfies Record<keyof Normalisation, string>;

const count = z.int().min(1).max(65536);
const METADATA = {
  shape: z.strictObject({ inputCount: count, outputCount: count }),
  features: z.strictObject({
    name: z.literal('spikeCounts'),
    smoothing: z.number().min(0).lt(1),
    channelLabels: z.array(z.string()),
  }),
  output: z.strictObject({ name: z.string().min(1), labels: z.array(z.string()), unit: z.string() }),
  binMs: z.number().positive().max(10_000),
  provenance: z.record(z.string(), z.unknown()),
} as const;

/**
 * @param writer program and version, kept so that a file that cannot be read names who made it
 * @throws BetzError DEC_MODEL_* when the model is not one that `decodeModel` would accept
 */
export function encodeModel(
  model: Model,
  writer = 'betz',
  kinds: readonly DecoderKind[] = decoderKinds,
): Uint8Array {
  const kind = findDecoderKind(model.kind, kinds);
  // The config is completed with its defaults first, so that the hash is the one that a reader computes.
  const config = validate('config', model.config, kind.configSchema);
  checkModel({ ...model, config }, kind);
  const metadata = new Map<string, string>([
    ['format', MODEL_FORMAT],
    ['format_version', MODEL_FORMAT_VERSION],
    ['writer', writer],
    ['kind', model.kind],
    ['config', canonicalJson(config)],
    ['shape', canonicalJson(model.shape)],
    ['architecture_hash', architectureHash({ ...model, config })],
    ['features', canonicalJson(model.features)],
    ['output', canonicalJson(model.output)],
    ['bin_ms', canonicalJson(model.binMs)],
    ['provenance', canonicalJson(model.provenance)],
  ]);
  return writeSafetensors(allTensors(model), metadata);
}

/** @throws BetzError DEC_MODEL_*, DEC_KIND_UNKNOWN */
export function decodeModel(file: Uint8Array, kinds: readonly DecoderKind[] = decoderKinds): Model {
  const { metadata, tensors } = readSafetensors(file);
  checkFormat(metadata);
  const kind = findDecoderKind(text(metadata, 'kind'), kinds);
  const shape = parse(metadata, 'shape', METADATA.shape);
  const config = parse(metadata, 'config', kind.configSchema);
  checkArchitecture(metadata, { kind: kind.name, config, shape });
  const stored = new Map<string, TensorData>();
  for (const [name, tensor] of tensors) stored.set(name, toFloat32(name, tensor));
  const model: Model = {
    kind: kind.name,
    config,
    shape,
    normalisation: takeNormalisation(stored),
    tensors: Object.fromEntries(stored),
    features: parse(metadata, 'features', METADATA.features),
    output: parse(metadata, 'output', METADATA.output),
    binMs: parse(metadata, 'bin_ms', METADATA.binMs),
    provenance: parse(metadata, 'provenance', METADATA.provenance),
  };
  checkModel(model, kind);
  return model;
}

/** Names what a state or a set of tensors fits: kind, config and shape, not the values. 16 hexadecimal digits. */
export function architectureHash(model: Pick<Model, 'kind' | 'config' | 'shape'>): string {
  return fnv1a64(canonicalJson({ kind: model.kind, config: model.config, shape: model.shape }));
}

/** Everything that must hold of a model beyond its types. */
function checkModel(model: Model, kind: DecoderKind): void {
  const { inputCount, outputCount } = validate('shape', model.shape, METADATA.shape);
  validate('features', model.features, METADATA.features);
  validate('output', model.output, METADATA.output);
  validate('bin_ms', model.binMs, METADATA.binMs);
  checkLabels('channel', model.features.channelLabels, inputCount);
  checkLabels('output', model.output.labels, outputCount);
  const expected = new Map(
    kind.parameters(model.config, model.shape).map(({ name, shape }) => [name, shape]),
  );
  expected.set(NORMALISATION_NAMES.featureMean, [inputCount]);
  expected.set(NORMALISATION_NAMES.featureScale, [inputCount]);
  expected.set(NORMALISATION_NAMES.outputMean, [outputCount]);
  expected.set(NORMALISATION_NAMES.outputScale, [outputCount]);
  const tensors = allTensors(model);
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw tensorMissing(name);
    checkTensor(name, tensor, shape);
  }
  for (const name of tensors.keys()) {
    if (!expected.has(name)) {
      throw new BetzError('DEC_MODEL_TENSOR_UNEXPECTED', `a '${kind.name}' model has no tensor '${name}'`, {
        value: name,
        tip: 'The file was made for another kind or by another program: calibrate again.',
      });
    }
  }
  if (model.normalisation.featureScale.some((scale) => scale < 0))
    throw scaleInvalid('featureScale', 'below zero');
  if (model.normalisation.outputScale.some((scale) => scale <= 0))
    throw scaleInvalid('outputScale', 'not positive');
}

function checkTensor(name: string, tensor: TensorData, shape: readonly number[]): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
    throw new BetzError('DEC_MODEL_SHAPE_MISMATCH', `tensor '${name}' has the wrong shape`, {
      value: `[${tensor.shape.join(', ')}], expected [${shape.join(', ')}]`,
      tip: 'The tensors do not belong to this config: calibrate again.',
    });
  }
  const badIndex = tensor.data.findIndex((value) => !Number.isFinite(value));
  if (badIndex >= 0) {
    throw new BetzError('DEC_MODEL_VALUE_NOT_FINITE', `tensor '${name}' holds ${tensor.data[badIndex]}`, {
      value: `element ${badIndex}`,
      tip: 'The training went wrong or the file is damaged: calibrate again.',
    });
  }
}

function checkLabels(what: string, labels: readonly string[], expected: number): void {
  if (labels.length !== expected) {
    throw new BetzError(
      'DEC_MODEL_METADATA_INVALID',
      `the model has ${expected} ${what}s but ${labels.length} labels`,
      {
        value: labels.length,
        tip: 'The file is damaged or edited by hand: calibrate again.',
      },
    );
  }
}

function checkFormat(metadata: ReadonlyMap<string, string>): void {
  const format = metadata.get('format');
  if (format !== MODEL_FORMAT) {
    throw new BetzError('DEC_MODEL_FORMAT_UNKNOWN', 'this safetensors file is not a Betz model', {
      value: format ?? 'no format tag',
      tip: 'Give a file that `betz calibrate --out` wrote.',
    });
  }
  const version = text(metadata, 'format_version');
  if (version !== MODEL_FORMAT_VERSION) {
    const writer = metadata.get('writer') ?? 'an unnamed program';
    throw new BetzError(
      'DEC_MODEL_VERSION_UNSUPPORTED',
      `the model file has version ${version}, written by ${writer}; this Betz reads version ${MODEL_FORMAT_VERSION}`,
      { value: version, tip: 'Use the Betz version that wrote it, or calibrate again.' },
    );
  }
}

function checkArchitecture(
  metadata: ReadonlyMap<string, string>,
  model: Pick<Model, 'kind' | 'config' | 'shape'>,
): void {
  const found = text(metadata, 'architecture_hash');
  const expected = architectureHash(model);
  if (found !== expected) {
    throw new BetzError(
      'DEC_MODEL_ARCHITECTURE_MISMATCH',
      'kind, config and shape of the model are not those it was saved with',
      { value: `${found}, expected ${expected}`, tip: 'The file was edited or damaged: calibrate again.' },
    );
  }
}

function allTensors(model: Model): Map<string, TensorData> {
  const tensors = new Map(Object.entries(model.tensors));
  for (const [field, name] of Object.entries(NORMALISATION_NAMES)) {
    const data = model.normalisation[field as keyof Normalisation];
    tensors.set(name, { shape: [data.length], data });
  }
  return new Map([...tensors].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Takes the normalisation's tensors out of `stored`, so that the kind's remain. */
function takeNormalisation(stored: Map<string, TensorData>): Normalisation {
  const take = (name: string): Float32Array => {
    const tensor = stored.get(name);
    if (tensor === undefined) throw tensorMissing(name);
    stored.delete(name);
    return tensor.data;
  };
  return {
    featureMean: take(NORMALISATION_NAMES.featureMean),
    featureScale: take(NORMALISATION_NAMES.featureScale),
    outputMean: take(NORMALISATION_NAMES.outputMean),
    outputScale: take(NORMALISATION_NAMES.outputScale),
  };
}

function parse<T>(metadata: ReadonlyMap<string, string>, key: string, schema: z.ZodType<T>): T {
  const json = text(metadata, key);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw metadataInvalid(key, 'is not JSON', json, cause);
  }
  return validate(key, value, schema);
}

function validate<T>(key: string, value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (!result.success) throw metadataInvalid(key, z.prettifyError(result.error), value, result.error);
  return result.data;
}

function text(metadata: ReadonlyMap<string, string>, key: string): string {
  const value = metadata.get(key);
  if (value === undefined) throw metadataInvalid(key, 'is missing', undefined);
  return value;
}

function metadataInvalid(key: string, problem: string, value: unknown, cause?: unknown): BetzError {
  return new BetzError('DEC_MODEL_METADATA_INVALID', `the model's '${key}': ${problem}`, {
    value,
    cause,
    tip: 'The file is damaged or edited by hand: calibrate again.',
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
