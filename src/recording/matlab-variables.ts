/** What the layouts share: taking variables out of a MATLAB file, with one error that names what is wrong. */
import { BetzError } from '../core/errors.ts';
import { formatDims } from './matlab-array.ts';
import type { MatlabArray, MatlabNumbers, MatlabNumeric, MatlabStruct } from './matlab-array.ts';
import type { MatlabFile } from './matlab-v5.ts';

/** A matrix of real numbers, column-major: element (row, column) is values[row + column * rowCount]. */
export interface RealMatrix {
  name: string;
  rowCount: number;
  columnCount: number;
  values: Float64Array;
}

/** Throws LOG_VARIABLE_MISSING, LOG_VARIABLE_TYPE, LOG_VARIABLE_SHAPE. */
export function realMatrix(file: MatlabFile, name: string): RealMatrix {
  const array = file.load(name);
  if (array === undefined) throw missingVariable(file, name);
  return toRealMatrix(name, array);
}

/** A struct array. Throws LOG_VARIABLE_MISSING, LOG_VARIABLE_TYPE. */
export function structArray(file: MatlabFile, name: string): MatlabStruct {
  const array = file.load(name);
  if (array === undefined) throw missingVariable(file, name);
  if (array.kind === 'struct') return array;
  throw new BetzError('LOG_VARIABLE_TYPE', `'${name}' is not a struct array: it is ${array.kind}`, {
    value: array.kind,
    tip: `Save '${name}' as a struct array.`,
  });
}

/** Throws LOG_VARIABLE_TYPE, LOG_VARIABLE_SHAPE. @param name of a variable, or a place such as trialData(3).binCounts */
export function toRealMatrix(name: string, array: MatlabArray): RealMatrix {
  if (array.kind !== 'numeric' || array.imaginary !== undefined) {
    const found = array.kind === 'numeric' ? 'complex' : array.kind;
    throw new BetzError('LOG_VARIABLE_TYPE', `'${name}' is not a real full matrix: it is ${found}`, {
      value: array.kind === 'unsupported' ? array.className : found,
      tip: `Save '${name}' as a full matrix of real numbers, e.g. ${name} = full(double(${name})).`,
    });
  }
  checkDims(name, array);
  return { name, rowCount: array.dims[0], columnCount: array.dims[1], values: toDoubles(array.values) };
}

/** The same for a vector, in either orientation. */
export function realVector(file: MatlabFile, name: string): RealMatrix {
  return asVector(realMatrix(file, name));
}

/** A matrix of one row or one column as a row. Throws LOG_VARIABLE_SHAPE. */
export function asVector(matrix: RealMatrix): RealMatrix {
  const length = matrix.values.length;
  if (matrix.rowCount !== 1 && matrix.columnCount !== 1) {
    throw shapeError(matrix, '1 x n');
  }
  return { ...matrix, rowCount: 1, columnCount: length };
}

export function hasVariable(file: MatlabFile, name: string): boolean {
  return file.variables.some((variable) => variable.name === name);
}

export function variableNames(file: MatlabFile): string {
  const names = file.variables.map((variable) => variable.name);
  return names.length === 0 ? 'no variables' : names.join(', ');
}

/** LOG_VARIABLE_SHAPE. @param expected e.g. '3 x 15536 (one column for each column of spikes)' */
export function shapeError(matrix: RealMatrix, expected: string): BetzError {
  const found = formatDims([matrix.rowCount, matrix.columnCount]);
  return new BetzError('LOG_VARIABLE_SHAPE', `'${matrix.name}' is ${found}; expected ${expected}`, {
    value: found,
    tip: `Transpose or cut '${matrix.name}' in MATLAB and save the file anew.`,
  });
}

/** LOG_VALUE_INVALID, with the place in MATLAB's own notation: handVel(1,524) = NaN. */
export function valueError(matrix: RealMatrix, row: number, column: number, why: string): BetzError {
  const value = String(matrix.values[row + column * matrix.rowCount]);
  const place = `${matrix.name}(${row + 1},${column + 1}) = ${value}`;
  return new BetzError('LOG_VALUE_INVALID', `'${matrix.name}' has a value that ${why}: ${place}`, {
    value: place,
    tip: `Repair '${matrix.name}' or cut these bins out of all variables, and save the file anew.`,
  });
}

/** Throws LOG_VALUE_INVALID at the first number that fails. */
export function checkValues(matrix: RealMatrix, isValid: (value: number) => boolean, why: string): void {
  const { values, rowCount } = matrix;
  for (let i = 0; i < values.length; i++) {
    if (!isValid(values[i])) throw valueError(matrix, i % rowCount, Math.floor(i / rowCount), why);
  }
}

function checkDims(name: string, array: MatlabNumeric): void {
  if (array.dims.length === 2 && array.values.length > 0) return;
  const found = formatDims(array.dims);
  throw new BetzError('LOG_VARIABLE_SHAPE', `'${name}' is ${found}; expected a matrix that is not empty`, {
    value: found,
    tip: `Save '${name}' as a two-dimensional matrix.`,
  });
}

function toDoubles(values: MatlabNumbers): Float64Array {
  if (values instanceof Float64Array) return values;
  const doubles = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) doubles[i] = Number(values[i]);
  return doubles;
}

function missingVariable(file: MatlabFile, name: string): BetzError {
  return new BetzError('LOG_VARIABLE_MISSING', `the MATLAB file has no variable '${name}'`, {
    value: name,
    tip: `It holds: ${variableNames(file)}.`,
  });
}
