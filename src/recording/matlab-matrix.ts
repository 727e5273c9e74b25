/**
 * The second layer of a MATLAB 5.0 file: one miMATRIX element -> one `MatlabArray` (MathWorks, "MAT-File Format",
 * Level 5, "MATLAB Array Data Element Formats"). Its subelements are: array flags, dimensions, name, then what
 * the class asks for.
 */
import { elementCount } from './matlab-array.ts';
import type { MatlabArray, MatlabChar, MatlabNumbers } from './matlab-array.ts';
import { MI } from './matlab-elements.ts';
import type { ElementCursor, MatlabElement } from './matlab-elements.ts';

/** What stands before an array's data. */
export interface MatrixHeader {
  name: string;
  className: string;
  isComplex: boolean;
  isLogical: boolean;
  dims: readonly number[];
}

/** Damaged or hostile files must not run us out of stack or memory. */
const DEPTH_MAX = 64;
const DIMS_MAX = 32;
const ARRAYS_MAX = 2 ** 22;
const FIELD_NAME_BYTES_MAX = 256;
/** An array inside a cell or struct takes at least a tag. */
const ARRAY_BYTES_MIN = 8;

const CLASS_NAMES = new Map([
  [1, 'cell'],
  [2, 'struct'],
  [3, 'object'],
  [4, 'char'],
  [5, 'sparse'],
  [6, 'double'],
  [7, 'single'],
  [8, 'int8'],
  [9, 'uint8'],
  [10, 'int16'],
  [11, 'uint16'],
  [12, 'int32'],
  [13, 'uint32'],
  [14, 'int64'],
  [15, 'uint64'],
  [16, 'function handle'],
  [17, 'opaque'],
]);
const NUMERIC_CLASSES = new Set('double single int8 uint8 int16 uint16 int32 uint32 int64 uint64'.split(' '));
const NO_ARRAY = 'opaque';

/** @param cursor at the first subelement; it is left behind the name */
export function readMatrixHeader(cursor: ElementCursor): MatrixHeader {
  const flagsElement = cursor.expect('array flags', [MI.uint32]);
  if (flagsElement.byteCount !== 8) throw cursor.corrupt('its array flags are not 8 bytes');
  const flags = cursor.view.getUint32(flagsElement.start, cursor.isLittleEndian);
  const className = CLASS_NAMES.get(flags & 0xff);
  if (className === undefined) throw cursor.corrupt(`class ${flags & 0xff} does not exist`);
  // Newer MATLAB objects (tables, strings, ...) have no dimensions where all other classes have them.
  const dims = className === NO_ARRAY ? [1, 1] : readDims(cursor);
  const name = cursor.expectName('name');
  return {
    name,
    className,
    isComplex: (flags & 0x0800) !== 0,
    isLogical: (flags & 0x0200) !== 0,
    dims,
  };
}

/** Reads all of a miMATRIX element, nested arrays included. */
export function readMatrix(cursor: ElementCursor): MatlabArray {
  return readArray(cursor, { depth: 0, arraysLeft: ARRAYS_MAX });
}

interface Nesting {
  depth: number;
  arraysLeft: number;
}

function readArray(cursor: ElementCursor, nesting: Nesting): MatlabArray {
  if (cursor.remaining() === 0) {
    // How MATLAB stores an unset cell or field.
    return {
      kind: 'numeric',
      className: 'double',
      isLogical: false,
      dims: [0, 0],
      values: new Float64Array(0),
    };
  }
  const header = readMatrixHeader(cursor);
  const { className, dims } = header;
  if (NUMERIC_CLASSES.has(className)) {
    const values = readNumbers(cursor, dims);
    const numeric = { kind: 'numeric' as const, className, isLogical: header.isLogical, dims, values };
    return header.isComplex ? { ...numeric, imaginary: readNumbers(cursor, dims) } : numeric;
  }
  if (className === 'char') return readChar(cursor, dims);
  if (className === 'cell') {
    return { kind: 'cell', dims, cells: readCells(cursor, elementCount(dims), nesting) };
  }
  if (className === 'struct') {
    const fieldNames = readFieldNames(cursor);
    const count = elementCount(dims) * fieldNames.length;
    return { kind: 'struct', dims, fieldNames, cells: readCells(cursor, count, nesting) };
  }
  return { kind: 'unsupported', className, dims };
}

function readDims(cursor: ElementCursor): number[] {
  const element = cursor.expect('dimensions', [MI.int32, MI.uint32]);
  const dims = Array.from(cursor.numbers(element), Number);
  if (dims.length < 2 || dims.length > DIMS_MAX) throw cursor.corrupt(`it has ${dims.length} dimensions`);
  const negative = dims.find((dim) => dim < 0);
  if (negative !== undefined) throw cursor.corrupt(`a dimension is ${negative}`);
  return dims;
}

function readNumbers(cursor: ElementCursor, dims: readonly number[]): MatlabNumbers {
  const values = cursor.numbers(cursor.next());
  const expected = elementCount(dims);
  if (values.length !== expected) {
    throw cursor.corrupt(`it holds ${values.length} numbers where its dimensions ask for ${expected}`);
  }
  return values;
}

function readCells(cursor: ElementCursor, count: number, nesting: Nesting): MatlabArray[] {
  if (count * ARRAY_BYTES_MIN > cursor.remaining()) {
    throw cursor.corrupt(`its dimensions ask for ${count} arrays where ${cursor.remaining()} bytes are left`);
  }
  nesting.arraysLeft -= count;
  if (nesting.arraysLeft < 0) throw cursor.corrupt(`it holds more than ${ARRAYS_MAX} arrays`);
  if (nesting.depth >= DEPTH_MAX) throw cursor.corrupt(`its arrays are nested deeper than ${DEPTH_MAX}`);
  nesting.depth++;
  const cells: MatlabArray[] = [];
  for (let i = 0; i < count; i++) {
    cells.push(readArray(cursor.inside(cursor.expect('nested array', [MI.matrix])), nesting));
  }
  nesting.depth--;
  return cells;
}

function readFieldNames(cursor: ElementCursor): string[] {
  const lengthElement = cursor.expect('length of field names', [MI.int32, MI.uint32]);
  if (lengthElement.byteCount !== 4) throw cursor.corrupt('its length of field names is not one number');
  const length = cursor.view.getInt32(lengthElement.start, cursor.isLittleEndian);
  const names = cursor.expect('field names', [MI.int8, MI.uint8]);
  if (names.byteCount === 0) return [];
  if (length < 1 || length > FIELD_NAME_BYTES_MAX || names.byteCount % length !== 0) {
    throw cursor.corrupt(`its field names are ${names.byteCount} bytes, ${length} for each`);
  }
  const fieldNames: string[] = [];
  for (let start = names.start; start < names.start + names.byteCount; start += length) {
    const padded = cursor.latin1({ type: names.type, start, byteCount: length });
    fieldNames.push(padded.split('\0', 1)[0]);
  }
  return fieldNames;
}

function readChar(cursor: ElementCursor, dims: readonly number[]): MatlabChar {
  const text = readText(cursor, cursor.next());
  const rowCount = dims[0];
  if (elementCount(dims) === 0) return { kind: 'char', dims, rows: [] };
  if (rowCount === 1 && dims.length === 2) return { kind: 'char', dims, rows: [text] };
  const characters = Array.from(text);
  if (characters.length !== elementCount(dims)) {
    throw cursor.corrupt(`it holds ${characters.length} characters where its dimensions ask for others`);
  }
  const rows = new Array<string>(rowCount).fill('');
  characters.forEach((character, index) => (rows[index % rowCount] += character));
  return { kind: 'char', dims, rows };
}

function readText(cursor: ElementCursor, element: MatlabElement): string {
  const { type, start, byteCount } = element;
  const bytes = cursor.bytes.subarray(start, start + byteCount);
  if (type === MI.utf8) return new TextDecoder().decode(bytes);
  if (type === MI.utf16 || type === MI.uint16) {
    if (byteCount % 2 !== 0) throw cursor.corrupt('half a character is left over');
    return new TextDecoder(cursor.isLittleEndian ? 'utf-16le' : 'utf-16be').decode(bytes);
  }
  if (type === MI.int8 || type === MI.uint8) return new TextDecoder('latin1').decode(bytes);
  if (type === MI.utf32) {
    const codePoints = Array.from(cursor.numbers({ ...element, type: MI.uint32 }), Number);
    return codePoints.map((point) => String.fromCodePoint(Math.min(point, 0x10ffff))).join('');
  }
  throw cursor.corrupt(`element type ${type} does not hold text`);
}
