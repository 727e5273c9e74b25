/** A small recording in the layout of the stabiliser's data, as MATLAB variables: 4 electrodes, trials of 0, 3 and 2 bins. */
import type { MatlabArray, MatlabStruct } from '../../src/recording/matlab-array.ts';
import { doubles } from './recording-mat-writer.ts';

const FIELDS = ['binCounts', 'decodedVl', 'refPos', 'tgtPos', 'moveBin', 'type'];

export function degenhartVariables(): Record<string, MatlabArray> {
  const text = (row: string): MatlabArray => ({ kind: 'char', dims: [1, row.length], rows: [row] });
  const none = doubles([0, 0], []);
  const trials: MatlabArray[][] = [
    [none, none, doubles([2, 2], [0, 0, 0, 0]), doubles([1, 2], [5, 0]), doubles([1, 1], [2]), text('watch')],
    [
      // electrode e in bin b: 10 b + e
      doubles([3, 4], [1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24]),
      doubles([3, 2], [9, 20, 40, 8, 0, 60]),
      doubles([4, 2], [NaN, 0, 3, 3, NaN, 0, 0, 4]),
      doubles([1, 2], [3, 4]),
      doubles([1, 1], [2]),
      text('baselineEvaluation'),
    ],
    [
      doubles([2, 4], [5, 0, 6, 0, 7, 0, 8, 0]),
      doubles([2, 2], [1, 2, 3, 4]),
      doubles([3, 2], [-1, -1, 0, 2, 2, 0]),
      doubles([2, 1], [-1, 2]),
      doubles([1, 1], [1]),
      text('stabilization'),
    ],
  ];
  return {
    trialData: { kind: 'struct', dims: [1, trials.length], fieldNames: FIELDS, cells: trials.flat() },
    goodElectrodes: doubles([1, 3], [1, 2, 4]),
    pertParams: {
      kind: 'struct',
      dims: [1, 1],
      fieldNames: ['baseElectrodes', 'swapElectrodesMap', 'offsets', 'silentChs'],
      cells: [
        doubles([1, 2], [4, 1]),
        doubles([2, 2], [1, 4, 4, 2]),
        doubles([2, 1], [-0.5, 0.25]),
        doubles([2, 1], [0, 0]),
      ],
    },
  };
}

/** The same variables with a field of one element of a struct array replaced; undefined takes the field away. */
export function withField(
  variable: 'trialData' | 'pertParams',
  field: string,
  value: MatlabArray | undefined,
  element = 0,
): Record<string, MatlabArray> {
  const variables = degenhartVariables();
  const array = variables[variable] as MatlabStruct;
  const at = array.fieldNames.indexOf(field);
  const width = array.fieldNames.length;
  if (value === undefined) {
    const fieldNames = array.fieldNames.filter((_, i) => i !== at);
    return {
      ...variables,
      [variable]: { ...array, fieldNames, cells: array.cells.filter((_, i) => i % width !== at) },
    };
  }
  const cells = array.cells.map((cell, i) => (i === element * width + at ? value : cell));
  return { ...variables, [variable]: { ...array, cells } };
}
