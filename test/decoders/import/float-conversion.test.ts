import { describe, expect, it } from 'vitest';
import { convertToFloat32 } from '../../../src/decoders/import/float-conversion.ts';
import type { StoredTensor } from '../../../src/decoders/safetensors.ts';
import { readSafetensors } from '../../../src/decoders/safetensors.ts';
import { readFileSync } from 'node:fs';
import { betzErrorOf } from '../../support/recording-errors.ts';
import { Golden, goldenPath } from '../../support/golden.ts';

/** One tensor of 16-bit numbers, at an odd place in its buffer. */
function words(dtype: 'F16' | 'BF16', ...values: number[]): StoredTensor {
  const bytes = new Uint8Array(1 + 2 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint16(1 + 2 * i, value, true);
  });
  return { dtype, shape: [values.length], bytes: bytes.subarray(1) };
}

function doubles(...values: number[]): StoredTensor {
  return { dtype: 'F64', shape: [values.length], bytes: new Uint8Array(Float64Array.from(values).buffer) };
}

describe('conversion to float32', () => {
  it('reads F16: zeros, the smallest, the largest, subnormal and normal numbers', () => {
    const { data } = convertToFloat32(
      'w',
      words('F16', 0, 0x8000, 1, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x3555, 0x7bff, 0xfbff),
    );
    expect(Array.from(data)).toEqual([
      0,
      -0,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      1,
      -2,
      1365 / 4096,
      65504,
      -65504,
    ]);
  });

  it('reads every finite F16 in order', () => {
    const positive = Array.from({ length: 0x7c00 }, (_, bits) => bits);
    const { data } = convertToFloat32('w', words('F16', ...positive));
    // Neighbours differ by one unit of the last place: the same for subnormals and the first 1,024 normals, then doubling.
    for (let bits = 1; bits < data.length; bits++) {
      const unit = 2 ** (Math.max(1, (bits - 1) >> 10) - 25);
      expect(data[bits] - data[bits - 1]).toBe(unit);
    }
  });

  it('reads every finite BF16 as the upper half of a float32', () => {
    const bits = Array.from({ length: 0x10000 }, (_, i) => i).filter((i) => (i & 0x7f80) !== 0x7f80);
    const { data } = convertToFloat32('w', words('BF16', ...bits));
    const expected = new Float32Array(Uint32Array.from(bits, (i) => i * 0x10000).buffer);
    expect(new Uint32Array(data.buffer)).toEqual(new Uint32Array(expected.buffer));
  });

  it('rounds F64 to nearest', () => {
    const { data } = convertToFloat32('w', doubles(0.1, 1 + 2 ** -24, 1 + 3 * 2 ** -24, 1e-50));
    expect(Array.from(data)).toEqual([Math.fround(0.1), 1, 1 + 2 ** -22, 0]);
  });

  it('gives what PyTorch gives', () => {
    const golden = new Golden('state-dict-gru-expected.safetensors');
    const { tensors } = readSafetensors(readFileSync(goldenPath('state-dict-gru.safetensors')));
    const types = new Set<string>();
    for (const [name, stored] of tensors) {
      types.add(stored.dtype);
      if (stored.dtype !== 'I64') expect(convertToFloat32(name, stored)).toEqual(golden.tensor(name));
    }
    expect([...types].sort()).toEqual(['BF16', 'F16', 'F64', 'I64']);
  });

  it.each([
    ['an infinity as F16', words('F16', 0, 0x7c00)],
    ['a negative infinity as BF16', words('BF16', 0, 0xff80)],
    ['NaN as F16', words('F16', 0, 0x7e00)],
    ['NaN as BF16', words('BF16', 0, 0x7fc0)],
    ['a number beyond float32', doubles(0, 1e39)],
  ])('refuses %s, and says where', (_what, tensor) => {
    const { code, value } = betzErrorOf(() => convertToFloat32('w', tensor));
    expect(code).toBe('DEC_MODEL_VALUE_NOT_FINITE');
    expect(value).toContain('element 1');
  });

  it('refuses whole numbers', () => {
    const error = betzErrorOf(() =>
      convertToFloat32('w', { dtype: 'I64', shape: [1], bytes: new Uint8Array(8) }),
    );
    expect(error).toMatchObject({ code: 'DEC_IMPORT_DTYPE_UNSUPPORTED', value: 'I64' });
  });
});
