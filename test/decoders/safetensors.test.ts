import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BetzError } from '../../src/core/errors.ts';
import { Rng } from '../../src/core/rng.ts';
import type { TensorData } from '../../src/decoders/decoder.ts';
import { readSafetensors, toFloat32, writeSafetensors } from '../../src/decoders/safetensors.ts';

/** A file from a header (an object, or JSON as written) and data. */
function makeFile(header: unknown, dataBytes = 0, headerBytes?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes ?? json.length), true);
  file.set(json, 8);
  return file;
}

const f32 = (shape: number[], begin: number, end: number): unknown => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof BetzError) {
      expect(error.tip).not.toBe('');
      return error.code;
    }
    throw error;
  }
}

describe('safetensors', () => {
  it('reads back what it wrote, for any shapes, rank 0 and empty tensors included', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), { maxLength: 5 }),
        fc.integer(),
        (shapes, seed) => {
          const rng = new Rng(seed);
          const tensors = new Map<string, TensorData>();
          shapes.forEach((shape, i) => {
            const size = shape.reduce((product, n) => product * n, 1);
            tensors.set(`tensor "${i}" é`, {
              shape,
              data: Float32Array.from({ length: size }, () => rng.normal()),
            });
          });
          const metadata = new Map([['écrit', 'par "moi"\n']]);
          const file = writeSafetensors(tensors, metadata);
          expect(writeSafetensors(tensors, metadata)).toEqual(file);
          expect(new DataView(file.buffer).getBigUint64(0, true) % 8n).toBe(0n);
          const read = readSafetensors(file);
          expect(read.metadata).toEqual(metadata);
          expect(new Map([...read.tensors].map(([name, t]) => [name, toFloat32(name, t)]))).toEqual(tensors);
        },
      ),
    );
  });

  it('has the bytes that the format says', () => {
    const file = writeSafetensors(new Map([['a', { shape: [2], data: Float32Array.of(1, -2) }]]), new Map());
    const json = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const padding = ' '.repeat((8 - (json.length % 8)) % 8);
    const expected = [
      ...[json.length + padding.length, 0, 0, 0, 0, 0, 0, 0],
      ...new TextEncoder().encode(json + padding),
      ...[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0],
    ];
    expect(Array.from(file)).toEqual(expected);
  });

  it('reads from a view at any offset in a larger buffer', () => {
    const file = writeSafetensors(new Map([['a', { shape: [], data: Float32Array.of(7) }]]), new Map());
    const larger = new Uint8Array(file.length + 3);
    larger.set(file, 3);
    const tensor = readSafetensors(larger.subarray(3)).tensors.get('a')!;
    expect(toFloat32('a', tensor)).toEqual({ shape: [], data: Float32Array.of(7) });
  });

  it('reads every number type of the format, in any order of the data', () => {
    const sizes = {
      F64: 8,
      F32: 4,
      F16: 2,
      BF16: 2,
      I64: 8,
      I32: 4,
      I16: 2,
      I8: 1,
      U64: 8,
      U32: 4,
      U16: 2,
      U8: 1,
      BOOL: 1,
    };
    let end = 0;
    const entries = Object.entries(sizes).map(([dtype, bytes]) => {
      const begin = end;
      end += 3 * bytes;
      return [dtype, { dtype, shape: [3, 1], data_offsets: [begin, end] }] as const;
    });
    const { tensors } = readSafetensors(makeFile(Object.fromEntries(entries.reverse()), end));
    expect(tensors.size).toBe(13);
    expect(tensors.get('I16')!.bytes.length).toBe(6);
    expect(codeOf(() => toFloat32('I16', tensors.get('I16')!))).toBe('DEC_MODEL_DTYPE_UNKNOWN');
  });

  const BAD: readonly [string, string, Uint8Array][] = [
    ['an empty file', 'DEC_MODEL_TRUNCATED', new Uint8Array(0)],
    ['seven bytes', 'DEC_MODEL_TRUNCATED', new Uint8Array(7)],
    ['a header longer than the file', 'DEC_MODEL_TRUNCATED', makeFile({}, 0, 3)],
    ['a header beyond 100 MB', 'DEC_MODEL_HEADER_INVALID', makeFile({}, 0, 100_000_001)],
    ['a header length with the top bit set', 'DEC_MODEL_HEADER_INVALID', new Uint8Array(64).fill(0xff)],
    ['a header of no bytes', 'DEC_MODEL_HEADER_INVALID', new Uint8Array(8)],
    ['a header that does not start with {', 'DEC_MODEL_HEADER_INVALID', makeFile(' {}')],
    ['a header that is a list', 'DEC_MODEL_HEADER_INVALID', makeFile('[]')],
    ['a header that is not JSON', 'DEC_MODEL_HEADER_INVALID', makeFile('{"a":')],
    ['text after the header', 'DEC_MODEL_HEADER_INVALID', makeFile('{} x')],
    [
      'a name twice',
      'DEC_MODEL_HEADER_INVALID',
      makeFile(
        '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
      ),
    ],
    [
      'a name twice, once escaped',
      'DEC_MODEL_HEADER_INVALID',
      makeFile(
        '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
      ),
    ],
    [
      'a field twice inside a tensor',
      'DEC_MODEL_HEADER_INVALID',
      makeFile('{"a":{"dtype":"F32","shape":[0],"shape":[0],"data_offsets":[0,0]}}'),
    ],
    ['metadata that is not text', 'DEC_MODEL_HEADER_INVALID', makeFile({ __metadata__: { a: 1 } })],
    ['metadata that is a list', 'DEC_MODEL_HEADER_INVALID', makeFile({ __metadata__: [] })],
    ['a tensor that is a number', 'DEC_MODEL_HEADER_INVALID', makeFile({ a: 1 })],
    [
      'an unknown field',
      'DEC_MODEL_HEADER_INVALID',
      makeFile({ a: { ...(f32([0], 0, 0) as object), b: 1 } }),
    ],
    ['a negative size', 'DEC_MODEL_HEADER_INVALID', makeFile({ a: f32([-1], 0, 4) }, 4)],
    ['a fractional size', 'DEC_MODEL_HEADER_INVALID', makeFile({ a: f32([0.5], 0, 2) }, 2)],
    ['a size beyond whole numbers', 'DEC_MODEL_HEADER_INVALID', makeFile({ a: f32([2 ** 53], 0, 4) }, 4)],
    [
      'three offsets',
      'DEC_MODEL_HEADER_INVALID',
      makeFile({ a: { dtype: 'F32', shape: [0], data_offsets: [0, 0, 0] } }),
    ],
    ['no shape', 'DEC_MODEL_HEADER_INVALID', makeFile({ a: { dtype: 'F32', data_offsets: [0, 0] } })],
    [
      'an unknown number type',
      'DEC_MODEL_DTYPE_UNKNOWN',
      makeFile({ a: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, 1),
    ],
    [
      'a number type named like a property of objects',
      'DEC_MODEL_DTYPE_UNKNOWN',
      makeFile({ a: { dtype: 'toString', shape: [0], data_offsets: [0, 0] } }),
    ],
    ['a size that is not that of the shape', 'DEC_MODEL_LAYOUT_INVALID', makeFile({ a: f32([2], 0, 4) }, 4)],
    [
      'a shape whose product overflows',
      'DEC_MODEL_LAYOUT_INVALID',
      makeFile({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
    ],
    ['offsets in reverse', 'DEC_MODEL_LAYOUT_INVALID', makeFile({ a: f32([1], 4, 0) }, 4)],
    ['offsets beyond the file', 'DEC_MODEL_TRUNCATED', makeFile({ a: f32([2], 0, 8) }, 7)],
    ['a hole at the start', 'DEC_MODEL_LAYOUT_INVALID', makeFile({ a: f32([1], 4, 8) }, 8)],
    [
      'a hole in the middle',
      'DEC_MODEL_LAYOUT_INVALID',
      makeFile({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
    ],
    ['an overlap', 'DEC_MODEL_LAYOUT_INVALID', makeFile({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8)],
    [
      'an empty tensor inside another',
      'DEC_MODEL_LAYOUT_INVALID',
      makeFile({ a: f32([2], 0, 8), b: f32([0], 4, 4) }, 8),
    ],
    ['bytes after the last tensor', 'DEC_MODEL_LAYOUT_INVALID', makeFile({ a: f32([1], 0, 4) }, 5)],
    ['bytes and no tensor', 'DEC_MODEL_LAYOUT_INVALID', makeFile({}, 1)],
  ];
  it.each(BAD)('refuses %s with %s', (_what, code, file) => {
    expect(codeOf(() => readSafetensors(file))).toBe(code);
  });

  it('refuses a header that is not UTF-8', () => {
    const file = makeFile('{"é":1}');
    file[file.length - 5] = 0xff;
    expect(codeOf(() => readSafetensors(file))).toBe('DEC_MODEL_HEADER_INVALID');
  });

  it('takes equal keys in different objects, and quotes and brackets inside names', () => {
    const { tensors, metadata } = readSafetensors(
      makeFile(
        {
          __metadata__: { a: '{"a":"a","a":' },
          a: f32([0], 0, 0),
          'b"{,': f32([0], 0, 0),
          __proto__x: f32([], 0, 4),
        },
        4,
      ),
    );
    expect([...tensors.keys()].sort()).toEqual(['__proto__x', 'a', 'b"{,']);
    expect(metadata.get('a')).toBe('{"a":"a","a":');
  });

  it('cut anywhere, or with any one byte changed, is read or refused with a code', () => {
    const tensors = new Map([
      ['a', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
      ['b', { shape: [], data: Float32Array.of(5) }],
    ]);
    const file = writeSafetensors(tensors, new Map([['format', 'test']]));
    for (let length = 0; length < file.length; length++) {
      expect(codeOf(() => readSafetensors(file.subarray(0, length)))).toMatch(/^DEC_MODEL_/);
    }
    const rng = new Rng(1);
    for (let i = 0; i < file.length; i++) {
      const changed = file.slice();
      changed[i] ^= 1 + rng.integer(255);
      expect(codeOf(() => readSafetensors(changed)) ?? 'DEC_MODEL_READ').toMatch(/^DEC_MODEL_/);
    }
  });
});
