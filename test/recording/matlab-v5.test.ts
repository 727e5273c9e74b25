import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { structField } from '../../src/recording/matlab-array.ts';
import type { MatlabArray, MatlabNumbers } from '../../src/recording/matlab-array.ts';
import { looksLikeMatlab, openMatlabFile } from '../../src/recording/matlab-v5.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { concat, doubles, loadAll, writeMat } from '../support/recording-mat-writer.ts';

const golden = (name: string): Uint8Array => readFileSync(new URL(`golden/${name}`, import.meta.url));

describe.each(['scipy-plain.mat', 'scipy-compressed.mat'])('%s, written by scipy', (fileName) => {
  const file = openMatlabFile(golden(fileName));
  const load = (name: string): MatlabArray | undefined => file.load(name);

  it('lists every variable with class and dimensions', () => {
    const listed = Object.fromEntries(
      file.variables.map((v) => [v.name, `${v.className} ${v.dims.join('x')}`]),
    );
    expect(listed).toEqual({
      counts: 'uint8 2x3',
      small: 'uint16 1x1',
      single: 'single 1x2',
      big: 'int64 1x2',
      cube: 'double 2x3x4',
      flags: 'uint8 1x3',
      waves: 'double 1x2',
      text: 'char 1x9',
      rows: 'char 2x3',
      empty: 'double 0x3',
      record: 'struct 1x1',
      structs: 'struct 1x2',
      cells: 'cell 1x2',
    });
    expect(file.description).toMatch(/^MATLAB 5\.0 MAT-file/);
  });

  it('keeps numbers column-major, in their own type', () => {
    expect(load('counts')).toMatchObject({ dims: [2, 3], values: Uint8Array.of(0, 3, 1, 4, 2, 5) });
    expect(load('small')).toMatchObject({ dims: [1, 1], values: Uint16Array.of(7) });
    expect(load('single')).toMatchObject({ values: Float32Array.of(0.1, -0.5) });
    expect(load('big')).toMatchObject({ values: BigInt64Array.of(2n ** 53n + 1n, -(2n ** 62n)) });
    const cube = load('cube');
    expect(cube).toMatchObject({ dims: [2, 3, 4] });
    expect(Array.from((cube as { values: Float64Array }).values.subarray(0, 4))).toEqual([0, 12, 4, 16]);
    expect(load('empty')).toMatchObject({ dims: [0, 3], values: new Float64Array(0) });
  });

  it('reads logical and complex arrays', () => {
    expect(load('flags')).toMatchObject({ isLogical: true, values: Uint8Array.of(1, 0, 1) });
    expect(load('waves')).toMatchObject({ values: Float64Array.of(1, 3), imaginary: Float64Array.of(2, -4) });
  });

  it('reads text with characters outside ASCII, and matrices of text', () => {
    expect(load('text')).toMatchObject({ kind: 'char', rows: ['spikes µV'] });
    expect(load('rows')).toMatchObject({ kind: 'char', rows: ['abc', 'def'] });
  });

  it('reads cells, structs and struct arrays', () => {
    const record = load('record');
    if (record?.kind !== 'struct') throw new Error('record is no struct');
    expect(record.fieldNames).toEqual(['name', 'weights']);
    expect(structField(record, 'name')).toMatchObject({ rows: ['unit'] });
    expect(structField(record, 'weights')).toMatchObject({ values: Float64Array.of(1.5, 0, -2.25, Math.PI) });
    expect(structField(record, 'absent')).toBeUndefined();
    const structs = load('structs');
    if (structs?.kind !== 'struct') throw new Error('structs is no struct');
    expect(structField(structs, 'label', 1)).toMatchObject({ rows: ['second'] });
    expect(structField(structs, 'id', 1)).toMatchObject({ values: Float64Array.of(2) });
    expect(structField(structs, 'id', 2)).toBeUndefined();
    const cells = load('cells');
    if (cells?.kind !== 'cell') throw new Error('cells is no cell');
    expect(cells.cells[1]).toMatchObject({ className: 'int16', values: Int16Array.of(1, 2, 3) });
  });

  it('has nothing under an unknown name', () => {
    expect(file.load('absent')).toBeUndefined();
  });
});

const CLASSES = [
  ['int8', Int8Array],
  ['uint8', Uint8Array],
  ['int16', Int16Array],
  ['uint16', Uint16Array],
  ['int32', Int32Array],
  ['uint32', Uint32Array],
  ['single', Float32Array],
  ['double', Float64Array],
] as const;

describe('round trips', () => {
  /** A random array; nested ones down to `depth`. */
  function randomArray(rng: Rng, depth: number): MatlabArray {
    const dims = [rng.integer(4), rng.integer(4), ...(rng.integer(4) === 0 ? [rng.integer(3)] : [])];
    const count = dims.reduce((a, b) => a * b, 1);
    const kind = rng.integer(depth > 0 ? 6 : 4);
    const numbers = (): MatlabNumbers => {
      const [, ArrayClass] = CLASSES[rng.integer(CLASSES.length)];
      return new ArrayClass(Array.from({ length: count }, () => Math.round(rng.normal(0, 50))));
    };
    if (kind <= 1) {
      return {
        kind: 'numeric',
        className: 'double',
        isLogical: rng.integer(2) === 1,
        dims,
        values: numbers(),
      };
    }
    if (kind === 2) {
      const values = BigInt64Array.from({ length: count }, () => BigInt(rng.uint32()) << 20n);
      return { kind: 'numeric', className: 'int64', isLogical: false, dims, values, imaginary: values };
    }
    if (kind === 3) {
      const rowCount = rng.integer(3);
      const length = rowCount === 0 ? 0 : 1 + rng.integer(5);
      const row = (): string =>
        Array.from({ length }, () => String.fromCharCode(0x41 + rng.integer(800))).join('');
      return { kind: 'char', dims: [rowCount, length], rows: Array.from({ length: rowCount }, row) };
    }
    const nested = (length: number): MatlabArray[] =>
      Array.from({ length }, () => randomArray(rng, depth - 1));
    if (kind === 4) return { kind: 'cell', dims, cells: nested(count) };
    const fieldNames = ['alpha', 'b', 'aLongerFieldName'].slice(0, rng.integer(4));
    return { kind: 'struct', dims, fieldNames, cells: nested(count * fieldNames.length) };
  }

  it('any array comes back as it was written: plain, compressed, big-endian', () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), fc.boolean(), (seed, isCompressed, isBigEndian) => {
        const rng = new Rng(seed);
        const variables = Object.fromEntries(
          Array.from({ length: 1 + rng.integer(4) }, (_, i) => [`v${i}`, randomArray(rng, 3)]),
        );
        const bytes = writeMat(variables, { isCompressed, isBigEndian });
        // At an odd offset, as bytes from a larger buffer are.
        const shifted = concat([new Uint8Array(3), bytes]).subarray(3);
        expect(loadAll(openMatlabFile(shifted))).toEqual(variables);
      }),
      { numRuns: 300 },
    );
  });

  it('every number class keeps its extreme values', () => {
    const variables = Object.fromEntries(
      CLASSES.map(([className, ArrayClass]) => {
        const values = ArrayClass.of(0, 1, -1, 127, -128, 65535, 2 ** 31, -(2 ** 31), NaN, Infinity);
        const array: MatlabArray = { kind: 'numeric', className, isLogical: false, dims: [1, 10], values };
        return [className, array];
      }),
    );
    for (const isBigEndian of [false, true]) {
      expect(loadAll(openMatlabFile(writeMat(variables, { isBigEndian })))).toEqual(variables);
    }
  });

  it('a variable that was saved twice counts as saved last', () => {
    const first = writeMat({ v: doubles([1, 1], [1]) });
    const second = writeMat({ v: doubles([1, 1], [2]) });
    const file = openMatlabFile(concat([first, second.subarray(128)]));
    expect(file.variables).toHaveLength(1);
    expect(file.load('v')).toEqual(doubles([1, 1], [2]));
  });
});

describe('what is not read', () => {
  it.each(['sparse', 'object', 'opaque'])(
    '%s variables are listed and loaded as unsupported',
    (className) => {
      const odd: MatlabArray = { kind: 'unsupported', className, dims: [1, 1] };
      const file = openMatlabFile(writeMat({ odd, counts: doubles([1, 2], [3, 4]) }));
      expect(file.load('odd')).toEqual(odd);
      expect(file.load('counts')).toEqual(doubles([1, 2], [3, 4]));
    },
  );

  it('a version 7.3 file is refused with the version found, the version expected and the writer', () => {
    const bytes = new Uint8Array(1024);
    bytes.set(new TextEncoder().encode('MATLAB 7.3 MAT-file, Platform: GLNXA64'));
    bytes.set([0x00, 0x02, 0x49, 0x4d], 124);
    const error = betzErrorOf(() => openMatlabFile(bytes));
    expect(error.code).toBe('LOG_MAT_VERSION');
    expect(error.message).toContain('version 7.3 (HDF5); expected version 5.0');
    expect(error.message).toContain('Platform: GLNXA64');
    expect(error.tip).toContain('-v7');
  });

  it('a version 4 file, written by scipy, is refused as that', () => {
    const error = betzErrorOf(() => openMatlabFile(golden('scipy-version-4.mat')));
    expect([error.code, error.value]).toEqual(['LOG_MAT_VERSION', 'version 4']);
    expect(looksLikeMatlab(golden('scipy-version-4.mat'))).toBe(true);
  });

  it('an unknown version is named', () => {
    const bytes = writeMat({});
    bytes[125] = 0x07;
    expect(betzErrorOf(() => openMatlabFile(bytes))).toMatchObject({
      code: 'LOG_MAT_VERSION',
      value: 'version code 0x0700',
    });
  });

  it.each([
    ['text', new TextEncoder().encode('time,x,y\n'.repeat(50))],
    ['zeros', new Uint8Array(4096)],
    ['0xff', new Uint8Array(4096).fill(0xff)],
    ['one byte', Uint8Array.of(1)],
  ])('%s is not a MATLAB file', (_name, bytes) => {
    expect(betzErrorOf(() => openMatlabFile(bytes)).code).toBe('LOG_FORMAT_UNKNOWN');
    expect(looksLikeMatlab(bytes)).toBe(false);
  });
});
