/**
 * How far the statistics of a window are from the reference, in four parts. Each is an average of absolute differences in
 * units of what calibration blocks differ by among themselves, so that one broken channel counts as one channel and not as
 * its square.
 */
import type { DriftParts } from '../../decoders/drift-reference.ts';
import type { ChannelStatistics } from './channel-statistics.ts';
import type { LatentStatistics } from './latent-statistics.ts';
import { choleskyInto, solveCholesky } from './small-cholesky.ts';

/** What distances are taken from. Spreads are standard deviations of one block from the others. */
export interface DriftCentre {
  /** [channelCount] */
  readonly mean: ArrayLike<number>;
  readonly meanSpread: ArrayLike<number>;
  /** [channelCount]; of a channel that never varied 0: it is left out everywhere. */
  readonly variance: ArrayLike<number>;
  readonly logVarianceSpread: ArrayLike<number>;
  /** [channelCount x latentCount] and [channelCount] */
  readonly loadings: ArrayLike<number>;
  readonly loadingSpread: ArrayLike<number>;
}

/** Variances are compared between 1/100 and 100 times the reference: beyond, they say no more. */
const VARIANCE_RATIO_MAX = 100;

/** |log(variance / reference)| with its limit; signed. */
export function logVarianceRatio(variance: number, reference: number): number {
  const ratio = variance / reference;
  return Math.log(Math.min(VARIANCE_RATIO_MAX, Math.max(1 / VARIANCE_RATIO_MAX, ratio)));
}

/** Covariance about the mean from second moments about 0, into `covariance`. */
function centreInto(covariance: Float64Array, { mean, moments }: LatentStatistics): void {
  const size = mean.length;
  for (let r = 0; r < size; r++) {
    for (let s = 0; s < size; s++) {
      covariance[r * size + s] = moments[r * size + s] - mean[r] * mean[s];
    }
  }
}

/** Distances from a centre, with the buffers that they need; `measure` allocates nothing. */
export class DriftDistance {
  /** Over all channels. */
  readonly all: DriftParts = { rate: 0, spread: 0, tuning: 0, latent: 0 };
  /** Over the channels that are not lost; `latent` has no channels and is the same. */
  readonly kept: DriftParts = { rate: 0, spread: 0, tuning: 0, latent: 0 };
  /** Mean of the signs of the rate differences that are beyond `CLEAR_SHIFT`, -1 to 1; 0 if there are none. */
  rateDirection = 0;
  /** [channelCount x latentCount], of the window measured last. */
  readonly loadings: Float64Array;
  /** [latentCount x latentCount], of whitened latents. */
  readonly covariance: Float64Array;
  private readonly root: Float64Array;

  constructor(channelCount: number, latentCount: number) {
    this.loadings = new Float64Array(channelCount * latentCount);
    this.covariance = new Float64Array(latentCount * latentCount);
    this.root = new Float64Array(latentCount * latentCount);
  }

  /** @param isLost [channelCount] 1 for channels to leave out of `kept` */
  measure(
    centre: DriftCentre,
    channels: ChannelStatistics,
    latents: LatentStatistics,
    isLost: Uint8Array,
  ): void {
    this.regress(latents);
    this.measureChannels(centre, channels, latents.mean.length, isLost);
    this.all.latent = latentDistance(this.covariance, latents.mean);
    this.kept.latent = this.all.latent;
  }

  /** loadings and covariance of the window: E[z u^T] cov(u)^-1. */
  regress(latents: LatentStatistics): void {
    const { loadings, covariance, root } = this;
    const size = latents.mean.length;
    centreInto(covariance, latents);
    choleskyInto(root, covariance, size);
    loadings.set(latents.products);
    for (let at = 0; at < loadings.length; at += size) solveCholesky(root, loadings, at, size);
  }

  private measureChannels(
    centre: DriftCentre,
    channels: ChannelStatistics,
    latentCount: number,
    isLost: Uint8Array,
  ): void {
    const { all, kept } = this;
    all.rate = all.spread = all.tuning = kept.rate = kept.spread = kept.tuning = 0;
    let count = 0;
    let keptCount = 0;
    let clearCount = 0;
    let signSum = 0;
    for (let channel = 0; channel < isLost.length; channel++) {
      if (!(centre.variance[channel] > 0)) continue;
      const shift = (channels.mean[channel] - centre.mean[channel]) / centre.meanSpread[channel];
      const spread =
        logVarianceRatio(channels.variance[channel], centre.variance[channel]) /
        centre.logVarianceSpread[channel];
      const tuning = this.loadingDistance(centre, channel, latentCount);
      count++;
      all.rate += Math.abs(shift);
      all.spread += Math.abs(spread);
      all.tuning += tuning;
      if (isLost[channel] === 1) continue;
      keptCount++;
      kept.rate += Math.abs(shift);
      kept.spread += Math.abs(spread);
      kept.tuning += tuning;
      if (Math.abs(shift) < CLEAR_SHIFT) continue;
      clearCount++;
      signSum += Math.sign(shift);
    }
    divide(all, count);
    divide(kept, keptCount);
    this.rateDirection = clearCount === 0 ? 0 : signSum / clearCount;
  }

  private loadingDistance(centre: DriftCentre, channel: number, latentCount: number): number {
    let squares = 0;
    for (let i = channel * latentCount; i < (channel + 1) * latentCount; i++) {
      squares += (this.loadings[i] - centre.loadings[i]) ** 2;
    }
    return Math.sqrt(squares / latentCount) / centre.loadingSpread[channel];
  }
}

/** Rate differences of so many spreads count for the direction of a rate change. */
const CLEAR_SHIFT = 3;

/** To second order twice the square root of the Kullback-Leibler divergence from N(0, I). @param covariance, mean of the window */
export function latentDistance(covariance: ArrayLike<number>, mean: ArrayLike<number>): number {
  const size = mean.length;
  let sum = 0;
  for (let r = 0; r < size; r++) {
    sum += 2 * mean[r] * mean[r];
    for (let s = 0; s < size; s++) sum += (covariance[r * size + s] - (r === s ? 1 : 0)) ** 2;
  }
  return Math.sqrt(sum);
}

function divide(parts: DriftParts, count: number): void {
  const divisor = Math.max(1, count);
  parts.rate /= divisor;
  parts.spread /= divisor;
  parts.tuning /= divisor;
}
