/**
 * The lowest layer of a MATLAB 5.0 file: data elements, each a tag and its bytes (MathWorks, "MAT-File Format",
 * Level 5, "Data Element Format").
 *
 *   type u32 | byteCount u32 | bytes, padded to 8          the usual form
 *   byteCount u16 << 16 | type u16 | up to 4 bytes         the small form
 */
import { BetzError } from '../core/errors.ts';
import type { MatlabNumbers } from './matlab-array.ts';

/** Element types. */
export const MI = {
  int8: 1,
  uint8: 2,
  int16: 3,
  uint16: 4,
  int32: 5,
  uint32: 6,
  single: 7,
  double: 9,
  int64: 12,
  uint64: 13,
  matrix: 14,
  compressed: 15,
  utf8: 16,
  utf16: 17,
  utf32: 18,
} as const;

export const TAG_BYTES = 8;

export interface MatlabElement {
  type: number;
  /** Where its bytes begin, and how many there are. */
  start: number;
  byteCount: number;
}

/** Walks over elements; every read is checked against the end of the bytes. */
export class ElementCursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly isLittleEndian: boolean;
  /** Names what is read, for error messages: a variable's name. */
  readonly label: string;
  offset: number;
  readonly end: number;

  constructor(bytes: Uint8Array, isLittleEndian: boolean, label: string, start = 0, end = bytes.byteLength) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.isLittleEndian = isLittleEndian;
    this.label = label;
    this.offset = start;
    this.end = end;
  }

  /** A cursor over one element's bytes. */
  inside(element: MatlabElement, label = this.label): ElementCursor {
    const end = element.start + element.byteCount;
    return new ElementCursor(this.bytes, this.isLittleEndian, label, element.start, end);
  }

  remaining(): number {
    return this.end - this.offset;
  }

  /** Reads a tag and moves behind the element's bytes and padding. */
  next(): MatlabElement {
    if (this.remaining() < TAG_BYTES) throw this.corrupt('it ends where a data element should begin');
    const first = this.view.getUint32(this.offset, this.isLittleEndian);
    const smallByteCount = first >>> 16;
    if (smallByteCount !== 0) {
      if (smallByteCount > 4) throw this.corrupt(`a small data element claims ${smallByteCount} bytes`);
      const element = { type: first & 0xffff, start: this.offset + 4, byteCount: smallByteCount };
      this.offset += TAG_BYTES;
      return element;
    }
    const byteCount = this.view.getUint32(this.offset + 4, this.isLittleEndian);
    const start = this.offset + TAG_BYTES;
    if (byteCount > this.end - start) {
      throw this.corrupt(`a data element claims ${byteCount} bytes where ${this.end - start} are left`);
    }
    // Some writers leave out the padding behind the last element.
    this.offset = Math.min(this.end, start + Math.ceil(byteCount / 8) * 8);
    return { type: first, start, byteCount };
  }

  /** The next element, which must be one of these types. */
  expect(what: string, types: readonly number[]): MatlabElement {
    const element = this.next();
    if (!types.includes(element.type)) {
      throw this.corrupt(`its ${what} has element type ${element.type}, expected ${types.join(' or ')}`);
    }
    return element;
  }

  /** The next element as 8-bit text: names of variables and fields. */
  expectName(what: string): string {
    return this.latin1(this.expect(what, [MI.int8, MI.uint8, MI.utf8]));
  }

  latin1(element: MatlabElement): string {
    const { start, byteCount } = element;
    if (byteCount > 4096) throw this.corrupt(`a name claims ${byteCount} characters`);
    return String.fromCharCode(...this.bytes.subarray(start, start + byteCount));
  }

  /** A copy of the element's numbers in the type in which they are stored. */
  numbers(element: MatlabElement): MatlabNumbers {
    const create = NUMBER_ARRAYS.get(element.type);
    if (create === undefined) throw this.corrupt(`element type ${element.type} does not hold numbers`);
    const { width, wrap } = create;
    if (element.byteCount % width !== 0) {
      throw this.corrupt(`${element.byteCount} bytes are not a whole count of ${width}-byte numbers`);
    }
    // A fresh buffer: the file's bytes may lie at an offset that typed arrays cannot have. (Not by `slice`, which
    // copies nothing where the bytes are a Node Buffer.)
    const copy = new Uint8Array(element.byteCount);
    copy.set(this.bytes.subarray(element.start, element.start + element.byteCount));
    if (width > 1 && this.isLittleEndian !== HOST_IS_LITTLE_ENDIAN) reverseEach(copy, width);
    return wrap(copy.buffer);
  }

  corrupt(reason: string): BetzError {
    return damaged(this.label, reason);
  }
}

/** LOG_MAT_CORRUPT. @param label what was being read */
export function damaged(label: string, reason: string, cause?: unknown): BetzError {
  return new BetzError('LOG_MAT_CORRUPT', `the MATLAB file is damaged at ${label}: ${reason}`, {
    value: label,
    tip: 'Copy the file again, or load it in MATLAB and save it anew with the option -v7.',
    cause,
  });
}

const NUMBER_ARRAYS = new Map<number, { width: number; wrap: (buffer: ArrayBuffer) => MatlabNumbers }>([
  [MI.int8, { width: 1, wrap: (b) => new Int8Array(b) }],
  [MI.uint8, { width: 1, wrap: (b) => new Uint8Array(b) }],
  [MI.int16, { width: 2, wrap: (b) => new Int16Array(b) }],
  [MI.uint16, { width: 2, wrap: (b) => new Uint16Array(b) }],
  [MI.int32, { width: 4, wrap: (b) => new Int32Array(b) }],
  [MI.uint32, { width: 4, wrap: (b) => new Uint32Array(b) }],
  [MI.int64, { width: 8, wrap: (b) => new BigInt64Array(b) }],
  [MI.uint64, { width: 8, wrap: (b) => new BigUint64Array(b) }],
  [MI.single, { width: 4, wrap: (b) => new Float32Array(b) }],
  [MI.double, { width: 8, wrap: (b) => new Float64Array(b) }],
]);

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Reverses the byte order of every `width` bytes, in place. */
function reverseEach(bytes: Uint8Array, width: number): void {
  for (let start = 0; start < bytes.length; start += width) {
    for (let low = start, high = start + width - 1; low < high; low++, high--) {
      const held = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = held;
    }
  }
}
