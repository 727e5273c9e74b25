/**
 * The reference that drift is measured from: statistics of calibration data, and what blocks of that data differ by among
 * themselves.
 *
 * The data are cut into blocks of twice the window: an exponentially weighted average over a window of w seconds varies as
 * much as a plain average over 2 w. Each block is compared with the others (leave one out), since a block would look too
 * near to an average that it is part of.
 */
import { BetzError } from '../../core/errors.ts';
import type { DriftReference } from '../../decoders/drift-reference.ts';
import { CalibrationBlocks } from './calibration-blocks.ts';
import { linearLatents, principalDirections } from './latent-map.ts';
import type { LatentMap } from './latent-map.ts';

export interface DriftReferenceOptions {
  /** Long enough for movement to average out. Default 30; shortened where the data are short of four blocks. */
  windowS?: number;
  /** Time constant of the smoothing before the latents. Default 150. */
  smoothingMs?: number;
  /** Default: `latentCount` principal directions of the smoothed z-scores. */
  latents?: LatentMap;
  /** Default 4. */
  latentCount?: number;
}

const BLOCK_COUNT_MIN = 4;
/** Movements of a second or two have to average out within a block. */
const BLOCK_S_MIN = 5;
/** What a reference takes at least. */
export const DRIFT_REFERENCE_S_MIN = BLOCK_COUNT_MIN * BLOCK_S_MIN;

/**
 * @param features [binCount x channelCount] of calibration, raw as the decoder gets them; bins that are not finite are left out
 * @throws BetzError CAL_DRIFT_REFERENCE_SHORT, CAL_FEATURES_CONSTANT
 */
export function fitDriftReference(
  features: Float32Array,
  channelCount: number,
  binMs: number,
  options: DriftReferenceOptions = {},
): DriftReference {
  const kept = finiteBins(features, channelCount);
  const seconds = (kept.length * binMs) / 1000;
  const windowS = Math.min(options.windowS ?? 30, seconds / (2 * BLOCK_COUNT_MIN));
  if (!(2 * windowS >= BLOCK_S_MIN)) {
    throw new BetzError('CAL_DRIFT_REFERENCE_SHORT', `${seconds} s are too few for a drift reference`, {
      value: seconds,
      tip: `Give at least ${DRIFT_REFERENCE_S_MIN} s of calibration data, and a window of ${BLOCK_S_MIN / 2} s or more.`,
    });
  }
  const latentCount = Math.min(channelCount, options.latentCount ?? 4);
  const smoothing = Math.exp(-binMs / (options.smoothingMs ?? 150));
  const blocks = new CalibrationBlocks(features, channelCount, kept, (2 * windowS * 1000) / binMs);
  const { mean, variance, silentShare } = blocks.whole();
  if (variance.every((value) => value === 0)) {
    throw new BetzError('CAL_FEATURES_CONSTANT', 'no channel varies in the calibration data', {
      value: `${channelCount} channels, ${kept.length} bins`,
      tip: 'Check the electrode connections and the spike thresholds, then record again.',
    });
  }
  const directions = options.latents === undefined ? principal() : undefined;
  const map = options.latents ?? linearLatents(directions ?? [], latentCount);
  const whitening = blocks.whitening(map, smoothing);
  return {
    binMs,
    windowS,
    smoothing,
    blockCount: blocks.count,
    mean: Float32Array.from(mean),
    variance: Float32Array.from(variance),
    silentShare: Float32Array.from(silentShare),
    stillBinsMax: blocks.longestStill(),
    latentCount: map.latentCount,
    whitening,
    ...(directions === undefined ? {} : { directions: Float32Array.from(directions) }),
    ...blocks.compare(map, smoothing, whitening, variance),
  };

  function principal(): Float64Array {
    const scale = variance.map((value) => (value > 0 ? 1 / Math.sqrt(value) : 0));
    return principalDirections(blocks.smoothedScores(mean, scale, smoothing), channelCount, latentCount);
  }
}

/** Indices of the bins in which every feature is finite. */
function finiteBins(features: Float32Array, channelCount: number): Int32Array {
  const kept: number[] = [];
  for (let bin = 0; (bin + 1) * channelCount <= features.length; bin++) {
    let probe = 0; // NaN as soon as one value is not finite
    for (let i = bin * channelCount; i < (bin + 1) * channelCount; i++) probe += features[i] * 0;
    if (probe === 0) kept.push(bin);
  }
  return Int32Array.from(kept);
}
