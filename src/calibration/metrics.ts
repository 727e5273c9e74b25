/**
 * How well a decoder predicts: the coefficient of determination R2 = 1 - sum (y - p)^2 / sum (y - mean y)^2 per
 * dimension, its plain mean (NeuroBench) and its variance-weighted mean (FALCON), and Pearson's r. r is blind to gain
 * and offset, so it is never reported alone. All sums are float64.
 *
 * Constant truth: R2 is not defined, and is refused (CAL_TARGET_CONSTANT) instead of reported as minus infinity.
 * Constant prediction: R2 is fine (0 or below); r is not defined and is NaN.
 */
import type { BinnedTarget } from '../core/recording.ts';
import { constantTarget } from './normalisation.ts';
import type { BinRange } from './splits.ts';

export interface DecodingMetrics {
  binCount: number;
  /** Per dimension, in the order of the target's labels. */
  r2: number[];
  r2Mean: number;
  /** R2 of all dimensions together, each weighted by its variance. */
  r2VarianceWeighted: number;
  /** Per dimension. */
  pearsonR: number[];
}

/**
 * @param target truth for the whole recording
 * @param predictions [range's bins x dimensions], row 0 is range.startBin, in the target's unit
 * @throws BetzError CAL_TARGET_CONSTANT
 */
export function decodingMetrics(
  target: BinnedTarget,
  predictions: Float32Array,
  range: BinRange,
): DecodingMetrics {
  const dimensionCount = target.labels.length;
  const binCount = range.endBin - range.startBin;
  const r2: number[] = [];
  const pearsonR: number[] = [];
  let errorSum = 0;
  let varianceSum = 0;
  for (let d = 0; d < dimensionCount; d++) {
    const truthAt = (bin: number): number => target.values[(range.startBin + bin) * dimensionCount + d];
    let truthMean = 0;
    let predictionMean = 0;
    let isConstant = true;
    for (let bin = 0; bin < binCount; bin++) {
      truthMean += truthAt(bin);
      predictionMean += predictions[bin * dimensionCount + d];
      if (truthAt(bin) !== truthAt(0)) isConstant = false;
    }
    if (isConstant) throw constantTarget(target.name, target.labels[d], range);
    truthMean /= binCount;
    predictionMean /= binCount;
    let error = 0;
    let truthVariance = 0;
    let predictionVariance = 0;
    let covariance = 0;
    for (let bin = 0; bin < binCount; bin++) {
      const y = truthAt(bin);
      const p = predictions[bin * dimensionCount + d];
      error += (y - p) ** 2;
      truthVariance += (y - truthMean) ** 2;
      predictionVariance += (p - predictionMean) ** 2;
      covariance += (y - truthMean) * (p - predictionMean);
    }
    r2.push(1 - error / truthVariance);
    pearsonR.push(covariance / Math.sqrt(truthVariance * predictionVariance));
    errorSum += error;
    varianceSum += truthVariance;
  }
  return {
    binCount,
    r2,
    r2Mean: r2.reduce((sum, value) => sum + value, 0) / dimensionCount,
    r2VarianceWeighted: 1 - errorSum / varianceSum,
    pearsonR,
  };
}
