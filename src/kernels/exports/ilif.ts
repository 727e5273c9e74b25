/** Integer leaky integrate-and-fire neurons. Conventions as in lif.ts; equations in assembly/ilif.ts. */

export interface IlifKernels {
  /** s[T][B][H] (firings / levelCount) and the saved u <- of y[T][B][H], lnVth[H]. */
  ilifScanForward(
    sPtr: number,
    uPtr: number,
    yPtr: number,
    lnVthPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    levelCount: number,
    scratchPtr: number,
  ): void;
  /** dy = or += (accumulate = 1) the gradient by y, straight through; dlnVth[H] += its own. */
  ilifScanBackward(
    dyPtr: number,
    dlnVthPtr: number,
    dsPtr: number,
    uPtr: number,
    lnVthPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    levelCount: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
  /** As lifStep, in levelCount binary sub-steps: a neuron is listed once for each that it fires in. */
  ilifStep(
    listPtr: number,
    uPtr: number,
    yPtr: number,
    channelCount: number,
    decay: number,
    levelCount: number,
  ): number;
}
