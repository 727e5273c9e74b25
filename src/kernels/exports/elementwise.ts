/** Loops over flat arrays and rows. The calling convention is in ../kernel-exports.ts. */

export interface ElementwiseKernels {
  /** y = a + b; may be in place. */
  add(yPtr: number, aPtr: number, bPtr: number, count: number): void;
  /** y = a b; may be in place. */
  multiply(yPtr: number, aPtr: number, bPtr: number, count: number): void;
  /** y += a b */
  multiplyAdd(yPtr: number, aPtr: number, bPtr: number, count: number): void;
  /** y += x */
  accumulate(yPtr: number, xPtr: number, count: number): void;
  /** y = 0 */
  zero(yPtr: number, count: number): void;
  /** y[rows][cols] = bias[cols] in every row. */
  fillRows(yPtr: number, biasPtr: number, rows: number, cols: number): void;
  /** out[cols] += sum over rows of x[rows][cols]. */
  columnSums(outPtr: number, xPtr: number, rows: number, cols: number): void;
  /** Sum of squares, accumulated in float64. */
  sumOfSquares(xPtr: number, count: number): number;
}
