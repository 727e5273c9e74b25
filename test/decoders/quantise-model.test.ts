import { describe, expect, it } from 'vitest';
import type { MapAccount } from '../../src/decoders/account.ts';
import type { DecoderKind, Model, TensorData } from '../../src/decoders/decoder.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { precisionOf, quantiseModel, quantisedNames } from '../../src/decoders/quantise-model.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { readSafetensors, writeSafetensors } from '../../src/decoders/safetensors.ts';
import type { WritableTensor } from '../../src/decoders/safetensors.ts';
import { toFloat32, toInt8 } from '../../src/decoders/safetensors.ts';
import { decode, makeKernels } from '../compliance/decoder.ts';
import { randomCounts, randomModel } from '../support/decoder-models.ts';
import { codeOf } from '../support/recording-errors.ts';

const SHAPE = { inputCount: 5, outputCount: 2 };
const WRITER = 'tester 1.2.3';
const gradientKinds = decoderKinds.filter(({ training }) => training === 'gradient');
const HIDDEN = 'rnn.weight_hh_l0';

/** Of which an int8 model has int8 weights. */
function mapsOf(kind: DecoderKind, model: Model): MapAccount[] {
  const { maps } = kind.account(model.config, model.shape);
  return maps.filter(({ inputs }) => inputs !== 'history' && inputs !== 'spikes');
}

function gruModel(): Model {
  return randomModel(findDecoderKind('gru'), SHAPE, { hiddenCount: 8 }, 1);
}

describe.each(gradientKinds.map((kind) => ({ kind, name: kind.name })))('an int8 $name model', ({ kind }) => {
  const model = randomModel(kind, SHAPE, {}, 3);
  const int8 = quantiseModel(model);

  it('has its maps in int8 and nothing else', () => {
    expect(precisionOf(model)).toBe('float32');
    expect(precisionOf(int8)).toBe('int8');
    const maps = mapsOf(kind, model);
    for (const [name, tensor] of Object.entries(int8.tensors)) {
      const map = maps.find((candidate) => candidate.name === name);
      expect(tensor.int8 !== undefined, name).toBe(map !== undefined);
      expect(tensor.shape).toEqual(model.tensors[name].shape);
      if (map !== undefined) expect(tensor.shape).toEqual([map.rows, map.cols]);
      else expect(tensor).toBe(model.tensors[name]);
    }
    expect([...quantisedNames(kind, model.config, model.shape)].every((name) => name in model.tensors)).toBe(
      true,
    );
  });

  it('comes back from its file the same, and gives the same bytes again', () => {
    const file = encodeModel(int8, WRITER);
    const read = decodeModel(file);
    expect(read).toEqual(int8);
    expect(encodeModel(read, WRITER)).toEqual(file);
    const features = randomCounts(20, SHAPE.inputCount, 4);
    expect(decode(kind.createDecoder(read, makeKernels()), features)).toEqual(
      decode(kind.createDecoder(int8, makeKernels()), features),
    );
  });

  it('is decoded by int8 kernels alone', () => {
    const kernels = makeKernels();
    const called = new Set<string>();
    const exports = Object.fromEntries(
      Object.entries(kernels.exports).map(([name, kernel]) => [
        name,
        (...args: number[]): unknown => {
          called.add(name);
          return (kernel as (...numbers: number[]) => unknown)(...args);
        },
      ]),
    ) as unknown as typeof kernels.exports;
    const decoder = kind.createDecoder(int8, { ...kernels, exports });
    decode(decoder, randomCounts(3, SHAPE.inputCount, 5));
    expect([...called].filter((name) => name.startsWith('matvec') && !/Int8|Spikes/.test(name))).toEqual([]);
    expect(called).toContain('matvecInt8');
    expect(called).toContain('matvecInt8Sparse');
  });

  it('is smaller: a byte for each weight of a map, and a number for each row', () => {
    const maps = mapsOf(kind, model);
    const saved = maps.reduce((sum, { rows, cols }) => sum + 3 * rows * cols - 4 * rows, 0);
    const dataBytes = (bytes: Uint8Array): number =>
      [...readSafetensors(bytes).tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
    expect(dataBytes(encodeModel(model)) - dataBytes(encodeModel(int8))).toBe(saved);
  });
});

describe('quantiseModel', () => {
  it.each(['wiener', 'kalman'])('refuses a %s model', (name) => {
    const model = randomModel(findDecoderKind(name), SHAPE, {}, 1);
    expect(codeOf(() => quantiseModel(model))).toBe('DEC_QUANTISE_KIND');
  });

  it('refuses an int8 model', () => {
    expect(codeOf(() => quantiseModel(quantiseModel(gruModel())))).toBe('DEC_QUANTISE_PRECISION');
  });

  it('leaves the model that it is given as it was', () => {
    const model = gruModel();
    quantiseModel(model);
    expect(model).toEqual(gruModel());
  });
});

/** The file of an int8 GRU with some tensors changed; undefined removes. */
function tamper(changes: Record<string, WritableTensor | undefined>): Uint8Array {
  const file = readSafetensors(encodeModel(quantiseModel(gruModel()), WRITER));
  const tensors = new Map<string, WritableTensor>();
  for (const [name, tensor] of file.tensors) {
    const { shape } = tensor;
    tensors.set(
      name,
      tensor.dtype === 'I8' ? { shape, data: toInt8(name, tensor) } : toFloat32(name, tensor),
    );
  }
  for (const [name, tensor] of Object.entries(changes)) {
    if (tensor === undefined) tensors.delete(name);
    else tensors.set(name, tensor);
  }
  return writeSafetensors(tensors, new Map(file.metadata));
}

describe('the file of an int8 model', () => {
  const scales = `int8_scales.${HIDDEN}`;
  const vector = (...values: number[]): TensorData => ({
    shape: [24],
    data: new Float32Array(24).fill(0.5).map((value, i) => values[i] ?? value),
  });
  const bytes = (fill: number, shape: readonly number[] = [24, 8]): WritableTensor => ({
    shape,
    data: new Int8Array(shape.reduce((product, size) => product * size, 1)).fill(fill),
  });

  it('is read as it is when nothing was changed', () => {
    expect(decodeModel(tamper({}))).toEqual(quantiseModel(gruModel()));
  });

  it('has every number at a multiple of its size', () => {
    const { tensors } = readSafetensors(encodeModel(quantiseModel(gruModel())));
    for (const { dtype, bytes: data } of tensors.values()) {
      if (dtype === 'F32') expect(data.byteOffset % 4).toBe(0);
    }
  });

  const BAD: readonly [string, string, Record<string, WritableTensor | undefined>][] = [
    ['a scale of 0', 'DEC_MODEL_INT8_INVALID', { [scales]: vector(1, 0) }],
    ['a scale below 0', 'DEC_MODEL_INT8_INVALID', { [scales]: vector(-1) }],
    ['a scale that is NaN', 'DEC_MODEL_INT8_INVALID', { [scales]: vector(Number.NaN) }],
    ['an infinite scale', 'DEC_MODEL_INT8_INVALID', { [scales]: vector(Infinity) }],
    ['a scale that makes weights infinite', 'DEC_MODEL_VALUE_NOT_FINITE', { [scales]: vector(3e38) }],
    ['a value of -128', 'DEC_MODEL_INT8_INVALID', { [HIDDEN]: bytes(-128) }],
    ['no scales', 'DEC_MODEL_TENSOR_MISSING', { [scales]: undefined }],
    ['no values', 'DEC_MODEL_TENSOR_MISSING', { [HIDDEN]: undefined }],
    [
      'scales of other rows',
      'DEC_MODEL_SHAPE_MISMATCH',
      { [scales]: { shape: [8], data: new Float32Array(8).fill(1) } },
    ],
    [
      'scales in two dimensions',
      'DEC_MODEL_SHAPE_MISMATCH',
      { [scales]: { shape: [24, 1], data: new Float32Array(24).fill(1) } },
    ],
    ['values of another shape', 'DEC_MODEL_SHAPE_MISMATCH', { [HIDDEN]: bytes(1, [24, 9]) }],
    ['values in one dimension', 'DEC_MODEL_SHAPE_MISMATCH', { [HIDDEN]: bytes(1, [24 * 8]) }],
    [
      'one map in float32',
      'DEC_MODEL_DTYPE_UNKNOWN',
      { [HIDDEN]: { shape: [24, 8], data: new Float32Array(24 * 8) } },
    ],
    ['scales in int8', 'DEC_MODEL_DTYPE_UNKNOWN', { [scales]: bytes(1, [24]) }],
    ['a bias in int8', 'DEC_MODEL_DTYPE_UNKNOWN', { 'readout.bias': bytes(1, [2]) }],
    [
      'scales too many',
      'DEC_MODEL_TENSOR_UNEXPECTED',
      { 'int8_scales.readout.bias': { shape: [2], data: Float32Array.of(1, 1) } },
    ],
  ];
  it.each(BAD)('with %s is refused as %s', (_what, code, changes) => {
    expect(codeOf(() => decodeModel(tamper(changes)))).toBe(code);
  });

  it('of a closed-form kind is refused', () => {
    const model = randomModel(findDecoderKind('wiener'), SHAPE, { lagCount: 3 }, 1);
    const file = readSafetensors(encodeModel(model));
    const tensors = new Map<string, WritableTensor>();
    for (const [name, tensor] of file.tensors) tensors.set(name, toFloat32(name, tensor));
    tensors.set('bias', { shape: [2], data: Int8Array.of(1, 2) });
    expect(codeOf(() => decodeModel(writeSafetensors(tensors, new Map(file.metadata))))).toBe(
      'DEC_MODEL_DTYPE_UNKNOWN',
    );
  });

  it('is not written when its weights are not what its values stand for, or only some maps are int8', () => {
    const model = quantiseModel(gruModel());
    model.tensors[HIDDEN].data[3] += 1;
    expect(codeOf(() => encodeModel(model))).toBe('DEC_MODEL_INT8_INVALID');
    const float = gruModel();
    const mixed = { ...float, tensors: { ...quantiseModel(float).tensors, [HIDDEN]: float.tensors[HIDDEN] } };
    expect(codeOf(() => encodeModel(mixed))).toBe('DEC_MODEL_INT8_INVALID');
  });

  it('cut anywhere is refused with a code', () => {
    const file = encodeModel(quantiseModel(gruModel()));
    for (let length = 0; length < file.length; length += 29) {
      expect(codeOf(() => decodeModel(file.subarray(0, length)))).toMatch(/^DEC_MODEL_/);
    }
  });
});
