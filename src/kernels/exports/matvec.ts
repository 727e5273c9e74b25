/** Matrix-vector products of the streaming step. The calling convention is in ../kernel-exports.ts. */

export interface MatvecKernels {
  /** packed[ceil(rows/24)][cols][24] <- w[rows][cols], padded with zeros. */
  packMatvec(packedPtr: number, wPtr: number, rows: number, cols: number): void;
  /** y[ceil24(rows)] = bias[ceil24(rows)] + W x[cols]; W packed by packMatvec. ceil24: up to a multiple of 24. */
  matvecDense(
    yPtr: number,
    packedPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
  ): void;
  /** The same, skipping columns whose input is zero. scratch: cols int32. */
  matvecSparse(
    yPtr: number,
    packedPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
    scratchPtr: number,
  ): void;
}
