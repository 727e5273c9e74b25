/** Token shift of RWKV. The calling convention is in ../kernel-exports.ts. */

export interface ShiftMixKernels {
  /** y[T][B][d] = mu[d] x_t + (1 - mu) x_{t-1}, x[T][B][d], zero before the first step. */
  shiftMix(
    yPtr: number,
    xPtr: number,
    muPtr: number,
    timeCount: number,
    batchCount: number,
    count: number,
  ): void;
  /** dx[T][B][d] = or += (accumulate = 1) the gradient by x; dmu[d] += its own. */
  shiftMixBackward(
    dxPtr: number,
    dmuPtr: number,
    dyPtr: number,
    xPtr: number,
    muPtr: number,
    timeCount: number,
    batchCount: number,
    count: number,
    accumulate: number,
  ): void;
  /** One step, several shares at once: y[n][d] = mu[n][d] x[d] + (1 - mu) previous[d]; then previous <- x. */
  shiftMixStep(
    yPtr: number,
    previousPtr: number,
    xPtr: number,
    muPtr: number,
    mixCount: number,
    count: number,
  ): void;
}
