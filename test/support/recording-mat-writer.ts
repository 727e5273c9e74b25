/** Writes small MATLAB 5.0 files for tests: the reader's opposite, written from the same format description. */
import { deflateSync } from 'node:zlib';
import type { MatlabArray, MatlabNumbers } from '../../src/recording/matlab-array.ts';
import type { MatlabFile } from '../../src/recording/matlab-v5.ts';

export interface MatWriterOptions {
  isCompressed?: boolean;
  isBigEndian?: boolean;
  /** Bytes put behind the header in place of variables. */
  rawBody?: Uint8Array;
}

const CLASS_CODES: Record<string, number> = {
  cell: 1,
  struct: 2,
  object: 3,
  char: 4,
  sparse: 5,
  double: 6,
  single: 7,
  int8: 8,
  uint8: 9,
  int16: 10,
  uint16: 11,
  int32: 12,
  uint32: 13,
  int64: 14,
  uint64: 15,
  opaque: 17,
};

export function writeMat(variables: Record<string, MatlabArray>, options: MatWriterOptions = {}): Uint8Array {
  const writer = new MatWriter(options.isBigEndian ?? false);
  const header = new Uint8Array(128).fill(0x20);
  header.set(new TextEncoder().encode('MATLAB 5.0 MAT-file, written by a test'));
  header.fill(0, 116, 124);
  header.set(options.isBigEndian === true ? [0x01, 0x00, 0x4d, 0x49] : [0x00, 0x01, 0x49, 0x4d], 124);
  const elements = Object.entries(variables).map(([name, array]) => {
    const element = writer.matrix(name, array);
    if (options.isCompressed !== true) return element;
    const packed = deflateSync(element);
    return concat([writer.tag(15, packed.byteLength), packed]); // compressed elements are not padded
  });
  return concat([header, ...elements, options.rawBody ?? new Uint8Array(0)]);
}

class MatWriter {
  readonly isBigEndian: boolean;

  constructor(isBigEndian: boolean) {
    this.isBigEndian = isBigEndian;
  }

  tag(type: number, byteCount: number): Uint8Array {
    return this.uint32([type, byteCount]);
  }

  matrix(name: string, array: MatlabArray): Uint8Array {
    const className = array.kind === 'numeric' || array.kind === 'unsupported' ? array.className : array.kind;
    const isComplex = array.kind === 'numeric' && array.imaginary !== undefined;
    const isLogical = array.kind === 'numeric' && array.isLogical;
    const flags = CLASS_CODES[className] | (isComplex ? 0x0800 : 0) | (isLogical ? 0x0200 : 0);
    const parts = [
      this.element(6, this.uint32([flags, 0])),
      ...(className === 'opaque' ? [] : [this.element(5, this.uint32(array.dims))]),
      this.element(1, new TextEncoder().encode(name)),
      ...this.content(array),
    ];
    const body = concat(parts);
    return concat([this.tag(14, body.byteLength), body]);
  }

  private content(array: MatlabArray): Uint8Array[] {
    switch (array.kind) {
      case 'numeric':
        return [array.values, array.imaginary].filter((v) => v !== undefined).map((v) => this.numbers(v));
      case 'char': {
        const columns = array.rows.length === 0 ? 0 : array.rows[0].length;
        const units = new Uint16Array(array.rows.length * columns);
        array.rows.forEach((row, r) => {
          for (let c = 0; c < columns; c++) units[r + c * array.rows.length] = row.charCodeAt(c);
        });
        return [this.numbers(units)];
      }
      case 'cell':
        return array.cells.map((cell) => this.matrix('', cell));
      case 'struct': {
        const names = new Uint8Array(array.fieldNames.length * 32);
        array.fieldNames.forEach((name, i) => {
          names.set(new TextEncoder().encode(name), i * 32);
        });
        return [
          this.element(5, this.uint32([32])),
          this.element(1, names),
          ...array.cells.map((cell) => this.matrix('', cell)),
        ];
      }
      case 'unsupported':
        return [this.element(6, this.uint32([1, 2, 3]))];
    }
  }

  private numbers(values: MatlabNumbers): Uint8Array {
    const copy = new Uint8Array(
      values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength),
    );
    const width = values.BYTES_PER_ELEMENT;
    if (this.isBigEndian) {
      for (let i = 0; i < copy.length; i += width) copy.subarray(i, i + width).reverse();
    }
    return this.element(elementType(values), copy);
  }

  /** In the small form where it fits, as MATLAB does. */
  private element(type: number, bytes: Uint8Array): Uint8Array {
    if (bytes.byteLength > 0 && bytes.byteLength <= 4) {
      const padded = new Uint8Array(4);
      padded.set(bytes);
      return concat([this.uint32([(bytes.byteLength << 16) | type]), padded]);
    }
    const padding = new Uint8Array((8 - (bytes.byteLength % 8)) % 8);
    return concat([this.tag(type, bytes.byteLength), bytes, padding]);
  }

  private uint32(values: readonly number[]): Uint8Array {
    const bytes = new Uint8Array(values.length * 4);
    const view = new DataView(bytes.buffer);
    values.forEach((value, i) => {
      view.setUint32(i * 4, value, !this.isBigEndian);
    });
    return bytes;
  }
}

function elementType(values: MatlabNumbers): number {
  if (values instanceof Int8Array) return 1;
  if (values instanceof Uint8Array) return 2;
  if (values instanceof Int16Array) return 3;
  if (values instanceof Uint16Array) return 4;
  if (values instanceof Int32Array) return 5;
  if (values instanceof Uint32Array) return 6;
  if (values instanceof Float32Array) return 7;
  if (values instanceof Float64Array) return 9;
  if (values instanceof BigInt64Array) return 12;
  return 13;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A double matrix, column-major. */
export function doubles(dims: readonly number[], values: ArrayLike<number>): MatlabArray {
  return { kind: 'numeric', className: 'double', isLogical: false, dims, values: Float64Array.from(values) };
}

/** Every variable of a file. */
export function loadAll(file: MatlabFile): Record<string, MatlabArray | undefined> {
  return Object.fromEntries(file.variables.map(({ name }) => [name, file.load(name)]));
}
