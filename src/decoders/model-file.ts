/**
 * The model file: one safetensors file that holds everything a decoder needs (docs/formats.md, "Model file").
 *
 * Tensors are stored as model-tensors.ts says; everything else is JSON in `__metadata__`.
 * A file is accepted only after every name, shape, size and value has been checked against what its kind expects,
 * so that a decoder never starts from half a model. The same checks run before a model is written.
 */
import { z } from 'zod';
import { BetzError } from '../core/errors.ts';
import { safetensorsKind } from '../core/file-kind.ts';
import { canonicalJson, fnv1a64 } from './architecture-hash.ts';
import type { DecoderKind, Model } from './decoder.ts';
import { DRIFT_SCALARS, driftScalars } from './drift-tensors.ts';
import { checkTensors, tensorsFromStored, tensorsToStore } from './model-tensors.ts';
import { decoderKinds, findDecoderKind } from './registry.ts';
import { notModel, readSafetensors, writeSafetensors } from './safetensors.ts';
import { sessionLabels } from './session-tensors.ts';

const MODEL_FORMAT = 'betz-model';
const MODEL_FORMAT_VERSION = '1';
export const BIN_MS_MAX = 10_000;

const count = z.int().min(1).max(65536);
const METADATA = {
  shape: z.strictObject({ inputCount: count, outputCount: count }),
  features: z.strictObject({
    name: z.literal('spikeCounts'),
    smoothing: z.number().min(0).lt(1),
    channelLabels: z.array(z.string()),
  }),
  output: z.strictObject({ name: z.string().min(1), labels: z.array(z.string()), unit: z.string() }),
  binMs: z.number().positive().max(BIN_MS_MAX),
  provenance: z.record(z.string(), z.unknown()),
  /** Absent: the core takes the channels themselves. */
  sessions: z
    .array(z.strictObject({ name: z.string(), channelLabels: z.array(z.string()).max(65536) }))
    .max(4096),
  /** Absent: the model keeps no reference that drift is measured from. */
  drift: DRIFT_SCALARS,
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
  if (model.readIn !== undefined) metadata.set('sessions', canonicalJson(sessionLabels(model)));
  if (model.drift !== undefined) metadata.set('drift', canonicalJson(driftScalars(model.drift)));
  return writeSafetensors(tensorsToStore(model), metadata);
}

/** @throws BetzError DEC_MODEL_*, DEC_KIND_UNKNOWN */
export function decodeModel(file: Uint8Array, kinds: readonly DecoderKind[] = decoderKinds): Model {
  const { metadata, tensors } = readSafetensors(file);
  checkFormat(metadata);
  const kind = findDecoderKind(text(metadata, 'kind'), kinds);
  const shape = parse(metadata, 'shape', METADATA.shape);
  const config = parse(metadata, 'config', kind.configSchema);
  checkArchitecture(metadata, { kind: kind.name, config, shape });
  const sessions = metadata.has('sessions') ? parse(metadata, 'sessions', METADATA.sessions) : undefined;
  const drift = metadata.has('drift') ? parse(metadata, 'drift', METADATA.drift) : undefined;
  const binMs = parse(metadata, 'bin_ms', METADATA.binMs);
  const model: Model = {
    kind: kind.name,
    config,
    shape,
    ...tensorsFromStored(tensors, kind, { config, shape, binMs }, sessions, drift),
    features: parse(metadata, 'features', METADATA.features),
    output: parse(metadata, 'output', METADATA.output),
    binMs,
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
  if (model.drift !== undefined) validate('drift', driftScalars(model.drift), METADATA.drift);
  checkLabels('channel', model.features.channelLabels, inputCount);
  checkLabels('output', model.output.labels, outputCount);
  checkTensors(model, kind);
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
  if (format !== MODEL_FORMAT) throw notModel(safetensorsKind(format));
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
