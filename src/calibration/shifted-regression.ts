/** Least squares between bins that lie a fixed distance apart, never across the end of a segment. */
import { Matrix, solve } from 'ml-matrix';
import type { BinRange } from './splits.ts';

/** Column-major: values[column * binCount + bin]. */
interface Columns {
  values: Float64Array;
  count: number;
  binCount: number;
}

interface Regression {
  /** [effects x causes] */
  slopes: Float64Array;
  /** [effects] */
  intercepts: Float64Array;
  /** Covariance of the residuals, [effects x effects]. */
  noise: Float64Array;
}

/** effect[t + effectShift] = slopes cause[t + causeShift] + intercept + noise, for every t with both in one segment. */
export function regress(
  effects: Columns,
  causes: Columns,
  segments: readonly BinRange[],
  { causeShift, effectShift }: { causeShift: number; effectShift: number },
): Regression {
  const reach = Math.max(-causeShift, -effectShift);
  const x = gather(causes, segments, reach, causeShift);
  const y = gather(effects, segments, reach, effectShift);
  const m = x.length;
  const rowCount = x[0].length;
  const design = [...x, new Float64Array(rowCount).fill(1)];
  const gram = new Matrix(design.map((a) => design.map((b) => dot(a, b))));
  const cross = new Matrix(design.map((a) => y.map((b) => dot(a, b))));
  const solution = solve(gram, cross, true); // by singular values: causes may be collinear. [m + 1 x effects]
  const residuals = y.map((column, effect) => {
    const residual = column.slice();
    design.forEach((cause, i) => {
      const slope = solution.get(i, effect);
      for (let row = 0; row < rowCount; row++) residual[row] -= slope * cause[row];
    });
    return residual;
  });
  return {
    slopes: Float64Array.from(y.flatMap((_, effect) => x.map((_cause, i) => solution.get(i, effect)))),
    intercepts: Float64Array.from(y, (_, effect) => solution.get(m, effect)),
    noise: secondMoments(residuals),
  };
}

/** Covariance of the columns over the bins of the segments, [columns x columns]. */
export function covariance(columns: Columns, segments: readonly BinRange[]): Float64Array {
  const centred = gather(columns, segments, 0, 0).map((column) => {
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    return column.map((value) => value - mean);
  });
  return secondMoments(centred);
}

/** The bins t + shift of every column, t from each segment's start + reach on. */
function gather(
  columns: Columns,
  segments: readonly BinRange[],
  reach: number,
  shift: number,
): Float64Array[] {
  const spans = segments.filter(({ startBin, endBin }) => startBin + reach < endBin);
  const rowCount = spans.reduce((sum, { startBin, endBin }) => sum + endBin - startBin - reach, 0);
  return Array.from({ length: columns.count }, (_, column) => {
    const gathered = new Float64Array(rowCount);
    let row = 0;
    for (const { startBin, endBin } of spans) {
      const offset = column * columns.binCount + shift;
      gathered.set(columns.values.subarray(offset + startBin + reach, offset + endBin), row);
      row += endBin - startBin - reach;
    }
    return gathered;
  });
}

/** Mean of the products of each pair of columns, [columns x columns]. */
function secondMoments(columns: readonly Float64Array[]): Float64Array {
  const count = columns.length;
  const moments = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      const moment = dot(columns[i], columns[j]) / columns[i].length;
      moments[i * count + j] = moment;
      moments[j * count + i] = moment;
    }
  }
  return moments;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum0 = 0;
  let sum1 = 0;
  const even = a.length - (a.length % 2);
  for (let i = 0; i < even; i += 2) {
    sum0 += a[i] * b[i];
    sum1 += a[i + 1] * b[i + 1];
  }
  return even < a.length ? sum0 + sum1 + a[even] * b[even] : sum0 + sum1;
}
