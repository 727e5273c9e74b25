/** What a Hebbian read-in compares itself with: statistics of the calibrated read-in on calibration data. */
import { BetzError } from '../../core/errors.ts';
import type { Model, Normalisation, ReadIn, ReadInStatistics } from '../../decoders/decoder.ts';
import { compete } from './hebbian-rule.ts';

/** Of the smoothing of z-scores before the rule: the spikes of a single bin are mostly noise. */
const SMOOTHING_MS = 150;
export const READ_IN_STATISTICS_S_MIN = 10;
export const COMPETITION_BETA = 1;

/** a in y = a y + (1 - a) z: of z-scores before the rule. */
export function scoreSmoothing(binMs: number): number {
  return Math.exp(-binMs / SMOOTHING_MS);
}

/** The rows of a weight and their lengths; a row of zeros stays one, with length 1. */
export function unitRows(
  weight: Float32Array,
  latentCount: number,
): { rows: Float32Array; lengths: Float32Array } {
  const channelCount = weight.length / latentCount;
  const rows = weight.slice();
  const lengths = new Float32Array(latentCount);
  for (let k = 0; k < latentCount; k++) {
    const row = rows.subarray(k * channelCount, (k + 1) * channelCount);
    const length = Math.sqrt(row.reduce((sum, w) => sum + w * w, 0)) || 1;
    lengths[k] = length;
    for (let c = 0; c < channelCount; c++) row[c] /= length;
  }
  return { rows, lengths };
}

/** rows x, [latentCount] */
export function mapRows(rows: Float32Array, input: Float32Array, result: Float32Array): void {
  const channelCount = input.length;
  for (let k = 0; k < result.length; k++) {
    let sum = 0;
    for (let c = 0, i = k * channelCount; c < channelCount; c++, i++) sum += rows[i] * input[c];
    result[k] = sum;
  }
}

/**
 * A model with the statistics of its read-in on the data of its session; without, where it has no read-in or the data are too few.
 * @param features [binCount x channelCount] of that session, as the decoder gets them
 */
export function withReadInStatistics(model: Model, features: Float32Array): Model {
  const known = { ...model };
  delete known.readInStatistics;
  const { readIn, normalisation, binMs, shape } = model;
  const seconds = (features.length / shape.inputCount) * (binMs / 1000);
  if (readIn === undefined || seconds < READ_IN_STATISTICS_S_MIN) return known;
  return { ...known, readInStatistics: fitReadInStatistics(features, normalisation, readIn, binMs) };
}

/**
 * @param features [binCount x channelCount] of calibration, as the decoder gets them; bins that are not finite are left out
 * @throws BetzError CAL_HEBBIAN_REFERENCE_SHORT
 */
export function fitReadInStatistics(
  features: Float32Array,
  { featureMean, featureScale }: Pick<Normalisation, 'featureMean' | 'featureScale'>,
  readIn: ReadIn,
  binMs: number,
): ReadInStatistics {
  const [latentCount, channelCount] = readIn.weight.shape;
  const { rows, lengths } = unitRows(readIn.weight.data, latentCount);
  const smoothing = scoreSmoothing(binMs);
  const scores = new Float32Array(channelCount);
  const smoothed = new Float32Array(channelCount);
  const units = new Float32Array(latentCount);
  const latents = new Float32Array(latentCount);
  const wins = new Float32Array(latentCount);
  const rest = new Float64Array(latentCount * channelCount);
  const sums = new Float64Array(latentCount);
  const products = new Float64Array(latentCount * latentCount);
  let binCount = 0;
  for (let at = 0; at + channelCount <= features.length; at += channelCount) {
    let probe = 0; // NaN as soon as one value is not finite
    for (let c = 0; c < channelCount; c++) {
      scores[c] = (features[at + c] - featureMean[c]) * featureScale[c];
      probe += scores[c] * 0;
    }
    if (probe !== 0) continue;
    binCount++;
    for (let c = 0; c < channelCount; c++)
      smoothed[c] = smoothing * smoothed[c] + (1 - smoothing) * scores[c];
    mapRows(rows, smoothed, units);
    compete(wins, units, COMPETITION_BETA);
    for (let k = 0, i = 0; k < latentCount; k++) {
      for (let c = 0; c < channelCount; c++, i++) rest[i] += wins[k] * (smoothed[c] - units[k] * rows[i]);
    }
    mapRows(rows, scores, latents);
    for (let k = 0; k < latentCount; k++) {
      latents[k] = lengths[k] * latents[k] + readIn.bias.data[k];
      sums[k] += latents[k];
      for (let l = 0; l <= k; l++) products[k * latentCount + l] += latents[k] * latents[l];
    }
  }
  if (binCount * binMs < READ_IN_STATISTICS_S_MIN * 1000) {
    throw new BetzError('CAL_HEBBIAN_REFERENCE_SHORT', `${binCount} bins are too few for a reference`, {
      value: binCount,
      tip: `Give at least ${READ_IN_STATISTICS_S_MIN} s of calibration data.`,
    });
  }
  const means = sums.map((sum) => sum / binCount);
  const latentCovariance = Float32Array.from(products, (_, i) => {
    const [k, l] = [Math.floor(i / latentCount), i % latentCount];
    const product = products[Math.max(k, l) * latentCount + Math.min(k, l)];
    return product / binCount - means[k] * means[l];
  });
  return {
    rest: { shape: [latentCount, channelCount], data: Float32Array.from(rest, (sum) => sum / binCount) },
    latentMean: Float32Array.from(means),
    latentCovariance: { shape: [latentCount, latentCount], data: latentCovariance },
  };
}
