/** Calibration data in blocks of time: the statistics of each, and how each differs from the others. */
import type { DriftPart, DriftParts } from '../../decoders/drift-reference.ts';
import { ChannelStatistics } from './channel-statistics.ts';
import { DriftDistance, latentDistance, logVarianceRatio } from './drift-distance.ts';
import type { DriftCentre } from './drift-distance.ts';
import type { LatentMap } from './latent-map.ts';
import { LatentStatistics } from './latent-statistics.ts';
import type { Whitening } from './latent-statistics.ts';
import { choleskyInto } from './small-cholesky.ts';

/** Per-channel spreads are drawn towards what is pooled over channels by as much as so many blocks would. */
const POOLED_BLOCKS = 4;
/** Where blocks do not differ at all: what divides stays above 0, as float32 too. */
const SPREAD_SQUARE_MIN = 1e-30;

/** What blocks differ by. Lists as in DriftCentre. */
export interface BlockSpreads {
  meanSpread: Float32Array;
  logVarianceSpread: Float32Array;
  loadings: Float32Array;
  loadingSpread: Float32Array;
  typical: DriftParts;
  blockMax: DriftParts & { index: number };
}

export class CalibrationBlocks {
  readonly count: number;
  private readonly features: Float32Array;
  private readonly channelCount: number;
  /** Indices of the bins that are used, in time order. */
  private readonly bins: Int32Array;
  private readonly blockBins: number;
  private readonly channels: readonly ChannelStatistics[];

  /** @param blockBins at most a quarter of `bins` */
  constructor(features: Float32Array, channelCount: number, bins: Int32Array, blockBins: number) {
    this.features = features;
    this.channelCount = channelCount;
    this.bins = bins;
    this.blockBins = Math.floor(blockBins);
    this.count = Math.floor(bins.length / this.blockBins);
    this.channels = Array.from({ length: this.count }, (_, block) =>
      this.channelStatistics(this.binsOf(block)),
    );
  }

  /** Over all bins. */
  whole(): ChannelStatistics {
    return this.channelStatistics(this.bins);
  }

  /** Longest stretch of bins in which a channel did not change. [channelCount] */
  longestStill(): Float32Array {
    const statistics = new ChannelStatistics(this.channelCount);
    statistics.share[0] = 1;
    const longest = new Float32Array(this.channelCount);
    for (const bin of this.bins) {
      statistics.update(this.features, bin * this.channelCount);
      for (let c = 0; c < longest.length; c++) longest[c] = Math.max(longest[c], statistics.stillBins[c]);
    }
    return longest;
  }

  /** [bins x channelCount] */
  smoothedScores(mean: Float64Array, scale: Float64Array, smoothing: number): Float64Array {
    const { channelCount } = this;
    const scores = new Float64Array(this.bins.length * channelCount);
    const level = new Float64Array(channelCount);
    this.bins.forEach((bin, row) => {
      for (let c = 0; c < channelCount; c++) {
        const z = (this.features[bin * channelCount + c] - mean[c]) * scale[c];
        level[c] = smoothing * level[c] + (1 - smoothing) * z;
        scores[row * channelCount + c] = level[c];
      }
    });
    return scores;
  }

  /** That of the mean block: each block's z-scores are made with its own statistics, as those of a running window are. */
  whitening(map: LatentMap, smoothing: number): { mean: Float32Array; root: Float32Array } {
    const size = map.latentCount;
    const plain: Whitening = {
      mean: new Float64Array(size),
      root: Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)),
    };
    const distance = new DriftDistance(this.channelCount, size);
    const mean = new Float64Array(size);
    const covariance = new Float64Array(size * size);
    for (let block = 0; block < this.count; block++) {
      const latents = this.latentStatistics(block, map, smoothing, plain);
      distance.regress(latents);
      for (let r = 0; r < size; r++) mean[r] += latents.mean[r] / this.count;
      for (let i = 0; i < covariance.length; i++) covariance[i] += distance.covariance[i] / this.count;
    }
    const root = new Float64Array(size * size);
    choleskyInto(root, covariance, size);
    return { mean: Float32Array.from(mean), root: Float32Array.from(root) };
  }

  /** Each block against the mean of the others. @param variance [channelCount] of the whole; 0 leaves a channel out */
  compare(map: LatentMap, smoothing: number, whitening: Whitening, variance: Float64Array): BlockSpreads {
    const { count, channelCount, channels } = this;
    const size = map.latentCount;
    const latents = channels.map((_, block) => this.latentStatistics(block, map, smoothing, whitening));
    const regressions = latents.map((statistics) => {
      const distance = new DriftDistance(channelCount, size);
      distance.regress(statistics);
      return distance;
    });
    const logVariances = channels.map(({ variance: own }) =>
      own.map((v, c) => logVarianceRatio(v, variance[c])),
    );
    const lists = {
      mean: channels.map(({ mean }) => mean),
      logVariance: logVariances,
      loadings: regressions.map(({ loadings }) => loadings),
      latentMean: latents.map(({ mean }) => mean),
      covariance: regressions.map(({ covariance }) => covariance),
    };
    const active = variance.map((v) => (v > 0 ? 1 : 0));
    const meanSpread = pooledSpread(deviationSquares(lists.mean), variance, active, count);
    const logVarianceSpread = pooledSpread(deviationSquares(lists.logVariance), active, active, count);
    const loadingSquares = deviationSquares(lists.loadings);
    const perChannel = active.map((_, c) => meanOf(loadingSquares.subarray(c * size, (c + 1) * size)));
    const loadingSpread = pooledSpread(perChannel, active, active, count);
    // From here on each block is measured as the monitor will measure a window, against the mean of the others.
    const parts = channels.map((_, block): DriftParts => {
      const centre: DriftCentre = {
        mean: othersMean(lists.mean, block),
        meanSpread,
        variance: othersMean(
          channels.map(({ variance: own }) => own),
          block,
        ).map((v, c) => v * active[c]),
        logVarianceSpread,
        loadings: othersMean(lists.loadings, block),
        loadingSpread,
      };
      const distance = new DriftDistance(channelCount, size);
      distance.measure(centre, channels[block], latents[block], new Uint8Array(channelCount));
      const meanGap = minus(lists.latentMean[block], othersMean(lists.latentMean, block));
      const covarianceGap = minus(lists.covariance[block], othersMean(lists.covariance, block));
      for (let r = 0; r < size; r++) covarianceGap[r * size + r] += 1;
      return { ...distance.all, latent: latentDistance(covarianceGap, meanGap) };
    });
    const typical = eachPart((part) => meanOf(parts.map((values) => values[part])) || 1);
    const relative = parts.map((values) => eachPart((part) => values[part] / typical[part]));
    return {
      meanSpread: Float32Array.from(meanSpread),
      logVarianceSpread: Float32Array.from(logVarianceSpread),
      loadings: Float32Array.from(meanVector(lists.loadings)),
      loadingSpread: Float32Array.from(loadingSpread),
      typical,
      blockMax: {
        ...eachPart((part) => Math.max(...relative.map((values) => values[part]))),
        index: Math.max(...relative.map(driftIndexOf)),
      },
    };
  }

  private binsOf(block: number): Int32Array {
    return this.bins.subarray(block * this.blockBins, (block + 1) * this.blockBins);
  }

  private channelStatistics(bins: Int32Array): ChannelStatistics {
    const statistics = new ChannelStatistics(this.channelCount);
    bins.forEach((bin, i) => {
      statistics.share[0] = 1 / (i + 1);
      statistics.update(this.features, bin * this.channelCount);
    });
    return statistics;
  }

  private latentStatistics(
    block: number,
    map: LatentMap,
    smoothing: number,
    whitening: Whitening,
  ): LatentStatistics {
    const { mean, variance } = this.channels[block];
    const scale = variance.map((v) => (v > 0 ? 1 / Math.sqrt(v) : 0));
    const statistics = new LatentStatistics(this.channelCount, map, whitening, smoothing);
    this.binsOf(block).forEach((bin, i) => {
      statistics.share[0] = 1 / (i + 1);
      statistics.update(this.features, bin * this.channelCount, mean, scale);
    });
    return statistics;
  }
}

/**
 * What a part's excess over 1 adds to the index. Chosen on the simulated array (seeds 1 and 2) so that parts count about as
 * much as they cost a decoder: rates can move by many times what they do within a day before decoding suffers, tuning cannot.
 */
const PART_WEIGHT: DriftParts = { rate: 0.15, spread: 0.05, tuning: 1, latent: 0.4 };

/** The index: 1 where every part differs as calibration blocks do on average; never negative. */
export function driftIndexOf(relative: DriftParts): number {
  const excess =
    PART_WEIGHT.rate * (relative.rate - 1) +
    PART_WEIGHT.spread * (relative.spread - 1) +
    PART_WEIGHT.tuning * (relative.tuning - 1) +
    PART_WEIGHT.latent * (relative.latent - 1);
  return Math.max(0, 1 + excess);
}

function eachPart(value: (part: DriftPart) => number): DriftParts {
  return { rate: value('rate'), spread: value('spread'), tuning: value('tuning'), latent: value('latent') };
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

function meanVector(vectors: readonly Float64Array[]): Float64Array {
  return vectors[0].map((_, i) => meanOf(vectors.map((vector) => vector[i])));
}

function othersMean(vectors: readonly Float64Array[], index: number): Float64Array {
  return meanVector(vectors.filter((_, i) => i !== index));
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - b[i]);
}

/** Mean square, over vectors, of a vector's difference from the mean of the others: K / (K - 1) of that from the mean of all. */
function deviationSquares(vectors: readonly Float64Array[]): Float64Array {
  const mean = meanVector(vectors);
  const factor = vectors.length / (vectors.length - 1);
  return mean.map((m, i) => meanOf(vectors.map((vector) => ((vector[i] - m) * factor) ** 2)));
}

/**
 * Spreads from few blocks are uncertain: each is drawn towards the one that the channel's natural scale leads to expect,
 * the pooled ratio times that scale.
 * @param natural a variance that the squares are in proportion to over channels
 * @returns standard deviations; 1 for channels that are left out
 */
function pooledSpread(
  squares: Float64Array,
  natural: Float64Array,
  active: Float64Array,
  blockCount: number,
): Float64Array {
  let ratioSum = 0;
  let activeCount = 0;
  squares.forEach((square, c) => {
    if (active[c] === 0) return;
    ratioSum += square / natural[c];
    activeCount++;
  });
  const pooled = ratioSum / activeCount || SPREAD_SQUARE_MIN;
  return squares.map((square, c) =>
    active[c] === 0
      ? 1
      : Math.sqrt(
          (POOLED_BLOCKS * pooled * natural[c] + (blockCount - 1) * square) /
            (POOLED_BLOCKS + blockCount - 1),
        ),
  );
}
