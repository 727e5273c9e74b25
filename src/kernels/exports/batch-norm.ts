/** Normalisation over the rows of a matrix. The calling convention is in ../kernel-exports.ts. */

/** Floats of scratch of `batchNorm` and `batchNormBackward`. */
export function batchNormScratchCount(cols: number): number {
  return 3 * cols;
}

export interface BatchNormKernels {
  /**
   * y[rows][cols] = gain[cols] (x - mean) / sqrt(variance + epsilon) + bias[cols]; stats[2][cols] <- mean and variance
   * (of the population) over the rows, of which there is at least one.
   */
  batchNorm(
    yPtr: number,
    statsPtr: number,
    xPtr: number,
    gainPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
    epsilon: number,
    scratchPtr: number,
  ): void;
  /** dx[rows][cols] = or += (accumulate = 1) the gradient by x; dgain[cols], dbias[cols] += theirs. */
  batchNormBackward(
    dxPtr: number,
    dgainPtr: number,
    dbiasPtr: number,
    dyPtr: number,
    xPtr: number,
    statsPtr: number,
    gainPtr: number,
    rows: number,
    cols: number,
    epsilon: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
  /** y[rows][cols] = scale[cols] x + offset[cols]; may be in place. */
  columnAffine(
    yPtr: number,
    xPtr: number,
    scalePtr: number,
    offsetPtr: number,
    rows: number,
    cols: number,
  ): void;
}
