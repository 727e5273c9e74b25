/**
 * Leaky integrate-and-fire neurons. The calling convention is in ../kernel-exports.ts; equations in assembly/lif.ts.
 * Membranes are saved as u[B][ceil4(H)/4][T][4]. surrogate: its number in src/tensor/spiking-neuron.ts.
 *
 * A membrane that is NaN gives NaN in place of a spike; a step then returns -1 in place of the number of spikes.
 */

/** Floats of scratch of the scans of all spiking neurons. */
export function neuronScratchCount(timeCount: number): number {
  return 16 * timeCount;
}

export interface LifKernels {
  /** s[T][B][H] and the saved u <- of y[T][B][H], lnVth[H]. */
  lifScanForward(
    sPtr: number,
    uPtr: number,
    yPtr: number,
    lnVthPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    scratchPtr: number,
  ): void;
  /** dy = or += (accumulate = 1) the gradient by y; dlnVth[H] += its own. */
  lifScanBackward(
    dyPtr: number,
    dlnVthPtr: number,
    dsPtr: number,
    uPtr: number,
    lnVthPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    decay: number,
    surrogate: number,
    sharpness: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
  /**
   * u[ceil4(H)] is updated from y[ceil4(H)], in units of the threshold; list <- int32 numbers of the neurons that fire.
   * Returns how many. channelCount: ceil4(H).
   */
  lifStep(listPtr: number, uPtr: number, yPtr: number, channelCount: number, decay: number): number;
}
