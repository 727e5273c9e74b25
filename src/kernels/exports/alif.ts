/** Neurons with an adaptive threshold. Conventions as in lif.ts; equations in assembly/alif.ts. */

export interface AlifKernels {
  /** s[T][B][H], the saved u and the saved trace a (of u's layout) <- of y[T][B][H], lnVth[H], lnRho[H]. */
  alifScanForward(
    sPtr: number,
    uPtr: number,
    aPtr: number,
    yPtr: number,
    lnVthPtr: number,
    lnRhoPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    adaptation: number,
    scratchPtr: number,
  ): void;
  /** dy = or += (accumulate = 1) the gradient by y; dlnVth[H], dlnRho[H] += theirs. */
  alifScanBackward(
    dyPtr: number,
    dlnVthPtr: number,
    dlnRhoPtr: number,
    dsPtr: number,
    uPtr: number,
    aPtr: number,
    lnVthPtr: number,
    lnRhoPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    adaptation: number,
    surrogate: number,
    sharpness: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
  /** As lifStep; the trace a[ceil4(H)] is updated too. keep[ceil4(H)] = exp(-1 / rho) */
  alifStep(
    listPtr: number,
    uPtr: number,
    aPtr: number,
    yPtr: number,
    keepPtr: number,
    channelCount: number,
    decay: number,
    adaptation: number,
  ): number;
}
