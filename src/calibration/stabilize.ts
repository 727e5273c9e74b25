/**
 * Alignment of a new day's counts to the day of calibration, without labels: Degenhart, Bishop et al. 2020,
 * "Stabilization of a brain-computer interface via the alignment of low-dimensional spaces of neural activity", Nat Biomed
 * Eng 4:672-685 (Methods, "Manifold-based stabilizer").
 *
 * Factor analysis of the new counts finds the same latents but for a rotation, as long as what the channels share stays the
 * same. The rotation is found from the loadings of channels that stayed as they were: those that fit worst are left out one
 * by one, the rest are brought onto the reference by orthogonal Procrustes. They are left out of the alignment only: a
 * channel that changed still tells of the latents, through the loadings that it has now.
 *
 * It differs from the authors' in four things. Factors are fitted to a tolerance per bin, and the floor of private variances is
 * a share of each channel's variance (theirs is one number for all), so that both suit counts of any bin width. Factors are those
 * of counts averaged over about 60 ms: what channels share is slow, and in a bin of 20 ms hardly to be seen beside the noise of single
 * spikes. And loadings are compared in units of each channel's noise, in which all are known equally well: in counts, the
 * channels that fire most would decide alone.
 */
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording, Segment } from '../core/recording.ts';
import { factorAnalysisSteps, latentProjection } from './factor-analysis.ts';
import type { FactorModel } from './factor-analysis.ts';
import { orthogonalProcrustes, rotateRows } from './procrustes.ts';
import type { BinRange } from './splits.ts';
import { clipSegments } from './training-windows.ts';
import { secondMoments } from './second-moments.ts';
import type { SecondMoments } from './second-moments.ts';
import { inOneGo } from './steps.ts';
import type { Steps } from './steps.ts';
import { windowMeans } from './window-means.ts';

/** What is kept of the day of calibration: the space that its latents live in. */
export interface StabilizerReference {
  channelLabels: readonly string[];
  /** Of raw counts (smoothed if the decoder smooths). */
  factors: FactorModel;
}

interface ReferenceOptions {
  latentCount?: number;
  seed?: number;
}

export interface StabilizeOptions {
  /** Of the starts of factor analysis. */
  seed?: number;
  /** Share of the reference's channels that the alignment keeps: 60 of 75 in the paper. */
  stableShare?: number;
}

/** Counts of one day. */
export interface UnlabelledCounts {
  /** [bins x channelLabels.length] */
  counts: Float32Array;
  channelLabels: readonly string[];
  binMs: number;
  segments: readonly Segment[];
}

export interface DroppedChannel {
  label: string;
  /** 'silent': it tells nothing of the latents on one of the days; 'unstable': its loadings changed. */
  reason: 'silent' | 'unstable';
}

export interface Stabilization {
  /** Of the new day, in the reference's space. */
  factors: FactorModel;
  /** Left out of the alignment, in the order of the channels. */
  dropped: readonly DroppedChannel[];
  /** Distance of the kept channels' loadings from the reference's, in units of their noise, as a share of the latter. */
  misfit: number;
}

export const DEFAULT_LATENT_COUNT = 10;
/** What latents are found in is averaged over about this long: docs/stabilization.md says what decided. */
const WINDOW_MS = 60;
/** Loadings shorter than this tell nothing: the paper's ALIGN_TH, 0.01 counts in bins of 45 ms. */
const LOADING_MIN_PER_S = 0.22;
const STABLE_SHARE = 0.8;
/** A covariance of fewer rows than channels is singular; twice as many is the least that factors can be found in. */
const ROWS_PER_CHANNEL_MIN = 2;

/**
 * @throws BetzError CAL_STABILIZE_TOO_SHORT, CAL_STABILIZE_NOT_FINITE, CAL_STABILIZE_LATENTS, CAL_FEATURES_CONSTANT
 */
export function fitReference(day: UnlabelledCounts, options?: ReferenceOptions): StabilizerReference {
  return inOneGo(referenceSteps(day, options));
}

/** The same in steps of a part of a second. */
export function* referenceSteps(
  day: UnlabelledCounts,
  { latentCount = DEFAULT_LATENT_COUNT, seed = 1 }: ReferenceOptions = {},
): Steps<StabilizerReference> {
  const moments = momentsOf(day, latentCount);
  const factors = yield* factorAnalysisSteps(moments, { latentCount, seed });
  return { channelLabels: day.channelLabels, factors };
}

/** A part of a recording without what was meant. */
export function unlabelledCounts(
  { features, channels, binMs, binCount, segments }: BinnedRecording,
  { startBin, endBin }: BinRange = { startBin: 0, endBin: binCount },
): UnlabelledCounts {
  const channelLabels = channels.map(({ label }) => label);
  return {
    counts: features.subarray(startBin * channelLabels.length, endBin * channelLabels.length),
    channelLabels,
    binMs,
    segments: clipSegments(segments, { startBin, endBin }).map((segment) => ({
      startBin: segment.startBin - startBin,
      endBin: segment.endBin - startBin,
    })),
  };
}

/**
 * @throws BetzError CAL_STABILIZE_CHANNELS, CAL_STABILIZE_TOO_SHORT, CAL_STABILIZE_NOT_FINITE, CAL_STABILIZE_LATENTS,
 *   CAL_FEATURES_CONSTANT
 */
export function stabilize(
  reference: StabilizerReference,
  day: UnlabelledCounts,
  options?: StabilizeOptions,
): Stabilization {
  return inOneGo(stabilizeSteps(reference, day, options));
}

/** The same in steps of a part of a second. */
export function* stabilizeSteps(
  reference: StabilizerReference,
  day: UnlabelledCounts,
  { seed = 1, stableShare = STABLE_SHARE }: StabilizeOptions = {},
): Steps<Stabilization> {
  const { channelLabels, binMs } = day;
  expectSameChannels(reference.channelLabels, channelLabels);
  const { latentCount } = reference.factors;
  const moments = momentsOf(day, latentCount);
  const fitted = yield* factorAnalysisSteps(moments, { latentCount, seed });
  const loadingMin = (LOADING_MIN_PER_S * binMs) / 1000;
  const { isLoaded, kept, rotation, misfit } = align(fitted, reference.factors, loadingMin, stableShare);
  const dropped = channelLabels.flatMap((label, channel): DroppedChannel[] => {
    if (kept.has(channel)) return [];
    return [{ label, reason: isLoaded[channel] ? 'unstable' : 'silent' }];
  });
  const { means, privateVariances } = fitted;
  const loadings = rotateRows(fitted.loadings, rotation, latentCount);
  return { factors: { latentCount, means, privateVariances, loadings }, dropped, misfit };
}

/** @returns [bins x latentCount]: beta (y - d) of each bin. @param counts [bins x channels] */
export function latentsOf(factors: FactorModel, counts: Float32Array): Float32Array {
  const { latentCount, means } = factors;
  const channelCount = means.length;
  const beta = latentProjection(factors);
  const binCount = counts.length / channelCount;
  const latents = new Float32Array(binCount * latentCount);
  for (let bin = 0; bin < binCount; bin++) {
    for (let l = 0; l < latentCount; l++) {
      let sum = 0;
      for (let i = 0; i < channelCount; i++)
        sum += beta[l * channelCount + i] * (counts[bin * channelCount + i] - means[i]);
      latents[bin * latentCount + l] = sum;
    }
  }
  return latents;
}

interface Alignment {
  /** Per channel: its loadings are long enough on both days. */
  isLoaded: boolean[];
  /** Channels that the rotation was found from. */
  kept: Set<number>;
  rotation: Float64Array;
  misfit: number;
}

function align(
  fitted: FactorModel,
  reference: FactorModel,
  loadingMin: number,
  stableShare: number,
): Alignment {
  const { latentCount: k, privateVariances } = reference;
  const rowOf = ({ loadings }: FactorModel, i: number): Float64Array => loadings.subarray(i * k, (i + 1) * k);
  const isLong = (model: FactorModel, i: number): boolean => Math.hypot(...rowOf(model, i)) >= loadingMin;
  const channels = Array.from(reference.means.keys());
  const isLoaded = channels.map((i) => isLong(fitted, i) && isLong(reference, i));
  const kept = new Set(channels.filter((i) => isLoaded[i]));
  // A rotation of k latents needs k directions; twice as many rows are not fitted exactly by any rotation.
  expectLatents(k, kept.size);
  const longInReference = channels.filter((i) => isLong(reference, i)).length;
  const keptCount = Math.min(kept.size, Math.max(2 * k, Math.round(stableShare * longInReference)));
  for (;;) {
    const rows = [...kept];
    const gather = (model: FactorModel): Float64Array =>
      Float64Array.from(
        rows.flatMap((i) => Array.from(rowOf(model, i), (c) => c / Math.sqrt(privateVariances[i]))),
      );
    const target = gather(reference);
    const rotation = orthogonalProcrustes(gather(fitted), target, k);
    const rotated = rotateRows(gather(fitted), rotation, k);
    const distances = rows.map((_, r) => {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += (target[r * k + l] - rotated[r * k + l]) ** 2;
      return sum;
    });
    if (kept.size <= keptCount) {
      const total = distances.reduce((a, b) => a + b, 0);
      const length = target.reduce((sum, value) => sum + value * value, 0);
      return { isLoaded, kept, rotation, misfit: Math.sqrt(total / length) };
    }
    kept.delete(rows[distances.indexOf(Math.max(...distances))]);
  }
}

function momentsOf(
  { counts, channelLabels, binMs, segments }: UnlabelledCounts,
  latentCount: number,
): SecondMoments {
  const channelCount = channelLabels.length;
  const bad = counts.findIndex((count) => !Number.isFinite(count));
  if (bad >= 0) {
    const place = `bin ${Math.floor(bad / channelCount)} of channel ${bad % channelCount} = ${counts[bad]}`;
    throw new BetzError('CAL_STABILIZE_NOT_FINITE', `a count is not finite: ${place}`, {
      value: place,
      tip: 'Leave out bins that hold such counts.',
    });
  }
  const windowBins = Math.max(1, Math.round(WINDOW_MS / binMs));
  const rows = windowMeans(counts, channelCount, segments, windowBins);
  const rowCount = rows.length / channelCount;
  if (!(rowCount >= ROWS_PER_CHANNEL_MIN * channelCount)) {
    throw new BetzError(
      'CAL_STABILIZE_TOO_SHORT',
      `${rowCount} windows of ${windowBins} bins are too few to find the latents of ${channelCount} channels`,
      {
        value: rowCount,
        tip: `Collect at least ${ROWS_PER_CHANNEL_MIN * channelCount} bins; a minute or two is usual.`,
      },
    );
  }
  const moments = secondMoments(rows, channelCount);
  const varying = moments.means.filter((_, i) => moments.covariance[i * (channelCount + 1)] > 0).length;
  if (varying === 0) {
    throw new BetzError('CAL_FEATURES_CONSTANT', 'no channel varies in the counts to align', {
      value: `${channelCount} channels, ${rowCount} windows`,
      tip: 'Check the electrode connections and the spike thresholds, then record again.',
    });
  }
  expectLatents(latentCount, varying);
  return moments;
}

function expectLatents(latentCount: number, channelCount: number): void {
  if (latentCount <= channelCount) return;
  throw new BetzError(
    'CAL_STABILIZE_LATENTS',
    `${latentCount} latents cannot be found from ${channelCount} channels that tell of them`,
    {
      value: latentCount,
      tip: 'Check for channels that fell silent; ask for fewer latents, or calibrate with labels instead.',
    },
  );
}

function expectSameChannels(expected: readonly string[], found: readonly string[]): void {
  const differing = expected.findIndex((label, i) => found[i] !== label);
  if (expected.length === found.length && differing < 0) return;
  const at = differing < 0 ? expected.length : differing;
  throw new BetzError(
    'CAL_STABILIZE_CHANNELS',
    `the reference has ${expected.length} channels and the new counts ${found.length}; ` +
      `channel ${at} is '${expected[at] ?? 'none'}' there and '${found[at] ?? 'none'}' here`,
    {
      value: found[at] ?? found.length,
      tip: 'Use a recording of the same array, channels in the same order.',
    },
  );
}
