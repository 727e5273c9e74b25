/**
 * MATLAB values as they lie in a file: flat typed arrays in column-major order beside their dimensions. Element
 * (i, j) of a matrix with dims [rows, columns] is values[i + j * rows].
 */

/** In the type the file stores, which may be narrower than the class: MATLAB stores a double 3 as a uint8. */
export type MatlabNumbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

export interface MatlabNumeric {
  kind: 'numeric';
  /** 'double', 'single', 'int8' ... 'uint64'. */
  className: string;
  isLogical: boolean;
  dims: readonly number[];
  values: MatlabNumbers;
  /** The imaginary part, where the array is complex. */
  imaginary?: MatlabNumbers;
}

export interface MatlabChar {
  kind: 'char';
  dims: readonly number[];
  /** One string for each row; higher dimensions follow one another. Empty for an empty array. */
  rows: readonly string[];
}

interface MatlabCell {
  kind: 'cell';
  dims: readonly number[];
  /** Column-major. */
  cells: readonly MatlabArray[];
}

export interface MatlabStruct {
  kind: 'struct';
  dims: readonly number[];
  fieldNames: readonly string[];
  /** Field f of element e (column-major) is at [e * fieldNames.length + f]. */
  cells: readonly MatlabArray[];
}

/** Sparse matrices, objects, function handles, tables, ...: listed, so that the rest of the file can be read. */
interface MatlabUnsupported {
  kind: 'unsupported';
  className: string;
  dims: readonly number[];
}

export type MatlabArray = MatlabNumeric | MatlabChar | MatlabCell | MatlabStruct | MatlabUnsupported;

/** The elements that `dims` describes. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** '196 x 15536' */
export function formatDims(dims: readonly number[]): string {
  return dims.join(' x ');
}

/** Field `name` of element `index` of a struct array; undefined where there is none. */
export function structField(array: MatlabStruct, name: string, index = 0): MatlabArray | undefined {
  const field = array.fieldNames.indexOf(name);
  if (field < 0 || index < 0 || index >= elementCount(array.dims)) return undefined;
  return array.cells[index * array.fieldNames.length + field];
}
