/**
 * Watches a stream of features for drift, without labels: exponentially weighted statistics in every bin, and from them an
 * index, 0 or more, that is about 1 as long as the data differ from the reference as calibration blocks differ among
 * themselves. Above its threshold for long enough it advises to recalibrate, and says what has changed.
 *
 * Per bin O(C R + R^2) besides the latent map; once in `EVALUATION_S` the distances, O(R^3 + C R^2). Nothing is allocated.
 */
import { BetzError } from '../../core/errors.ts';
import type { DriftParts, DriftReference } from '../../decoders/drift-reference.ts';
import { ChannelStatistics } from './channel-statistics.ts';
import { driftIndexOf } from './calibration-blocks.ts';
import { DriftDistance } from './drift-distance.ts';
import { linearLatents } from './latent-map.ts';
import type { LatentMap } from './latent-map.ts';
import { LatentStatistics } from './latent-statistics.ts';

/** Why to recalibrate: see docs/drift.md. */
export type DriftReason = 'lostChannels' | 'rateChange' | 'tuningChange';

export interface DriftReport {
  index: number;
  threshold: number;
  /** Below this for long enough, an advice is withdrawn. */
  withdrawalThreshold: number;
  /** Of the index, each about 1 on calibration data. */
  parts: DriftParts;
  isRecalibrationAdvised: boolean;
  /** The most telling first; empty while nothing is advised. */
  reasons: readonly DriftReason[];
  /** Indices of channels that record nothing any more. */
  lostChannels: readonly number[];
  rateDirection: 'up' | 'down' | 'mixed';
  /** Bins that were not finite, and so not looked at. */
  ignoredBinCount: number;
}

export interface DriftMonitorOptions {
  /** The map that the reference was taken with, if it was given one. */
  latents?: LatentMap;
  /** The index has to be over the threshold (or under what clears it) for so long. Default 10. */
  holdS?: number;
  /** Threshold = this times the largest index of a calibration block. Default 1.5. */
  margin?: number;
}

const EVALUATION_S = 1;
/** The advice is withdrawn below this share of the threshold. */
const CLEAR_SHARE = 0.8;
/** A channel is lost once so many spikes were to be expected and it has not changed, ... */
const LOST_EXPECTED_COUNT = 25;
/** ... for so many times its longest rest during calibration, ... */
const LOST_STILL_FACTOR = 3;
/** ... or once its variance is below this share of the reference. */
const LOST_VARIANCE_SHARE = 0.02;
/** Lost channels as a share of all that are reason enough by themselves. */
const LOST_SHARE_CLEAR = 0.05;
/** Deviations of the window are not let below this share of the reference's: a dying channel is not blown up. */
const DEVIATION_SHARE_MIN = 0.3;
const DIRECTION_CLEAR = 0.5;

export class DriftMonitor {
  readonly threshold: number;
  private readonly reference: DriftReference;
  private readonly distance: DriftDistance;
  private readonly map: LatentMap;
  private readonly binsPerEvaluation: number;
  private readonly holdEvaluations: number;
  private readonly shareMin: number;
  /** Bins that the reference counts for at the start, see `update`. */
  private readonly priorBins: number;
  private readonly partThresholds: DriftParts;
  private readonly relative: DriftParts = { rate: 0, spread: 0, tuning: 0, latent: 0 };
  private readonly keptRelative: DriftParts = { rate: 0, spread: 0, tuning: 0, latent: 0 };
  private readonly scale: Float64Array;
  private readonly isLost: Uint8Array;
  private channels!: ChannelStatistics;
  private latents!: LatentStatistics;
  private binCount = 0;
  private ignoredBinCount = 0;
  private index = 0;
  private keptIndex = 0;
  private evaluationsOver = 0;
  private isAdvised = false;

  /** @throws BetzError CAL_DRIFT_LATENTS_MISSING */
  constructor(reference: DriftReference, options: DriftMonitorOptions = {}) {
    const { binMs, windowS, directions, latentCount, blockMax, mean } = reference;
    const map = options.latents ?? (directions && linearLatents(directions, latentCount));
    if (map?.latentCount !== latentCount) {
      throw new BetzError(
        'CAL_DRIFT_LATENTS_MISSING',
        'the map to the latents is not that of the reference',
        {
          value: `${map?.latentCount ?? 'no'} latents, the reference has ${latentCount}`,
          tip: 'Give the monitor the latent map that the reference was fitted with.',
        },
      );
    }
    const margin = options.margin ?? 1.5;
    this.reference = reference;
    this.map = map;
    this.threshold = margin * blockMax.index;
    this.partThresholds = {
      rate: margin * blockMax.rate,
      spread: margin * blockMax.spread,
      tuning: margin * blockMax.tuning,
      latent: margin * blockMax.latent,
    };
    this.distance = new DriftDistance(mean.length, latentCount);
    this.binsPerEvaluation = Math.max(1, Math.round((EVALUATION_S * 1000) / binMs));
    this.holdEvaluations = Math.ceil((options.holdS ?? 10) / ((this.binsPerEvaluation * binMs) / 1000));
    const windowBins = (windowS * 1000) / binMs;
    this.shareMin = 1 - Math.exp(-1 / windowBins);
    this.priorBins = windowBins / 2;
    this.scale = new Float64Array(mean.length);
    this.isLost = new Uint8Array(mean.length);
    this.reset();
  }

  /** As if the window were full of the reference. */
  reset(): void {
    const { reference } = this;
    const channelCount = reference.mean.length;
    this.channels = new ChannelStatistics(channelCount);
    this.channels.mean.set(reference.mean);
    this.channels.variance.set(reference.variance);
    this.channels.silentShare.set(reference.silentShare);
    this.latents = new LatentStatistics(channelCount, this.map, reference.whitening, reference.smoothing);
    const { moments, products } = this.latents;
    for (let r = 0; r < reference.latentCount; r++) moments[r * (reference.latentCount + 1)] = 1;
    products.set(reference.loadings); // E[z u^T] cov(u)^-1 with cov(u) = I
    this.isLost.fill(0);
    this.binCount = 0;
    this.ignoredBinCount = 0;
    this.index = 0;
    this.keptIndex = 0;
    this.evaluationsOver = 0;
    this.isAdvised = false;
    this.rescale();
  }

  /**
   * Takes one bin in; allocates nothing. A bin that is not finite is counted and otherwise passed over.
   * @param features [channelCount], as the reference's; not kept
   */
  update(features: Float32Array): void {
    let probe = 0; // NaN as soon as one value is not finite
    for (let i = 0; i < features.length; i++) probe += features[i] * 0;
    if (probe !== 0) {
      this.ignoredBinCount++;
      return;
    }
    // The reference counts for half a window at the start: the average of n new bins and those then varies at most as much as
    // that of a full window, and still most of it is new after half a window.
    const share = Math.max(this.shareMin, 1 / (this.priorBins + this.binCount + 1));
    this.channels.share[0] = share;
    this.latents.share[0] = share;
    this.channels.update(features, 0);
    this.latents.update(features, 0, this.channels.mean, this.scale);
    this.binCount++;
    if (this.binCount % this.binsPerEvaluation === 0) this.evaluate();
  }

  /** The index of the last evaluation, once per second. */
  currentIndex(): number {
    return this.index;
  }

  isRecalibrationAdvised(): boolean {
    return this.isAdvised;
  }

  /** Everything, for whoever shows it; allocates. */
  report(): DriftReport {
    const { rateDirection } = this.distance;
    return {
      index: this.index,
      threshold: this.threshold,
      withdrawalThreshold: CLEAR_SHARE * this.threshold,
      parts: { ...this.relative },
      isRecalibrationAdvised: this.isAdvised,
      reasons: this.isAdvised ? this.reasons() : [],
      lostChannels: Array.from(this.isLost.keys()).filter((channel) => this.isLost[channel] === 1),
      rateDirection:
        rateDirection > DIRECTION_CLEAR ? 'up' : rateDirection < -DIRECTION_CLEAR ? 'down' : 'mixed',
      ignoredBinCount: this.ignoredBinCount,
    };
  }

  private evaluate(): void {
    const { distance, reference, relative, keptRelative } = this;
    this.rescale();
    this.findLost();
    distance.measure(reference, this.channels, this.latents, this.isLost);
    divideInto(relative, distance.all, reference.typical);
    divideInto(keptRelative, distance.kept, reference.typical);
    this.index = driftIndexOf(relative);
    this.keptIndex = driftIndexOf(keptRelative);
    const isBeyond = this.isAdvised ? this.index < CLEAR_SHARE * this.threshold : this.index > this.threshold;
    this.evaluationsOver = isBeyond ? this.evaluationsOver + 1 : 0;
    if (this.evaluationsOver < this.holdEvaluations) return;
    this.isAdvised = !this.isAdvised;
    this.evaluationsOver = 0;
  }

  /** z-scores of the window; a channel that was silent during calibration is left out. */
  private rescale(): void {
    const { variance } = this.reference;
    for (let channel = 0; channel < variance.length; channel++) {
      const least = DEVIATION_SHARE_MIN * Math.sqrt(variance[channel]);
      this.scale[channel] =
        variance[channel] > 0 ? 1 / Math.max(least, Math.sqrt(this.channels.variance[channel])) : 0;
    }
  }

  private findLost(): void {
    const { reference, channels, isLost } = this;
    for (let channel = 0; channel < isLost.length; channel++) {
      if (!(reference.variance[channel] > 0)) continue;
      const changesPerBin = 1 - reference.silentShare[channel];
      const stillMax = Math.max(
        LOST_STILL_FACTOR * reference.stillBinsMax[channel],
        changesPerBin > 0 ? LOST_EXPECTED_COUNT / changesPerBin : 0,
      );
      // Of a channel that is silent for minutes as a rule, a flat window says nothing.
      const isFlat =
        this.binCount * changesPerBin > LOST_EXPECTED_COUNT &&
        channels.variance[channel] < LOST_VARIANCE_SHARE * reference.variance[channel];
      isLost[channel] = channels.stillBins[channel] > stillMax || isFlat ? 1 : 0;
    }
  }

  /** What is beyond its own threshold by how much, the most first. */
  private reasons(): DriftReason[] {
    const { isLost, keptRelative: kept, partThresholds: limits, reference } = this;
    const lostCount = isLost.reduce((sum, flag) => sum + flag, 0);
    const activeCount = reference.variance.filter((variance) => variance > 0).length;
    const explainsAll = this.keptIndex < this.threshold;
    const found: { reason: DriftReason; excess: number }[] = [
      { reason: 'lostChannels', excess: explainsAll ? Infinity : lostCount / activeCount / LOST_SHARE_CLEAR },
      { reason: 'rateChange', excess: Math.max(kept.rate / limits.rate, kept.spread / limits.spread) },
      { reason: 'tuningChange', excess: Math.max(kept.tuning / limits.tuning, kept.latent / limits.latent) },
    ];
    const clear = found.filter(({ reason, excess }) =>
      reason === 'lostChannels' ? lostCount > 0 && excess > 0 : excess > 1,
    );
    if (clear.length === 0) clear.push(found[found[1].excess > found[2].excess ? 1 : 2]); // the sum is over, and no part alone
    clear.sort((a, b) => b.excess - a.excess);
    return clear.map(({ reason }) => reason);
  }
}

function divideInto(result: DriftParts, parts: DriftParts, divisors: DriftParts): void {
  result.rate = parts.rate / divisors.rate;
  result.spread = parts.spread / divisors.spread;
  result.tuning = parts.tuning / divisors.tuning;
  result.latent = parts.latent / divisors.latent;
}
