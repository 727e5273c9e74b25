/** Dropout, loss and optimiser. The calling convention is in ../kernel-exports.ts. */

export interface TrainingKernels {
  /**
   * y[rows][cols] = x or 0: element (i, j) is kept when hash32(seed, step, firstIndex + i indexStride + j) < keepBelow
   * (unsigned), and scaled. In the backward pass the same call with gradients. accumulate = 1 adds instead.
   */
  dropout(
    yPtr: number,
    xPtr: number,
    rows: number,
    cols: number,
    firstIndex: number,
    indexStride: number,
    seed: number,
    step: number,
    keepBelow: number,
    scale: number,
    accumulate: number,
  ): void;
  /**
   * Returns scale sum_t weight[t] sum (p - y)^2 over p, y [T][rowCount]; dp[T][rowCount] = 2 scale weight[t] (p - y).
   */
  squaredError(
    dpPtr: number,
    pPtr: number,
    yPtr: number,
    weightPtr: number,
    timeCount: number,
    rowCount: number,
    scale: number,
  ): number;
  /**
   * AdamW (Loshchilov and Hutter 2019, PyTorch's form): gradient times gradientScale, decoupled weight decay,
   * corrections = 1 - beta^step.
   */
  adamw(
    parameterPtr: number,
    gradientPtr: number,
    firstMomentPtr: number,
    secondMomentPtr: number,
    count: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    correction1: number,
    correction2: number,
    gradientScale: number,
  ): void;
}
