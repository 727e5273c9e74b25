/** Normalisation over the features of a row. The calling convention is in ../kernel-exports.ts. */

export interface NormKernels {
  /** y[rows][cols] = gain[cols] (x - mean) rstd + bias[cols]; stats[rows][2] <- mean, rstd. */
  layerNorm(
    yPtr: number,
    statsPtr: number,
    xPtr: number,
    gainPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
    epsilon: number,
  ): void;
  /** dx[rows][cols] = or += (accumulate = 1) the gradient by x; dgain[cols], dbias[cols] += theirs. */
  layerNormBackward(
    dxPtr: number,
    dgainPtr: number,
    dbiasPtr: number,
    dyPtr: number,
    xPtr: number,
    statsPtr: number,
    gainPtr: number,
    rows: number,
    cols: number,
    accumulate: number,
  ): void;
  /** y[rows][cols] = gain[cols] x rstd; stats[rows] <- rstd. */
  rmsNorm(
    yPtr: number,
    statsPtr: number,
    xPtr: number,
    gainPtr: number,
    rows: number,
    cols: number,
    epsilon: number,
  ): void;
  /** dx[rows][cols] = or += (accumulate = 1) the gradient by x; dgain[cols] += its own. */
  rmsNormBackward(
    dxPtr: number,
    dgainPtr: number,
    dyPtr: number,
    xPtr: number,
    statsPtr: number,
    gainPtr: number,
    rows: number,
    cols: number,
    accumulate: number,
  ): void;
}
