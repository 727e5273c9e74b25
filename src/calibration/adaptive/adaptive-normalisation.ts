/**
 * Z-scores that follow the signal: z = (x - mean_t) scale_t, with a running mean and deviation per channel that start at
 * those of calibration and may move away from them only so far. A decoder behind it sees what it saw during calibration
 * although rates and gains have drifted. No labels are needed; what the person intends has to stay alike on average over
 * the time constant.
 */
import type { Normalisation } from '../../decoders/decoder.ts';
import { placeNumbers } from '../../decoders/shared/place-numbers.ts';
import type { Arena } from '../../kernels/arena.ts';
import { ArtefactGate } from './artefact-gate.ts';
import type { ArtefactOptions } from './artefact-gate.ts';

export interface AdaptiveNormalisationOptions {
  /** Default 60. */
  timeConstantS?: number;
  /** At the start calibration counts for as much as so many seconds of new data. Default 15. */
  priorS?: number;
  /** How far a mean may go from that of calibration, in deviations of calibration. Default 3. */
  meanShiftMax?: number;
  /** Deviations stay within the calibration's divided and multiplied by this. Default 4. */
  scaleRatioMax?: number;
  /** A deviation is not let below that of a Poisson count of this rate (or the calibration's, if that is less). Default 0.5. */
  rateFloorHz?: number;
  artefacts?: ArtefactOptions;
}

/** Places in the state after mean and variance. */
const EXTRA = { seenBins: 0, heldBins: 1, count: 2 } as const;

export class AdaptiveNormalisation {
  /**
   * All that changes, float32: mean[C], variance[C], bins seen, artefact bins in a row. Copy it out and in to save and load;
   * it never holds anything that is not finite.
   */
  readonly state: Float32Array;
  /** Whether the last bin that was learned from was left out of the statistics. */
  isHeld = false;
  private readonly mean: Float32Array;
  private readonly variance: Float32Array;
  /** The last part of `state`: all that changes where nothing may be adapted. */
  readonly extra: Float32Array;
  private readonly referenceMean: Float32Array;
  /** 0 for channels that are ignored. */
  private readonly referenceDeviation: Float32Array;
  private readonly deviationFloor: Float32Array;
  /** Of the bin under way: within its limits, and 0 for channels that are ignored. */
  private readonly deviation: Float64Array;
  private readonly gate: ArtefactGate;
  private readonly shareMin: number;
  private readonly priorBins: number;
  private readonly meanShiftMax: number;
  private readonly scaleRatioMax: number;

  /**
   * @param reference of calibration; copied
   * @param arena where its numbers lie
   */
  constructor(
    reference: Pick<Normalisation, 'featureMean' | 'featureScale'>,
    binMs: number,
    arena: Arena,
    options: AdaptiveNormalisationOptions = {},
  ) {
    const { featureMean, featureScale } = reference;
    const channelCount = featureMean.length;
    const floor = Math.sqrt(((options.rateFloorHz ?? 0.5) * binMs) / 1000);
    this.scaleRatioMax = options.scaleRatioMax ?? 4;
    this.meanShiftMax = options.meanShiftMax ?? 3;
    this.referenceMean = placeNumbers(arena, featureMean);
    this.referenceDeviation = placeNumbers(
      arena,
      featureScale.map((scale) => (scale > 0 ? 1 / scale : 0)),
    );
    this.deviationFloor = placeNumbers(
      arena,
      this.referenceDeviation.map((d) => Math.max(d / this.scaleRatioMax, Math.min(d, floor))),
    );
    const activeCount = Math.max(1, featureScale.filter((scale) => scale > 0).length);
    this.gate = new ArtefactGate(placeNumbers(arena, [activeCount]), binMs, options.artefacts);
    this.shareMin = 1 - Math.exp(-binMs / 1000 / (options.timeConstantS ?? 60));
    this.priorBins = ((options.priorS ?? 15) * 1000) / binMs;
    this.state = placeNumbers(arena, new Float32Array(2 * channelCount + EXTRA.count));
    this.mean = this.state.subarray(0, channelCount);
    this.variance = this.state.subarray(channelCount, 2 * channelCount);
    this.extra = this.state.subarray(2 * channelCount);
    this.deviation = new Float64Array(channelCount);
    this.reset();
  }

  reset(): void {
    this.mean.set(this.referenceMean);
    for (let c = 0; c < this.variance.length; c++) this.variance[c] = this.referenceDeviation[c] ** 2;
    this.extra.fill(0);
    this.isHeld = false;
  }

  /**
   * @param features [channelCount] raw; not kept
   * @param scores [channelCount] z, written; what is not finite stays so, and channels that are ignored give 0 times it
   */
  normalise(features: Float32Array, scores: Float32Array): void {
    const { mean, deviation } = this;
    this.updateDeviation();
    for (let c = 0; c < scores.length; c++) {
      // NaN has to show, of a channel that is ignored too.
      scores[c] = deviation[c] === 0 ? features[c] * 0 : (features[c] - mean[c]) / deviation[c];
    }
  }

  /** The z-scores of now as those of a model. */
  learned(): Pick<Normalisation, 'featureMean' | 'featureScale'> {
    this.updateDeviation();
    return {
      featureMean: this.mean.slice(),
      featureScale: Float32Array.from(this.deviation, (d) => (d === 0 ? 0 : 1 / d)),
    };
  }

  /**
   * Learns from one bin, unless it is an artefact. Allocates nothing.
   * @param scores what `normalise` made of the features
   */
  learn(features: Float32Array, scores: Float32Array): void {
    this.isHeld = this.gate.isHeld(scores, this.extra, EXTRA.heldBins);
    if (this.isHeld) return;
    const { mean, variance, extra, referenceMean, referenceDeviation, meanShiftMax } = this;
    const share = Math.max(this.shareMin, 1 / (this.priorBins + extra[EXTRA.seenBins] + 1));
    if (share > this.shareMin) extra[EXTRA.seenBins]++;
    for (let c = 0; c < mean.length; c++) {
      const reference = referenceDeviation[c];
      if (reference === 0) continue;
      // A single count may be as far off as it likes; the variance it brings is limited.
      const limit = reference * this.scaleRatioMax * 4;
      const surprise = Math.max(-limit, Math.min(limit, features[c] - mean[c]));
      const reach = meanShiftMax * reference;
      const low = referenceMean[c] - reach;
      mean[c] = Math.max(low, Math.min(low + 2 * reach, mean[c] + share * surprise));
      variance[c] = (1 - share) * (variance[c] + share * surprise * surprise);
    }
  }

  private updateDeviation(): void {
    const { deviation, variance, referenceDeviation, deviationFloor, scaleRatioMax } = this;
    for (let c = 0; c < deviation.length; c++) {
      const highest = referenceDeviation[c] * scaleRatioMax;
      deviation[c] = Math.max(deviationFloor[c], Math.min(highest, Math.sqrt(variance[c])));
    }
  }
}
