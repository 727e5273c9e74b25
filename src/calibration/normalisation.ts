/**
 * Z-scores, computed on the bins that parameters are fitted on. A channel without variance there (silent, or stuck)
 * gets scale 0: it carries nothing that could be learned, and would blow up if it woke up later.
 */
import { BetzError } from '../core/errors.ts';
import type { BinnedTarget } from '../core/recording.ts';
import type { Normalisation } from '../decoders/decoder.ts';
import type { BinRange } from './splits.ts';

/**
 * @param features [binCount x channelCount], smoothed if the model smooths
 * @param range the bins to compute on
 * @throws BetzError CAL_FEATURES_CONSTANT, CAL_TARGET_CONSTANT
 */
export function fitNormalisation(
  features: Float32Array,
  channelCount: number,
  target: BinnedTarget,
  range: BinRange,
): Normalisation {
  const feature = columnMoments(features, channelCount, range);
  if (feature.deviations.every((deviation) => deviation === 0)) {
    throw new BetzError('CAL_FEATURES_CONSTANT', 'no channel varies in the training part', {
      value: `${channelCount} channels, bins ${range.startBin} to ${range.endBin}`,
      tip: 'Check the electrode connections and the spike thresholds, then record again.',
    });
  }
  expectMovement(target, range);
  const output = columnMoments(target.values, target.labels.length, range);
  return {
    featureMean: Float32Array.from(feature.means),
    featureScale: Float32Array.from(feature.deviations, (d) => (d === 0 ? 0 : 1 / d)),
    outputMean: Float32Array.from(output.means),
    outputScale: Float32Array.from(output.deviations),
  };
}

/** @throws BetzError CAL_TARGET_CONSTANT */
export function expectMovement({ name, labels, values }: BinnedTarget, range: BinRange): void {
  columnMoments(values, labels.length, range).deviations.forEach((deviation, index) => {
    if (deviation === 0) throw constantTarget(name, labels[index], range);
  });
}

export function constantTarget(name: string, label: string, range: BinRange): BetzError {
  return new BetzError(
    'CAL_TARGET_CONSTANT',
    `'${name}' has no variance in dimension '${label}', so it cannot be learned or scored`,
    {
      value: `bins ${range.startBin} to ${range.endBin}`,
      tip: 'Choose a part of the recording, or a behaviour, in which every dimension moves.',
    },
  );
}

/**
 * Mean and population deviation of each column over a range of rows. A constant column's deviation is exactly 0: float64
 * sums of equal float32 values are exact (up to 2^29 of them).
 */
export function columnMoments(
  values: Float32Array,
  columnCount: number,
  range: BinRange,
): { means: Float64Array; deviations: Float64Array } {
  const rowCount = range.endBin - range.startBin;
  const means = new Float64Array(columnCount);
  const squares = new Float64Array(columnCount);
  for (let row = range.startBin; row < range.endBin; row++) {
    for (let column = 0; column < columnCount; column++) means[column] += values[row * columnCount + column];
  }
  for (let column = 0; column < columnCount; column++) means[column] /= rowCount;
  for (let row = range.startBin; row < range.endBin; row++) {
    for (let column = 0; column < columnCount; column++) {
      const centred = values[row * columnCount + column] - means[column];
      squares[column] += centred * centred;
    }
  }
  return { means, deviations: squares.map((sum) => Math.sqrt(sum / rowCount)) };
}
