/** Means and covariance of channels: all that factor analysis needs to know of its data. */
import { assert } from '../core/errors.ts';

export interface SecondMoments {
  rowCount: number;
  /** [channels] */
  means: Float64Array;
  /** Population covariance, [channels x channels] */
  covariance: Float64Array;
}

/** Rows that are summed at a time, so that what a channel pair reads stays in the cache. */
const ROWS_AT_ONCE = 256;

/** @param rows [rowCount x channelCount], finite, rowCount above 0 */
export function secondMoments(rows: Float32Array, channelCount: number): SecondMoments {
  const rowCount = rows.length / channelCount;
  assert(Number.isInteger(rowCount) && rowCount > 0, 'the rows are whole, and there are some');
  const means = new Float64Array(channelCount);
  for (let i = 0, channel = 0; i < rows.length; i++) {
    means[channel] += rows[i];
    if (++channel === channelCount) channel = 0;
  }
  for (let channel = 0; channel < channelCount; channel++) means[channel] /= rowCount;

  const covariance = new Float64Array(channelCount * channelCount);
  const columns = Array.from({ length: channelCount }, () => new Float64Array(ROWS_AT_ONCE));
  for (let first = 0; first < rowCount; first += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rowCount - first);
    columns.forEach((column, channel) => {
      for (let row = 0; row < count; row++)
        column[row] = rows[(first + row) * channelCount + channel] - means[channel];
    });
    for (let a = 0; a < channelCount; a++) {
      for (let b = 0; b <= a; b++) covariance[a * channelCount + b] += dot(columns[a], columns[b], count);
    }
  }
  for (let a = 0; a < channelCount; a++) {
    for (let b = 0; b <= a; b++) {
      const value = covariance[a * channelCount + b] / rowCount;
      covariance[a * channelCount + b] = value;
      covariance[b * channelCount + a] = value;
    }
  }
  return { rowCount, means, covariance };
}

/** Four sums side by side: one would wait for itself at every step. */
function dot(a: Float64Array, b: Float64Array, count: number): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let i = 0;
  for (; i + 3 < count; i += 4) {
    sum0 += a[i] * b[i];
    sum1 += a[i + 1] * b[i + 1];
    sum2 += a[i + 2] * b[i + 2];
    sum3 += a[i + 3] * b[i + 3];
  }
  for (; i < count; i++) sum0 += a[i] * b[i];
  return sum0 + sum1 + (sum2 + sum3);
}
