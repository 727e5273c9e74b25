/** What follows spikes. The calling convention is in ../kernel-exports.ts. */

export interface SpikeEventKernels {
  /**
   * y[ceil24(rows)] = bias[ceil24(rows)] + the columns of W that `list` names, each as often as it is named; W packed by
   * packMatvec. Additions only. list: spikeCount int32 below cols.
   */
  matvecSpikes(
    yPtr: number,
    packedPtr: number,
    biasPtr: number,
    listPtr: number,
    spikeCount: number,
    rows: number,
    cols: number,
  ): void;
  /** rates[B] = mean of s[T][B][H] over time and channels. */
  spikeRates(
    ratesPtr: number,
    sPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
  ): void;
  /** ds[T][B][H] += slopes[B] */
  addToRows(
    dsPtr: number,
    slopesPtr: number,
    timeCount: number,
    batchCount: number,
    channelCount: number,
  ): void;
}
