/** The selective state space of Mamba, over time and one step. The calling convention is in ../kernel-exports.ts. */

/** Channels in a packed matrix of decays, and in the state of the streaming step, come in groups of this size. */
export const CHANNEL_GROUP = 4;

/** Floats of scratch that `selectiveScan` needs. */
export function selectiveScanScratchCount(timeCount: number, stateCount: number): number {
  return 32 * timeCount + 16 + 4 * stateCount;
}

/** Floats of scratch that `selectiveScanBackward` needs. */
export function selectiveScanBackwardScratchCount(timeCount: number, stateCount: number): number {
  return 48 * timeCount + 16 + 4 * stateCount * (4 * timeCount + 3) + 4;
}

export interface SelectiveScanKernels {
  /** packed[ceil(D/4)][N][4] <- -exp(aLog[D][N]) log2(e), the exponents of a step's decay; padded. */
  packDecays(packedPtr: number, aLogPtr: number, channelCount: number, stateCount: number): void;
  /**
   * y[T][B][D] = C . h + skip x, h <- exp(dt A) h + dt x B from a zero state. x, dt [T][B][D], dt >= 0; decay packed by
   * packDecays; b, c [T][B][N]; skip [D]. scratch: selectiveScanScratchCount floats.
   */
  selectiveScan(
    yPtr: number,
    xPtr: number,
    dtPtr: number,
    decayPtr: number,
    bPtr: number,
    cPtr: number,
    skipPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    stateCount: number,
    scratchPtr: number,
  ): void;
  /**
   * dx, ddt [T][B][D], daLog [D][N], db, dc [T][B][N], dSkip [D] += the gradients, from dy[T][B][D].
   * scratch: selectiveScanBackwardScratchCount floats.
   */
  selectiveScanBackward(
    dxPtr: number,
    ddtPtr: number,
    daLogPtr: number,
    dbPtr: number,
    dcPtr: number,
    dSkipPtr: number,
    dyPtr: number,
    xPtr: number,
    dtPtr: number,
    decayPtr: number,
    bPtr: number,
    cPtr: number,
    skipPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    stateCount: number,
    scratchPtr: number,
  ): void;
  /**
   * One step: h[ceil(D/4)][N][4] moves on and y[ceil4(D)] is written; x, dt, skip [ceil4(D)], b, c [N].
   * ceil4: up to a multiple of 4; what stands in the padding reaches only padding.
   */
  selectiveStep(
    yPtr: number,
    hPtr: number,
    xPtr: number,
    dtPtr: number,
    decayPtr: number,
    bPtr: number,
    cPtr: number,
    skipPtr: number,
    channelCount: number,
    stateCount: number,
  ): void;
}
