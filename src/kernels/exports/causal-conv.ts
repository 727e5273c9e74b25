/** Causal depthwise convolution over time. The calling convention is in ../kernel-exports.ts. */

/** Floats of scratch that the convolution of a sequence needs, forward or backward. */
export function causalConvScratchCount(channelCount: number, tapCount: number): number {
  return 2 * channelCount * tapCount;
}

export interface CausalConvKernels {
  /**
   * y[T][B][C] = bias[C] + sum over k of weight[C][K] x[t - K + 1 + k][B][C], zeros before the first step.
   * scratch: causalConvScratchCount floats.
   */
  causalConv(
    yPtr: number,
    xPtr: number,
    weightPtr: number,
    biasPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    tapCount: number,
    scratchPtr: number,
  ): void;
  /** dx[T][B][C], dWeight[C][K], dBias[C] += the gradients. scratch: causalConvScratchCount floats. */
  causalConvBackward(
    dxPtr: number,
    dWeightPtr: number,
    dBiasPtr: number,
    dyPtr: number,
    xPtr: number,
    weightPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
    tapCount: number,
    scratchPtr: number,
  ): void;
  /**
   * The next y[C] from x[C] and history[K-1][C], the inputs before it, oldest first, which is moved on by one (K - 1 short
   * copies). taps[K][C]: the transposed weight.
   */
  causalConvStep(
    yPtr: number,
    historyPtr: number,
    xPtr: number,
    tapsPtr: number,
    biasPtr: number,
    channelCount: number,
    tapCount: number,
  ): void;
}
