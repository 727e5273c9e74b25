import { describe, expect, it } from 'vitest';
import { BetzError } from '../../src/core/errors.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { architectureHash, decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { readSafetensors, toFloat32, writeSafetensors } from '../../src/decoders/safetensors.ts';
import { decode, makeKernels } from '../compliance/decoder.ts';
import { randomCounts, randomModel } from '../support/decoder-models.ts';

const SHAPE = { inputCount: 5, outputCount: 2 };
const wienerModel = (): Model => randomModel(findDecoderKind('wiener'), SHAPE, { lagCount: 3 }, 1);

/** Writes the file of a model again with some metadata and tensors changed; undefined removes. */
function tamper(
  changes: {
    metadata?: Record<string, string | undefined>;
    tensors?: Record<string, Float32Array | undefined>;
  },
  model = wienerModel(),
): Uint8Array {
  const file = readSafetensors(encodeModel(model, 'tester 1.2.3'));
  const metadata = new Map(file.metadata);
  for (const [key, value] of Object.entries(changes.metadata ?? {})) {
    if (value === undefined) metadata.delete(key);
    else metadata.set(key, value);
  }
  const tensors = new Map([...file.tensors].map(([name, tensor]) => [name, toFloat32(name, tensor)]));
  for (const [name, data] of Object.entries(changes.tensors ?? {})) {
    if (data === undefined) tensors.delete(name);
    else tensors.set(name, { shape: [data.length], data });
  }
  return writeSafetensors(tensors, metadata);
}

function errorOf(action: () => unknown): BetzError {
  try {
    action();
  } catch (error) {
    if (error instanceof BetzError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('model file', () => {
  it.each(decoderKinds.map((kind) => kind.name))(
    'a %s model comes back the same, and decodes the same',
    (name) => {
      const kind = findDecoderKind(name);
      const model = randomModel(kind, SHAPE, {}, 2);
      const file = encodeModel(model, 'tester 1.2.3');
      expect(encodeModel(model, 'tester 1.2.3')).toEqual(file);
      const read = decodeModel(file);
      expect(read).toEqual(model);
      const features = randomCounts(20, SHAPE.inputCount, 3);
      expect(decode(kind.createDecoder(read, makeKernels()), features)).toEqual(
        decode(kind.createDecoder(model, makeKernels()), features),
      );
    },
  );

  it('completes a config with its defaults before it is hashed', () => {
    const model = { ...randomModel(findDecoderKind('wiener'), SHAPE, {}, 1), config: {} };
    expect(decodeModel(encodeModel(model)).config).toEqual({ lagCount: 10 });
  });

  it('hashes what a state has to fit: kind, config and shape, in any order of keys', () => {
    const hash = architectureHash({ kind: 'wiener', config: { a: 1, b: [2, { d: 3, c: 4 }] }, shape: SHAPE });
    const reordered = { outputCount: 2, inputCount: 5 };
    expect(
      architectureHash({ kind: 'wiener', config: { b: [2, { c: 4, d: 3 }], a: 1 }, shape: reordered }),
    ).toBe(hash);
    expect(
      architectureHash({ kind: 'wiener', config: { a: 2, b: [2, { d: 3, c: 4 }] }, shape: SHAPE }),
    ).not.toBe(hash);
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
  });

  it('names version, expected version and writer of a file from another version', () => {
    const error = errorOf(() => decodeModel(tamper({ metadata: { format_version: '7' } })));
    expect(error.code).toBe('DEC_MODEL_VERSION_UNSUPPORTED');
    expect(error.message).toMatch(/version 7, written by tester 1\.2\.3.* version 1/);
    expect(error.value).toBe('7');
  });

  const nan = Float32Array.of(0, Number.NaN);
  const BAD: readonly [string, string, Parameters<typeof tamper>[0]][] = [
    ['no format tag', 'DEC_MODEL_FORMAT_UNKNOWN', { metadata: { format: undefined } }],
    ['another format', 'DEC_MODEL_FORMAT_UNKNOWN', { metadata: { format: 'pt' } }],
    ['no version', 'DEC_MODEL_METADATA_INVALID', { metadata: { format_version: undefined } }],
    ['an unknown kind', 'DEC_KIND_UNKNOWN', { metadata: { kind: 'lstm' } }],
    ['another kind', 'DEC_MODEL_METADATA_INVALID', { metadata: { kind: 'kalman' } }],
    ['config that is not JSON', 'DEC_MODEL_METADATA_INVALID', { metadata: { config: '{' } }],
    ['config out of range', 'DEC_MODEL_METADATA_INVALID', { metadata: { config: '{"lagCount":0}' } }],
    ['an unknown choice', 'DEC_MODEL_METADATA_INVALID', { metadata: { config: '{"lagCount":3,"x":1}' } }],
    ['another config', 'DEC_MODEL_ARCHITECTURE_MISMATCH', { metadata: { config: '{"lagCount":4}' } }],
    [
      'another shape',
      'DEC_MODEL_ARCHITECTURE_MISMATCH',
      { metadata: { shape: '{"inputCount":6,"outputCount":2}' } },
    ],
    [
      'a shape of no inputs',
      'DEC_MODEL_METADATA_INVALID',
      { metadata: { shape: '{"inputCount":0,"outputCount":2}' } },
    ],
    ['no hash', 'DEC_MODEL_METADATA_INVALID', { metadata: { architecture_hash: undefined } }],
    [
      'smoothing 1',
      'DEC_MODEL_METADATA_INVALID',
      { metadata: { features: '{"name":"spikeCounts","smoothing":1,"channelLabels":["","","","",""]}' } },
    ],
    [
      'unknown features',
      'DEC_MODEL_METADATA_INVALID',
      { metadata: { features: '{"name":"bandPower","smoothing":0,"channelLabels":["","","","",""]}' } },
    ],
    [
      'too few channel labels',
      'DEC_MODEL_METADATA_INVALID',
      { metadata: { features: '{"name":"spikeCounts","smoothing":0,"channelLabels":[""]}' } },
    ],
    [
      'too many output labels',
      'DEC_MODEL_METADATA_INVALID',
      { metadata: { output: '{"name":"v","labels":["x","y","z"],"unit":"m/s"}' } },
    ],
    ['a bin width of 0', 'DEC_MODEL_METADATA_INVALID', { metadata: { bin_ms: '0' } }],
    ['a bin width that is text', 'DEC_MODEL_METADATA_INVALID', { metadata: { bin_ms: '"20"' } }],
    ['provenance that is a list', 'DEC_MODEL_METADATA_INVALID', { metadata: { provenance: '[]' } }],
    ['a tensor less', 'DEC_MODEL_TENSOR_MISSING', { tensors: { bias: undefined } }],
    ['no normalisation', 'DEC_MODEL_TENSOR_MISSING', { tensors: { 'normalisation.output_mean': undefined } }],
    ['a tensor more', 'DEC_MODEL_TENSOR_UNEXPECTED', { tensors: { extra: Float32Array.of(1) } }],
    ['a wrong shape', 'DEC_MODEL_SHAPE_MISMATCH', { tensors: { bias: Float32Array.of(1, 2, 3) } }],
    ['a flattened tensor', 'DEC_MODEL_SHAPE_MISMATCH', { tensors: { weight: new Float32Array(30) } }],
    [
      'a normalisation of other channels',
      'DEC_MODEL_SHAPE_MISMATCH',
      { tensors: { 'normalisation.feature_mean': new Float32Array(4) } },
    ],
    ['a NaN', 'DEC_MODEL_VALUE_NOT_FINITE', { tensors: { bias: nan } }],
    [
      'an infinite scale',
      'DEC_MODEL_VALUE_NOT_FINITE',
      { tensors: { 'normalisation.output_scale': Float32Array.of(1, Infinity) } },
    ],
    [
      'a scale below 0',
      'DEC_MODEL_NORMALISATION_INVALID',
      { tensors: { 'normalisation.feature_scale': Float32Array.of(1, 1, -1, 1, 1) } },
    ],
    [
      'an output scale of 0',
      'DEC_MODEL_NORMALISATION_INVALID',
      { tensors: { 'normalisation.output_scale': Float32Array.of(1, 0) } },
    ],
  ];
  it.each(BAD)('with %s is refused as %s', (_what, code, changes) => {
    const error = errorOf(() => decodeModel(tamper(changes)));
    expect(error.code).toBe(code);
    expect(error.tip).not.toBe('');
  });

  it('is not written when it could not be read', () => {
    const model = wienerModel();
    model.tensors['bias'].data[1] = Number.NaN;
    expect(errorOf(() => encodeModel(model)).code).toBe('DEC_MODEL_VALUE_NOT_FINITE');
    expect(errorOf(() => encodeModel({ ...wienerModel(), kind: 'lstm' })).code).toBe('DEC_KIND_UNKNOWN');
    expect(errorOf(() => encodeModel({ ...wienerModel(), config: { lagCount: 4 } })).code).toBe(
      'DEC_MODEL_SHAPE_MISMATCH',
    );
    expect(errorOf(() => encodeModel({ ...wienerModel(), binMs: Number.NaN })).code).toBe(
      'DEC_MODEL_METADATA_INVALID',
    );
  });

  it('cut anywhere is refused with a code', () => {
    const file = encodeModel(wienerModel());
    for (let length = 0; length < file.length; length += 7) {
      expect(errorOf(() => decodeModel(file.subarray(0, length))).code).toMatch(/^DEC_MODEL_/);
    }
  });
});

describe('registry', () => {
  it('names the kinds there are when asked for one that there is not', () => {
    const error = errorOf(() => findDecoderKind('lstm'));
    expect(error.code).toBe('DEC_KIND_UNKNOWN');
    for (const kind of decoderKinds) expect(error.tip).toContain(kind.name);
    expect(new Set(decoderKinds.map((kind) => kind.name)).size).toBe(decoderKinds.length);
  });
});
