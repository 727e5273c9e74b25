/**
 * Reads MATLAB 5.0 files (`save -v6` and `save -v7`): lists the variables, then loads those that are asked for.
 * Version 4 and version 7.3 (HDF5) files are recognised and refused.
 *
 * Compressed variables are inflated to exactly the size that they declare, and that size has a limit, so a small
 * hostile file cannot fill the memory.
 */
import { constants, inflateSync } from 'node:zlib';
import { BetzError } from '../core/errors.ts';
import type { MatlabArray } from './matlab-array.ts';
import { damaged, ElementCursor, MI, TAG_BYTES } from './matlab-elements.ts';
import type { MatlabElement } from './matlab-elements.ts';
import { readMatrix, readMatrixHeader } from './matlab-matrix.ts';
import type { MatrixHeader } from './matlab-matrix.ts';

/** The bytes before the first variable: text, subsystem offset, version, byte order. */
const MATLAB_HEADER_BYTES = 128;
/** Default limit for one variable in memory. */
const VARIABLE_BYTES_MAX = 2 ** 30;
/** Enough compressed bytes to hold what a variable's first 200 bytes come from, with any code tables. */
const PEEK_BYTES = 1024;

export interface MatlabLimits {
  /** A variable that declares more is refused. Default 1 GiB. */
  variableBytesMax?: number;
}

export interface MatlabFile {
  /** The first line of text in the header: who wrote the file, and when. */
  description: string;
  /** In the file's order, without MATLAB's unnamed internal ones. */
  variables: readonly MatrixHeader[];
  /** Undefined where no variable has this name. Throws LOG_MAT_CORRUPT, LOG_MAT_TOO_LARGE. */
  load(name: string): MatlabArray | undefined;
}

/**
 * Lists what is in the file.
 * Throws LOG_MAT_VERSION, LOG_MAT_TRUNCATED, LOG_MAT_CORRUPT, LOG_FORMAT_UNKNOWN.
 */
export function openMatlabFile(bytes: Uint8Array, limits: MatlabLimits = {}): MatlabFile {
  const variableBytesMax = limits.variableBytesMax ?? VARIABLE_BYTES_MAX;
  const isLittleEndian = checkHeader(bytes);
  const found = new Map<string, { header: MatrixHeader; element: MatlabElement }>();
  const cursor = new ElementCursor(bytes, isLittleEndian, 'its top level', MATLAB_HEADER_BYTES);
  while (cursor.remaining() > 0) {
    const element = nextVariable(cursor);
    const body = matrixPeek(cursor, element);
    const header = readMatrixHeader(body);
    // A variable that was saved twice counts as it was saved last.
    if (header.name !== '') found.set(header.name, { header, element });
  }
  return {
    description: headerText(bytes),
    variables: Array.from(found.values(), ({ header }) => header),
    load(name) {
      const variable = found.get(name);
      if (variable === undefined) return undefined;
      return readMatrix(wholeMatrix(cursor, variable.element, `variable '${name}'`, variableBytesMax));
    },
  };
}

/** True for anything that calls itself a MATLAB file of version 5 or later. */
export function looksLikeMatlab(bytes: Uint8Array): boolean {
  return headerText(bytes).startsWith('MATLAB ') || hasByteOrderMark(bytes) || looksLikeVersion4(bytes);
}

/** Returns whether the file is little-endian. */
function checkHeader(bytes: Uint8Array): boolean {
  const text = headerText(bytes);
  if (!hasByteOrderMark(bytes)) {
    if (looksLikeVersion4(bytes)) throw versionError('version 4', text);
    if (text.startsWith('MATLAB ') && bytes.byteLength < MATLAB_HEADER_BYTES) throw truncated(bytes);
    throw new BetzError('LOG_FORMAT_UNKNOWN', 'this is not a MATLAB file', {
      value: text.slice(0, 40),
      tip: 'Save the variables in MATLAB with the option -v7.',
    });
  }
  const isLittleEndian = bytes[126] === 0x49; // 'IM' as read from a little-endian file, 'MI' otherwise
  const version = isLittleEndian ? bytes[124] | (bytes[125] << 8) : bytes[125] | (bytes[124] << 8);
  if (version === 0x0200) throw versionError('version 7.3 (HDF5)', text);
  if (version !== 0x0100) throw versionError(`version code 0x${version.toString(16).padStart(4, '0')}`, text);
  return isLittleEndian;
}

function versionError(found: string, writer: string): BetzError {
  return new BetzError(
    'LOG_MAT_VERSION',
    `this MATLAB file is ${found}; expected version 5.0 (written by: ${writer === '' ? 'unknown' : writer})`,
    { value: found, tip: 'Load the file in MATLAB and save it anew with the option -v7.' },
  );
}

function truncated(bytes: Uint8Array): BetzError {
  return new BetzError('LOG_MAT_TRUNCATED', `the MATLAB file was cut off after ${bytes.byteLength} bytes`, {
    value: bytes.byteLength,
    tip: 'Copy the file again: the copy ends too early.',
  });
}

function headerText(bytes: Uint8Array): string {
  // Not printable characters are dropped: this text goes into messages.
  return String.fromCharCode(...bytes.subarray(0, 116))
    .replace(/[^\x20-\x7e]/g, '')
    .trimEnd();
}

function hasByteOrderMark(bytes: Uint8Array): boolean {
  if (bytes.byteLength < MATLAB_HEADER_BYTES) return false;
  const isLittle = bytes[126] === 0x49 && bytes[127] === 0x4d;
  return isLittle || (bytes[126] === 0x4d && bytes[127] === 0x49);
}

/**
 * A version 4 file begins with a variable: type code M*1000 + P*10 + T (M byte order, P precision, T kind), rows,
 * columns, complex flag, length of the name, the name and its zero byte.
 */
function looksLikeVersion4(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 20) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [true, false].some((isLittleEndian) => {
    const [code, , , isComplex, nameBytes] = [0, 4, 8, 12, 16].map((at) =>
      view.getUint32(at, isLittleEndian),
    );
    const isCode = code < 5000 && Math.floor(code / 100) % 10 === 0 && Math.floor(code / 10) % 10 < 6;
    if (!isCode || code % 10 > 2 || isComplex > 1 || nameBytes < 2 || nameBytes > 64) return false;
    const name = bytes.subarray(20, 20 + nameBytes);
    return name.at(-1) === 0 && /^[A-Za-z]\w*$/.test(String.fromCharCode(...name.subarray(0, -1)));
  });
}

function nextVariable(cursor: ElementCursor): MatlabElement {
  const left = cursor.remaining();
  if (left < TAG_BYTES) throw truncated(cursor.bytes);
  const type = cursor.view.getUint32(cursor.offset, cursor.isLittleEndian);
  const byteCount = cursor.view.getUint32(cursor.offset + 4, cursor.isLittleEndian);
  if (type !== MI.matrix && type !== MI.compressed) {
    throw cursor.corrupt(`at byte ${cursor.offset} element type ${type} stands where a variable should`);
  }
  if (byteCount > left - TAG_BYTES) throw truncated(cursor.bytes);
  const element = { type, start: cursor.offset + TAG_BYTES, byteCount };
  // Compressed elements are not padded; others are a multiple of 8 bytes by themselves.
  cursor.offset = element.start + byteCount;
  return element;
}

/** A cursor over at least the header of a variable; of a compressed one, only the front is inflated. */
function matrixPeek(file: ElementCursor, element: MatlabElement): ElementCursor {
  const label = `the variable at byte ${element.start - TAG_BYTES}`;
  if (element.type === MI.matrix) return file.inside(element, label);
  return inflatedFront(file, packedBytes(file, element), label).cursor;
}

function wholeMatrix(
  file: ElementCursor,
  element: MatlabElement,
  label: string,
  bytesMax: number,
): ElementCursor {
  if (element.type === MI.matrix) {
    checkSize(element.byteCount, label, bytesMax);
    return file.inside(element, label);
  }
  const packed = packedBytes(file, element);
  const { declaredBytes } = inflatedFront(file, packed, label);
  checkSize(declaredBytes, label, bytesMax);
  const total = TAG_BYTES + declaredBytes;
  const bytes = inflate(label, () => inflateSync(packed, { maxOutputLength: total }));
  if (bytes.byteLength !== total) {
    throw damaged(label, `it inflates to ${bytes.byteLength} bytes where it declares ${total}`);
  }
  return new ElementCursor(bytes, file.isLittleEndian, label, TAG_BYTES);
}

function packedBytes(file: ElementCursor, element: MatlabElement): Uint8Array {
  return file.bytes.subarray(element.start, element.start + element.byteCount);
}

/** Inflates the first bytes of a variable: its size as declared, and a cursor behind its tag. */
function inflatedFront(
  file: ElementCursor,
  packed: Uint8Array,
  label: string,
): { declaredBytes: number; cursor: ElementCursor } {
  // A sync flush at the end makes zlib return what it has, although the stream goes on.
  const options = { finishFlush: constants.Z_SYNC_FLUSH };
  const front = inflate(label, () => inflateSync(packed.subarray(0, PEEK_BYTES), options));
  const cursor = new ElementCursor(front, file.isLittleEndian, label, TAG_BYTES);
  if (front.byteLength < TAG_BYTES) throw cursor.corrupt('its compressed data end at once');
  const type = cursor.view.getUint32(0, file.isLittleEndian);
  if (type !== MI.matrix) throw cursor.corrupt(`its compressed data hold element type ${type}, not an array`);
  return { declaredBytes: cursor.view.getUint32(4, file.isLittleEndian), cursor };
}

function checkSize(byteCount: number, label: string, bytesMax: number): void {
  if (byteCount <= bytesMax) return;
  throw new BetzError(
    'LOG_MAT_TOO_LARGE',
    `${label} takes ${byteCount} bytes; at most ${bytesMax} are read`,
    {
      value: byteCount,
      tip: 'Save spike counts as uint8 instead of double, or save the recording in parts.',
    },
  );
}

function inflate(label: string, run: () => Uint8Array): Uint8Array {
  try {
    return run();
  } catch (cause) {
    throw damaged(label, cause instanceof Error ? cause.message : String(cause), cause);
  }
}
