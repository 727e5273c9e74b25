/**
 * Neurons with a refractory trace. Conventions as in lif.ts; equations in assembly/refractory.ts.
 */

export interface RefractoryKernels {
  /** s[T][B][H] and the saved u <- of y[T][B][H], lnVth[H], lnMagnitude[H]. */
  refractoryScanForward(
    sPtr: number,
    uPtr: number,
    yPtr: number,
    lnVthPtr: number,
    lnMagnitudePtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    traceDecay: number,
    scratchPtr: number,
  ): void;
  /** dy = or += (accumulate = 1) the gradient by y; dlnVth[H], dlnMagnitude[H] += theirs. */
  refractoryScanBackward(
    dyPtr: number,
    dlnVthPtr: number,
    dlnMagnitudePtr: number,
    dsPtr: number,
    uPtr: number,
    lnVthPtr: number,
    lnMagnitudePtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    traceDecay: number,
    surrogate: number,
    sharpness: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
  /** As lifStep; r[ceil4(H)], the trace of the next step, is updated too. magnitude[ceil4(H)] */
  refractoryStep(
    listPtr: number,
    uPtr: number,
    rPtr: number,
    yPtr: number,
    magnitudePtr: number,
    channelCount: number,
    decay: number,
    traceDecay: number,
  ): number;
}
