/**
 * Matrix-vector products with int8 weights. The calling convention is in ../kernel-exports.ts.
 *
 * The input is rounded to 16 bits first: q = x / s to the nearest integer (even at a tie), with s = max|x| / limit and
 * limit = min(32767, floor((2^31 - 1) / (127 cols))), so that the integer sums are exact: within |s| / 2 of x each, and 16 bits
 * up to 516 columns. Weights lie in -127 to 127. An x that is not finite makes all of y NaN; an input that stays below
 * 1e-30 counts as zero.
 */

export interface MatvecInt8Kernels {
  /** packed[ceil(rows/24)][ceil(cols/2)][24][2] int8 <- w[rows][cols] int8, padded with zeros. */
  packInt8(packedPtr: number, wPtr: number, rows: number, cols: number): void;
  /**
   * y[ceil24(rows)] = bias[ceil24(rows)] + rowScales[ceil24(rows)] s (W q); W packed by packInt8, ceil24: up to a multiple of 24.
   * scratch: ceil(cols/2) int32.
   */
  matvecInt8(
    yPtr: number,
    packedPtr: number,
    rowScalesPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
    scratchPtr: number,
  ): void;
  /** The same to the last bit, skipping pairs of columns whose q are both zero. scratch: 2 ceil(cols/2) int32. */
  matvecInt8Sparse(
    yPtr: number,
    packedPtr: number,
    rowScalesPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
    scratchPtr: number,
  ): void;
}
