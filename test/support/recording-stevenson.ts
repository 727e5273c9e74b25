/** A small recording in the layout of StevensonV2.mat, as MATLAB variables. */
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { doubles } from './recording-mat-writer.ts';

const UNIT_COUNT = 3;
const BIN_COUNT = 6;

/** Column-major: spikes(u, b) = 10 b + u; velocity, position and target count up; two trials. */
export function stevensonVariables(): Record<string, MatlabArray> {
  const spikes = Uint8Array.from(
    { length: UNIT_COUNT * BIN_COUNT },
    (_, i) => 10 * Math.floor(i / 3) + (i % 3),
  );
  const axes = (first: number): MatlabArray =>
    doubles(
      [3, BIN_COUNT],
      Array.from({ length: 3 * BIN_COUNT }, (_, i) => (i % 3 === 2 ? 0 : first + i / 8)),
    );
  const target = Array.from({ length: 3 * BIN_COUNT }, (_, i) => (i < 3 ? NaN : i % 3 === 2 ? 0 : i / 4));
  return {
    Publication: { kind: 'struct', dims: [1, 1], fieldNames: [], cells: [] },
    spikes: {
      kind: 'numeric',
      className: 'double',
      isLogical: false,
      dims: [UNIT_COUNT, BIN_COUNT],
      values: spikes,
    },
    timeBase: doubles([1, 1], [0.05]),
    time: doubles([1, BIN_COUNT], [12.5, 12.5501, 12.6, 12.6499, 12.7, 12.75]),
    handVel: axes(0.5),
    handPos: axes(-2),
    target: doubles([3, BIN_COUNT], target),
    startBins: doubles([1, 2], [2, 5]),
    targets: doubles([3, 2], [0.1, 0.2, 0, 0.3, 0.4, 0]),
  };
}

/** The same variables with one element (MATLAB's row and column, from 1) replaced. */
export function withValue(
  name: string,
  row: number,
  column: number,
  value: number,
): Record<string, MatlabArray> {
  const variables = stevensonVariables();
  const array = variables[name];
  if (array.kind !== 'numeric') throw new Error(`${name} is not numeric`);
  const values = Float64Array.from(array.values, Number);
  values[row - 1 + (column - 1) * array.dims[0]] = value;
  return { ...variables, [name]: { ...array, values } };
}
