/**
 * Mean, variance and share of silent bins per channel, weighted as the caller likes: `share` 1/n gives plain averages over n
 * bins, a constant share gives exponentially weighted ones with a window of 1/share bins. One pass over the channels per
 * bin, nothing is allocated (West 1979, Commun ACM 22:532-535, for the update of a weighted variance).
 */
export class ChannelStatistics {
  /** [channelCount] each */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly silentShare: Float64Array;
  /** Bins since the value last changed: a lost channel stays where it is (at 0, if it counts spikes). */
  readonly stillBins: Float64Array;
  /**
   * [0]: share of the next bin in the averages, in (0, 1]; 1 forgets everything before. In an array, because a number that is
   * not a small integer is put into a new object whenever it crosses a call.
   */
  readonly share = new Float64Array(1);
  private readonly last: Float64Array;

  constructor(channelCount: number) {
    this.mean = new Float64Array(channelCount);
    this.variance = new Float64Array(channelCount);
    this.silentShare = new Float64Array(channelCount);
    this.stillBins = new Float64Array(channelCount);
    this.last = new Float64Array(channelCount).fill(Number.NaN);
  }

  /**
   * @param features [at + channelCount], finite
   * @param at where the bin begins
   */
  update(features: Float32Array, at: number): void {
    const share = this.share[0];
    const { mean, variance, silentShare, stillBins, last } = this;
    for (let channel = 0; channel < mean.length; channel++) {
      const value = features[at + channel];
      const surprise = value - mean[channel];
      mean[channel] += share * surprise;
      variance[channel] = (1 - share) * (variance[channel] + share * surprise * surprise);
      silentShare[channel] += share * ((value === 0 ? 1 : 0) - silentShare[channel]);
      stillBins[channel] = value === last[channel] ? stillBins[channel] + 1 : 0;
      last[channel] = value;
    }
  }
}
