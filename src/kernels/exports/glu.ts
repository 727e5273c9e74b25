/** Gated linear units. The calling convention is in ../kernel-exports.ts. */

export interface GluKernels {
  /** y[rows][cols] = first half of x[rows][2 cols] times the sigmoid of the second. */
  glu(yPtr: number, xPtr: number, rows: number, cols: number): void;
  /** dx[rows][2 cols] = or += (accumulate = 1) the gradient by x. */
  gluBackward(
    dxPtr: number,
    dyPtr: number,
    xPtr: number,
    rows: number,
    cols: number,
    accumulate: number,
  ): void;
  /** x[cols] = gain[cols] (x + glu(m[2 cols])) + offset[cols], in place: a residual and the norm after it. */
  gluResidual(xPtr: number, mPtr: number, gainPtr: number, offsetPtr: number, cols: number): void;
}
