/**
 * Matrices in int8: symmetric, a scale per row, rounded to nearest. scale = max|w| / 127 of the row, value = w / scale, so
 * that a weight is off by half a scale at most. A row without weights has scale 1.
 */
import type { Int8Rows, TensorData } from './decoder.ts';

export const INT8_MAX = 127;
/** A row that stays below this counts as zero: its scale would not be a normal float32. */
const TINY = 1e-30;

/** @param tensor [rows, cols], finite */
export function quantiseRows({ shape, data }: TensorData): TensorData {
  const [rows, cols] = shape;
  const scales = new Float32Array(rows);
  const values = new Int8Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    const weights = data.subarray(row * cols, (row + 1) * cols);
    const largest = weights.reduce((max, w) => Math.max(max, Math.abs(w)), 0);
    const isZero = largest < TINY;
    scales[row] = isZero ? 1 : largest / INT8_MAX;
    if (!isZero)
      values.set(
        Int8Array.from(weights, (w) => toNearest(w / scales[row])),
        row * cols,
      );
  }
  return int8Tensor(shape, { values, scales });
}

/** The tensor that int8 rows stand for. */
export function int8Tensor(shape: readonly number[], int8: Int8Rows): TensorData {
  const { values, scales } = int8;
  const cols = values.length / scales.length;
  const data = Float32Array.from(values, (value, i) => value * scales[Math.floor(i / cols)]);
  return { shape, data, int8 };
}

/** Away from zero at a tie, within +-127. */
function toNearest(value: number): number {
  return Math.sign(value) * Math.min(INT8_MAX, Math.round(Math.abs(value)));
}
