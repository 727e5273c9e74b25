/** Diagonal state space models. The calling convention is in ../kernel-exports.ts; equations in assembly/s4d.ts. */

/** Floats of scratch of `s4dScanForward` and `s4dScanBackward`. */
export function s4dScratchCount(timeCount: number): number {
  return 56 * timeCount + 8;
}

/** Channels lie in groups of four: ceil4(H) of them, the padding zero. */
export interface S4dKernels {
  /**
   * y[T][B][H] = the state space model of each channel over u[T][B][H]. coefficients[ceil4(H)/4][N][4][4]: of each
   * state a real, a imaginary, c real, c imaginary, of 4 channels; d[H].
   */
  s4dScanForward(
    yPtr: number,
    uPtr: number,
    coefficientsPtr: number,
    dPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    stateCount: number,
    scratchPtr: number,
  ): void;
  /**
   * du = or += (accumulate = 1) the gradient by u; sums[ceil4(H)/4][N][4][4] += p real, p imaginary, q real,
   * q imaginary; dd[H] += its gradient.
   */
  s4dScanBackward(
    duPtr: number,
    sumsPtr: number,
    ddPtr: number,
    dyPtr: number,
    uPtr: number,
    coefficientsPtr: number,
    dPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    stateCount: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
  /** One step: h[ceil4(H)/4][N][2][4] is updated; y[ceil4(H)], u[ceil4(H)], d[ceil4(H)]. channelCount: ceil4(H). */
  s4dStep(
    yPtr: number,
    hPtr: number,
    uPtr: number,
    coefficientsPtr: number,
    dPtr: number,
    channelCount: number,
    stateCount: number,
  ): void;
}
