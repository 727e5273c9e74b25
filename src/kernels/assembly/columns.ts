/** Blocks of columns of row-major matrices: taking a part of a row's features out, and putting its gradient back. */
import { add } from './elementwise';

export function copyColumns(
  yPtr: usize,
  yStride: i32,
  xPtr: usize,
  xStride: i32,
  rows: i32,
  cols: i32,
): void {
  const bytes = <usize>cols << 2;
  for (let r = 0; r < rows; r++) {
    memory.copy(yPtr + ((<usize>r * <usize>yStride) << 2), xPtr + ((<usize>r * <usize>xStride) << 2), bytes);
  }
}

export function addColumns(
  yPtr: usize,
  yStride: i32,
  xPtr: usize,
  xStride: i32,
  rows: i32,
  cols: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const y = yPtr + ((<usize>r * <usize>yStride) << 2);
    add(y, y, xPtr + ((<usize>r * <usize>xStride) << 2), cols);
  }
}
