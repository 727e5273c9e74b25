/** Blocks of columns of row-major matrices. The calling convention is in ../kernel-exports.ts. */

export interface ColumnKernels {
  /** y[rows][cols] (row stride yStride) = x[rows][cols] (row stride xStride). */
  copyColumns(yPtr: number, yStride: number, xPtr: number, xStride: number, rows: number, cols: number): void;
  /** y[rows][cols] (row stride yStride) += x[rows][cols] (row stride xStride). */
  addColumns(yPtr: number, yStride: number, xPtr: number, xStride: number, rows: number, cols: number): void;
}
