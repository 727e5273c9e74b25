import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { openMatlabFile } from '../../src/recording/matlab-v5.ts';
import { betzErrorOf, valueOrBetzError } from '../support/recording-errors.ts';
import { concat, doubles, loadAll, writeMat } from '../support/recording-mat-writer.ts';

describe('hostile and damaged files', () => {
  const variables: Record<string, MatlabArray> = {
    counts: {
      kind: 'numeric',
      className: 'uint8',
      isLogical: false,
      dims: [2, 5],
      values: new Uint8Array(10).fill(3),
    },
    label: { kind: 'char', dims: [1, 4], rows: ['left'] },
    nested: {
      kind: 'struct',
      dims: [1, 1],
      fieldNames: ['a', 'b'],
      cells: [
        doubles([1, 3], [1, 2, 3]),
        { kind: 'cell', dims: [1, 2], cells: [doubles([0, 0], []), doubles([1, 1], [5])] },
      ],
    },
  };

  it.each([false, true])(
    'cut after any byte: an error, or the variables before the cut (compressed: %s)',
    (isCompressed) => {
      const bytes = writeMat(variables, { isCompressed });
      let readable = 0;
      for (let length = 0; length < bytes.length; length++) {
        const read = valueOrBetzError(() => loadAll(openMatlabFile(bytes.subarray(0, length))));
        if (read === undefined) continue;
        readable++;
        for (const [name, array] of Object.entries(read)) expect(array).toEqual(variables[name]);
        expect(Object.keys(read).length).toBeLessThan(3);
      }
      expect(readable).toBe(3); // after the header, after one variable, after two
    },
  );

  it('any byte changed in a compressed file: an error, or what was written', () => {
    const bytes = writeMat(variables, { isCompressed: true });
    for (let at = 128; at < bytes.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at] ^= mask;
        const read = valueOrBetzError(() => loadAll(openMatlabFile(damaged))) ?? {};
        for (const [name, array] of Object.entries(read)) expect(array).toEqual(variables[name]);
      }
    }
  });

  it('any byte changed in a plain file: an error or arrays, never anything else', () => {
    const bytes = writeMat(variables);
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at] = value;
        valueOrBetzError(() => loadAll(openMatlabFile(damaged)));
      }
    }
  });

  it('random bytes behind a good header: an error or arrays', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 300 }), (seed, length) => {
        const rng = new Rng(seed);
        // Small numbers are likelier to be valid types and lengths.
        const rawBody = Uint8Array.from({ length }, () =>
          rng.integer(3) === 0 ? rng.integer(256) : rng.integer(16),
        );
        rawBody.set(
          [rng.integer(2) === 0 ? 14 : 15, 0, 0, 0, Math.max(0, length - 8) & 0xff, 0, 0, 0].slice(0, length),
        );
        valueOrBetzError(() => loadAll(openMatlabFile(writeMat({}, { rawBody }))));
      }),
      { numRuns: 2000 },
    );
  });

  it('a small file that would inflate to far more than it declares is stopped', () => {
    const bomb = deflateSync(
      concat([writeMat({ v: doubles([1, 1], [1]) }).subarray(128), new Uint8Array(2 ** 24)]),
    );
    const tag = new Uint8Array(new Uint32Array([15, bomb.byteLength]).buffer);
    const file = openMatlabFile(writeMat({}, { rawBody: concat([tag, bomb]) }));
    const error = betzErrorOf(() => file.load('v'));
    expect(error.code).toBe('LOG_MAT_CORRUPT');
    expect(error.cause).toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' }); // not by inflating it all first
  });

  it('a variable that inflates to less than it declares is refused', () => {
    const element = writeMat({ v: doubles([1, 1], [1]) }).subarray(128);
    new DataView(element.buffer, element.byteOffset).setUint32(4, element.byteLength - 8 + 16, true);
    const packed = deflateSync(element);
    const tag = new Uint8Array(new Uint32Array([15, packed.byteLength]).buffer);
    const file = openMatlabFile(writeMat({}, { rawBody: concat([tag, packed]) }));
    expect(betzErrorOf(() => file.load('v')).message).toContain('where it declares');
  });

  it.each([false, true])(
    'a variable above the limit is refused before it is read (compressed: %s)',
    (isCompressed) => {
      const bytes = writeMat({ v: doubles([1000, 10], new Float64Array(10_000)) }, { isCompressed });
      const file = openMatlabFile(bytes, { variableBytesMax: 10_000 });
      expect(file.variables[0]).toMatchObject({ name: 'v', dims: [1000, 10] });
      expect(betzErrorOf(() => file.load('v'))).toMatchObject({ code: 'LOG_MAT_TOO_LARGE', value: 80_048 });
    },
  );

  it('arrays nested without end are stopped', () => {
    let array: MatlabArray = doubles([1, 1], [1]);
    for (let depth = 0; depth < 100; depth++) array = { kind: 'cell', dims: [1, 1], cells: [array] };
    const file = openMatlabFile(writeMat({ array }));
    expect(betzErrorOf(() => file.load('array')).message).toContain('nested deeper than 64');
  });

  it('dimensions that ask for more than there is are refused without allocating it', () => {
    for (const dims of [
      [2 ** 31 - 1, 2 ** 31 - 1],
      [2 ** 31 - 1, 1],
      [2 ** 30, 0, 2 ** 30],
    ]) {
      for (const kind of ['cell', 'struct'] as const) {
        const cells = [doubles([1, 1], [1])];
        const array: MatlabArray =
          kind === 'cell' ? { kind, dims, cells } : { kind, dims, fieldNames: ['a'], cells };
        const read = valueOrBetzError(() => openMatlabFile(writeMat({ array })).load('array'));
        if (dims.includes(0)) expect(read).toMatchObject({ cells: [] });
        else expect(read).toBeUndefined();
      }
      const text: MatlabArray = { kind: 'char', dims, rows: ['abc'] };
      const read = valueOrBetzError(() => openMatlabFile(writeMat({ text })).load('text'));
      if (dims.includes(0)) expect(read).toMatchObject({ rows: [] });
      else expect(read).toBeUndefined();
    }
  });
});
