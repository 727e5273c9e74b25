import { describe, expect, it } from 'vitest';
import { withDriftReference } from '../../src/calibration/drift/model-drift.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import type { DriftReference } from '../../src/decoders/drift-reference.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { readSafetensors, toFloat32, writeSafetensors } from '../../src/decoders/safetensors.ts';
import { randomModel } from '../support/decoder-models.ts';
import { randomRecording } from '../support/random-recording.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const CHANNELS = 9;
const recording = randomRecording(1, { binCount: 500, channelCount: CHANNELS });
const plain: Model = {
  ...randomModel(gru, { inputCount: CHANNELS, outputCount: 2 }, { hiddenCount: 4 }, 1),
  binMs: recording.binMs,
};
const model = withDriftReference(plain, recording);
const drift = model.drift!;
const file = encodeModel(model);

/** The file with some of it changed; undefined removes. */
function tampered(
  tensors: Record<string, Float32Array | undefined>,
  scalars: Record<string, unknown> | undefined = {},
): Uint8Array {
  const read = readSafetensors(file);
  const metadata = new Map(read.metadata);
  if (Object.keys(scalars).length > 0)
    metadata.set('drift', JSON.stringify({ ...JSON.parse(metadata.get('drift')!), ...scalars }));
  const all = new Map([...read.tensors].map(([name, tensor]) => [name, toFloat32(name, tensor)]));
  for (const [name, data] of Object.entries(tensors)) {
    if (data === undefined) all.delete(name);
    else all.set(name, { shape: [data.length], data });
  }
  return writeSafetensors(all, metadata);
}

/** One value of a list of nine replaced. */
const nine = (value: number): Float32Array => new Float32Array(CHANNELS).fill(1).with(4, value);

describe('the drift reference in a model file', () => {
  it('comes back bit for bit, 15 numbers a channel, and without it the file is as before', () => {
    expect(decodeModel(file)).toEqual(model);
    expect(encodeModel(decodeModel(file))).toEqual(file);
    const floats = [...readSafetensors(file).tensors].filter(([name]) => name.startsWith('drift.'));
    expect(floats).toHaveLength(11);
    const count = floats.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(count).toBe(15 * CHANNELS + 4 + 16);
    const without = readSafetensors(encodeModel(plain));
    expect(without.metadata.has('drift')).toBe(false);
    expect([...without.tensors.keys()].some((name) => name.startsWith('drift'))).toBe(false);
  });

  it('stays in an int8 model', () => {
    expect(decodeModel(encodeModel(quantiseModel(model))).drift).toEqual(drift);
  });

  it.each<[string, string, Uint8Array]>([
    ['a list less', 'DEC_MODEL_TENSOR_MISSING', tampered({ 'drift.variance': undefined })],
    ['a list of other channels', 'DEC_MODEL_SHAPE_MISMATCH', tampered({ 'drift.mean': new Float32Array(8) })],
    [
      'a flattened matrix',
      'DEC_MODEL_SHAPE_MISMATCH',
      tampered({ 'drift.loadings': new Float32Array(4 * CHANNELS) }),
    ],
    ['other latents', 'DEC_MODEL_SHAPE_MISMATCH', tampered({}, { latentCount: 3 })],
    ['a NaN', 'DEC_MODEL_VALUE_NOT_FINITE', tampered({ 'drift.silent_share': nine(Number.NaN) })],
    ['a variance below 0', 'DEC_MODEL_DRIFT_INVALID', tampered({ 'drift.variance': nine(-1) })],
    ['a spread of 0', 'DEC_MODEL_DRIFT_INVALID', tampered({ 'drift.mean_spread': nine(0) })],
    ['a spread below 0', 'DEC_MODEL_DRIFT_INVALID', tampered({ 'drift.log_variance_spread': nine(-1) })],
    ['a loading spread of 0', 'DEC_MODEL_DRIFT_INVALID', tampered({ 'drift.loading_spread': nine(0) })],
    ['a share above 1', 'DEC_MODEL_DRIFT_INVALID', tampered({ 'drift.silent_share': nine(1.5) })],
    ['a rest below 0', 'DEC_MODEL_DRIFT_INVALID', tampered({ 'drift.still_bins_max': nine(-1) })],
    ['no window', 'DEC_MODEL_METADATA_INVALID', tampered({}, { windowS: 0 })],
    ['a unit that is text', 'DEC_MODEL_METADATA_INVALID', tampered({}, { typical: { rate: '1' } })],
  ])('with %s is refused as %s', (_what, code, bytes) => {
    expect(betzErrorOf(() => decodeModel(bytes)).code).toBe(code);
  });

  it('without what stands in the metadata, its lists belong to nothing', () => {
    const { metadata, tensors } = readSafetensors(file);
    const rest = new Map(metadata);
    rest.delete('drift');
    const all = new Map([...tensors].map(([name, tensor]) => [name, toFloat32(name, tensor)]));
    expect(betzErrorOf(() => decodeModel(writeSafetensors(all, rest))).code).toBe(
      'DEC_MODEL_TENSOR_UNEXPECTED',
    );
  });

  it.each<[string, string, Partial<DriftReference>]>([
    ['of other bins', 'DEC_MODEL_DRIFT_INVALID', { binMs: 20 }],
    ['of a list of other channels', 'DEC_MODEL_SHAPE_MISMATCH', { stillBinsMax: new Float32Array(8) }],
    ['whose latents nobody knows', 'DEC_MODEL_DRIFT_INVALID', { directions: undefined as never }],
    [
      'whose whitening is not one',
      'DEC_MODEL_DRIFT_INVALID',
      { whitening: { ...drift.whitening, root: new Float32Array(16) } },
    ],
    ['whose units are not finite', 'DEC_MODEL_METADATA_INVALID', { windowS: Infinity }],
  ])('%s is not written: %s', (_what, code, change) => {
    expect(betzErrorOf(() => encodeModel({ ...model, drift: { ...drift, ...change } })).code).toBe(code);
  });
});
