/**
 * A read-in that adapts while it is used, without labels: rows by a soft Hebbian rule, and a modulator (scale and shift per
 * latent) by gradient on the difference between the latents' running mean and variance and those of calibration.
 * After Tang et al. 2023 (arXiv 2303.00914), changed for regression: see hebbian-rule.ts and latent-alignment.ts.
 *
 *   u = W z + b,  v = scale u + shift;   W = lengths x unit rows; the lengths stay as they were calibrated.
 *
 * It can only do so much harm: small steps, rows within a ball around the calibrated ones, nothing learned from bins that are
 * held, and a rollback to an anchor (a slow average of the rows) when the latents have come to lie further from those of
 * calibration than the calibrated read-in would put them; a second one soon after goes back to the calibrated rows and
 * a modulator that does nothing. Then the rows rest for a while. O(R C + R^2) per bin, and nothing is allocated.
 */
import type { ReadIn, ReadInStatistics } from '../../decoders/decoder.ts';
import { placeNumbers } from '../../decoders/shared/place-numbers.ts';
import type { Arena } from '../../kernels/arena.ts';
import { compete, hebbianStep, projectOntoBall } from './hebbian-rule.ts';
import { alignmentDistance, updateMoments } from './latent-alignment.ts';
import type { LatentMoments } from './latent-alignment.ts';
import { COMPETITION_BETA, mapRows, scoreSmoothing, unitRows } from './read-in-statistics.ts';

export interface HebbianOptions {
  /** Step of the rule per bin. Default 2e-3. */
  eta?: number;
  /** Pull back to the calibrated rows, see hebbian-rule.ts. Default 1. */
  pull?: number;
  /** Largest ||W - W0|| as a share of ||W0||, over unit rows. Default 0.3. */
  distanceMax?: number;
  /** Time constant of the latents' moments. Default 30. */
  windowS?: number;
  /** Time constant of the modulator's steps; 0 leaves the modulator alone. Default 30. */
  modulatorS?: number;
  /** Time constant of the anchor. Default 300. */
  anchorS?: number;
  /** Rolls back when the alignment distance is beyond that of the calibrated read-in times this, plus 0.05. Default 1.2. */
  worseFactor?: number;
  /** Default 30. */
  coolDownS?: number;
}

const WORSE_MARGIN = 0.05;
const SCALE_MAX = 2;
/** In deviations of the latent. */
const SHIFT_MAX = 2;
const EXTRA = { restingBins: 0, sinceRollbackBins: 1, adaptedBins: 2, count: 3 } as const;
/** Once in so many bins of adaptation the latents are compared with those of the calibrated read-in. */
const CHECK_BINS = 32;

export class HebbianReadIn {
  /** All that changes, float32 and always finite: copy it out and in to save and load. */
  readonly state: Float32Array;
  readonly latentCount: number;
  /** Moments of the latents in calibration. */
  private readonly reference: { mean: Float32Array; covariance: Float32Array };
  private readonly binsPerS: number;
  private readonly smoothing: number;
  private readonly bias: Float32Array;
  private readonly lengths: Float32Array;
  private readonly calibrated: Float32Array;
  private readonly rest: Float32Array;
  /** One number. */
  private readonly radius: Float32Array;
  private readonly options: Required<HebbianOptions>;
  private readonly shares: { window: number; modulator: number; anchor: number };
  /** Views of the state. */
  private readonly rows: Float32Array;
  private readonly anchor: Float32Array;
  private readonly scale: Float32Array;
  private readonly shift: Float32Array;
  private readonly smoothed: Float32Array;
  private readonly mean: Float32Array;
  private readonly covariance: Float32Array;
  private readonly calibratedMean: Float32Array;
  private readonly calibratedCovariance: Float32Array;
  private readonly extra: Float32Array;
  /** Of the bin under way. */
  private readonly units: Float32Array;
  private readonly wins: Float32Array;
  private readonly plain: Float32Array;
  private readonly modulatedMoments: { mean: Float64Array; covariance: Float64Array };
  private readonly calibratedMoments: LatentMoments;

  /**
   * @param readIn as calibrated; copied
   * @param statistics of calibration; copied
   * @param arena where its numbers lie
   */
  constructor(
    readIn: ReadIn,
    statistics: ReadInStatistics,
    binMs: number,
    arena: Arena,
    options: HebbianOptions = {},
  ) {
    const [latentCount, channelCount] = readIn.weight.shape;
    const { rows, lengths } = unitRows(readIn.weight.data, latentCount);
    this.latentCount = latentCount;
    this.reference = {
      mean: placeNumbers(arena, statistics.latentMean),
      covariance: placeNumbers(arena, statistics.latentCovariance.data),
    };
    this.binsPerS = 1000 / binMs;
    this.smoothing = scoreSmoothing(binMs);
    this.bias = placeNumbers(arena, readIn.bias.data);
    this.lengths = placeNumbers(arena, lengths);
    this.calibrated = placeNumbers(arena, rows);
    this.rest = placeNumbers(arena, statistics.rest.data);
    this.options = {
      eta: 2e-3,
      pull: 1,
      distanceMax: 0.3,
      windowS: 30,
      modulatorS: 30,
      anchorS: 300,
      worseFactor: 1.2,
      coolDownS: 30,
      ...options,
    };
    const length = Math.sqrt(rows.reduce((sum, w) => sum + w * w, 0));
    this.radius = placeNumbers(arena, [this.options.distanceMax * length]);
    const share = (seconds: number): number => (seconds > 0 ? 1 - Math.exp(-binMs / 1000 / seconds) : 0);
    this.shares = {
      window: share(this.options.windowS),
      modulator: share(this.options.modulatorS),
      anchor: share(this.options.anchorS),
    };
    const square = latentCount * latentCount;
    this.state = placeNumbers(
      arena,
      new Float32Array(2 * rows.length + channelCount + 4 * latentCount + 2 * square + EXTRA.count),
    );
    let at = 0;
    const take = (length: number): Float32Array => this.state.subarray(at, (at += length));
    this.rows = take(rows.length);
    this.anchor = take(rows.length);
    this.smoothed = take(channelCount);
    this.scale = take(latentCount);
    this.shift = take(latentCount);
    this.mean = take(latentCount);
    this.calibratedMean = take(latentCount);
    this.covariance = take(square);
    this.calibratedCovariance = take(square);
    this.extra = take(EXTRA.count);
    this.units = new Float32Array(latentCount);
    this.wins = new Float32Array(latentCount);
    this.plain = new Float32Array(latentCount);
    this.modulatedMoments = { mean: new Float64Array(latentCount), covariance: new Float64Array(square) };
    this.calibratedMoments = { mean: this.calibratedMean, covariance: this.calibratedCovariance };
    this.reset();
  }

  reset(): void {
    const { reference } = this;
    this.rows.set(this.calibrated);
    this.anchor.set(this.calibrated);
    this.smoothed.fill(0);
    this.scale.fill(1);
    this.shift.fill(0);
    this.mean.set(reference.mean);
    this.calibratedMean.set(reference.mean);
    this.covariance.set(reference.covariance);
    this.calibratedCovariance.set(reference.covariance);
    this.extra.fill(0);
    this.extra[EXTRA.sinceRollbackBins] = FAR_BINS;
  }

  /**
   * The latents of one bin.
   * @param scores [channelCount] z; not kept
   * @param latents [latentCount] v, written
   */
  apply(scores: Float32Array, latents: Float32Array): void {
    const { units, lengths, bias, scale, shift } = this;
    mapRows(this.rows, scores, units);
    for (let k = 0; k < latents.length; k++) {
      units[k] = lengths[k] * units[k] + bias[k];
      latents[k] = scale[k] * units[k] + shift[k];
    }
  }

  /**
   * A step of adaptation to the bin of the last `apply`, unless `isHeld` or something in it is not finite.
   * @returns whether it went back
   */
  learn(scores: Float32Array, isHeld: boolean): boolean {
    const { units } = this;
    let probe = 0;
    for (let k = 0; k < units.length; k++) probe += units[k] * 0;
    if (isHeld || probe !== 0) return false;
    this.observe(scores);
    this.extra[EXTRA.sinceRollbackBins] = Math.min(FAR_BINS, this.extra[EXTRA.sinceRollbackBins] + 1);
    this.modulate();
    if (this.extra[EXTRA.restingBins] > 0) {
      this.extra[EXTRA.restingBins]--;
      return false;
    }
    this.adapt();
    this.extra[EXTRA.adaptedBins] = (this.extra[EXTRA.adaptedBins] + 1) % CHECK_BINS;
    if (this.extra[EXTRA.adaptedBins] !== 0) return false;
    if (this.distance() <= this.options.worseFactor * this.calibratedDistance() + WORSE_MARGIN) return false;
    this.rollBack();
    return true;
  }

  /**
   * The read-in of now, with the average of the rule's step that makes it the rest point on the signal to which the rows have come to
   * rest: there that average is h + pull (w - w0).
   */
  learned(): { readIn: ReadIn; rest: ReadInStatistics['rest'] } {
    const { rows, calibrated, rest, lengths, bias, scale, shift, latentCount, options } = this;
    const shape = [latentCount, rows.length / latentCount];
    const factors = scale.map((factor, k) => factor * lengths[k]);
    return {
      readIn: {
        weight: { shape, data: rows.map((w, i) => factors[Math.floor(i / shape[1])] * w) },
        bias: { shape: [latentCount], data: bias.map((b, k) => scale[k] * b + shift[k]) },
      },
      rest: { shape, data: rest.map((h, i) => h + options.pull * (rows[i] - calibrated[i])) },
    };
  }

  /** Of the latents as they are given out. */
  distance(): number {
    const { mean, covariance, scale, shift, modulatedMoments: modulated } = this;
    const size = this.latentCount;
    for (let k = 0; k < size; k++) {
      modulated.mean[k] = scale[k] * mean[k] + shift[k];
      for (let l = 0; l < size; l++) {
        modulated.covariance[k * size + l] = scale[k] * scale[l] * covariance[k * size + l];
      }
    }
    return alignmentDistance(this.reference, modulated);
  }

  /** Of what the calibrated read-in would give for the same bins. */
  calibratedDistance(): number {
    return alignmentDistance(this.reference, this.calibratedMoments);
  }

  /** ||W - W0|| / ||W0|| over unit rows. */
  rowDistance(): number {
    let squares = 0;
    for (let i = 0; i < this.rows.length; i++) squares += (this.rows[i] - this.calibrated[i]) ** 2;
    return (Math.sqrt(squares) * this.options.distanceMax) / this.radius[0];
  }

  private observe(scores: Float32Array): void {
    const { smoothed, units, plain, lengths, bias, shares, smoothing } = this;
    for (let c = 0; c < smoothed.length; c++) {
      smoothed[c] = smoothing * smoothed[c] + (1 - smoothing) * scores[c];
    }
    updateMoments(this.mean, this.covariance, units, shares);
    mapRows(this.calibrated, scores, plain);
    for (let k = 0; k < plain.length; k++) plain[k] = lengths[k] * plain[k] + bias[k];
    updateMoments(this.calibratedMean, this.calibratedCovariance, plain, shares);
  }

  private adapt(): void {
    const { rows, anchor, smoothed, units, wins, options, shares } = this;
    mapRows(rows, smoothed, units);
    compete(wins, units, COMPETITION_BETA);
    hebbianStep(rows, this.rest, this.calibrated, smoothed, units, wins, options);
    projectOntoBall(rows, this.calibrated, this.radius);
    for (let i = 0; i < rows.length; i++) anchor[i] += shares.anchor * (rows[i] - anchor[i]);
  }

  /** Gradient steps on half the squared differences of mean (in deviations) and of log deviation. */
  private modulate(): void {
    const { scale, shift, mean, covariance, reference, shares } = this;
    const size = this.latentCount;
    for (let k = 0; k < size; k++) {
      const wanted = reference.covariance[k * size + k];
      const found = scale[k] * scale[k] * covariance[k * size + k];
      if (!(wanted > 0 && found > 0)) continue;
      const logStep = shares.modulator * 0.5 * Math.log(found / wanted);
      scale[k] = Math.max(1 / SCALE_MAX, Math.min(SCALE_MAX, scale[k] * Math.exp(-logStep)));
      const meanStep = shares.modulator * (scale[k] * mean[k] + shift[k] - reference.mean[k]);
      const reach = SHIFT_MAX * Math.sqrt(wanted);
      shift[k] = Math.max(-reach, Math.min(reach, shift[k] - meanStep));
    }
  }

  private rollBack(): void {
    const { rows, anchor, calibrated, extra, options, binsPerS } = this;
    const isSoonAfter = extra[EXTRA.sinceRollbackBins] < options.anchorS * binsPerS;
    rows.set(isSoonAfter ? calibrated : anchor);
    anchor.set(rows);
    if (isSoonAfter) {
      this.scale.fill(1);
      this.shift.fill(0);
    }
    // What the rolled-back rows give is not known yet: begin with what the calibrated ones gave.
    this.mean.set(this.calibratedMean);
    this.covariance.set(this.calibratedCovariance);
    extra[EXTRA.restingBins] = Math.round(options.coolDownS * binsPerS);
    extra[EXTRA.sinceRollbackBins] = 0;
  }
}

/** "Long ago", finite because the state is. */
const FAR_BINS = 1e9;
