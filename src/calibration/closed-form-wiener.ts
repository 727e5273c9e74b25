/**
 * Fits a Wiener filter (decoders/wiener): ridge regression of the z-scored outputs on the z-scored features of the last
 * n bins, penalty and smoothing chosen on the validation part, then fitted on training and validation part together.
 *
 * Z-scores come from the training part throughout, so that the sums over both parts are those of the training part
 * plus those of the validation part. The intercept is free: columns and outputs are centred in the sums.
 */
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { normalisedChannels, smoothFeatures } from './feature-matrix.ts';
import { laggedCross, laggedGram, laggedProduct, laggedSums } from './lagged-gram.ts';
import type { LaggedDesign } from './lagged-gram.ts';
import { decodingMetrics } from './metrics.ts';
import { fitNormalisation } from './normalisation.ts';
import { ridgePath } from './ridge.ts';
import type { BinRange, Splits } from './splits.ts';
import { inOneGo } from './steps.ts';
import type { Steps } from './steps.ts';

export interface WienerOptions {
  lagCount?: number;
  /** Tried in turn; each costs one pass over the data. */
  smoothings?: readonly number[];
  /** Ridge penalties to try, relative to the mean diagonal element of X^T X. */
  penalties?: readonly number[];
}

export interface WienerFit {
  model: Pick<Model, 'config' | 'shape' | 'tensors' | 'normalisation'> & { smoothing: number };
  /** The relative penalty that was chosen. */
  penalty: number;
  /** Mean R2 on the validation part, fitted on the training part only. */
  validationR2: number;
}

const LAG_COUNT = 10;
const SMOOTHINGS = [0.5];
/** Four per decade from 0.01 to 10: below, nothing is shrunk any more; above, everything is. */
const PENALTIES = Array.from({ length: 13 }, (_, i) => 10 ** (-2 + i / 4));

/** @throws BetzError CAL_FEATURES_CONSTANT, CAL_TARGET_CONSTANT */
export function fitWiener(recording: BinnedRecording, splits: Splits, options?: WienerOptions): WienerFit {
  return inOneGo(wienerSteps(recording, splits, options));
}

/** The same in steps of a part of a second. */
export function* wienerSteps(
  recording: BinnedRecording,
  splits: Splits,
  options: WienerOptions = {},
): Steps<WienerFit> {
  const lagCount = options.lagCount ?? LAG_COUNT;
  const penalties = options.penalties ?? PENALTIES;
  const candidates: Candidate[] = [];
  for (const smoothing of options.smoothings ?? SMOOTHINGS) {
    const problem = prepare(recording, splits, lagCount, smoothing);
    const { train, validation } = splits;
    const trainSums = yield* sumsOf(problem, train);
    const scores: number[] = [];
    for (const solution of yield* solve(trainSums, penalties)) {
      const predictions = predict(problem, solution, validation);
      scores.push(decodingMetrics(recording.target, predictions, validation).r2Mean);
      yield;
    }
    const best = scores.indexOf(Math.max(...scores));
    candidates.push({
      ...{ problem, trainSums, smoothing },
      ...{ penalty: penalties[best], validationR2: scores[best] },
    });
  }
  const chosen = candidates.reduce((best, next) => (next.validationR2 > best.validationR2 ? next : best));
  const { problem, smoothing, penalty, validationR2 } = chosen;
  const sums = addSums(chosen.trainSums, yield* sumsOf(problem, splits.validation));
  const [{ weights, bias }] = yield* solve(sums, [penalty]);
  return {
    model: {
      config: { lagCount },
      shape: { inputCount: problem.design.channelCount, outputCount: weights.length },
      tensors: {
        weight: {
          shape: [weights.length, lagCount, problem.design.channelCount],
          data: Float32Array.from(weights.flatMap((row) => Array.from(row))), // rows are ordered by lag, then channel
        },
        bias: { shape: [weights.length], data: Float32Array.from(bias) },
      },
      normalisation: problem.normalisation,
      smoothing,
    },
    penalty,
    validationR2,
  };
}

interface Problem {
  design: LaggedDesign;
  /** Z-scored, column-major. */
  outputs: Float64Array;
  normalisation: Model['normalisation'];
}

/** What a regression needs to know of some rows. */
interface Sums {
  rowCount: number;
  gram: Float64Array;
  cross: Float64Array[];
  columnSums: Float64Array;
  outputSums: number[];
}

interface Candidate extends Pick<WienerFit, 'penalty' | 'validationR2'> {
  problem: Problem;
  trainSums: Sums;
  smoothing: number;
}

/** In z-scored units, per output. */
interface Solution {
  weights: Float64Array[];
  bias: number[];
}

function prepare(recording: BinnedRecording, splits: Splits, lagCount: number, smoothing: number): Problem {
  const { segments, binCount, target } = recording;
  const channelCount = recording.channels.length;
  const features = smoothFeatures(recording.features, channelCount, segments, smoothing);
  const normalisation = fitNormalisation(features, channelCount, target, splits.train);
  const channels = normalisedChannels(features, channelCount, binCount, normalisation);
  const outputs = normalisedChannels(target.values, target.labels.length, binCount, {
    featureMean: normalisation.outputMean,
    featureScale: normalisation.outputScale.map((scale) => 1 / scale),
  });
  return { design: { channels, channelCount, binCount, lagCount, segments }, outputs, normalisation };
}

function* sumsOf({ design, outputs, normalisation }: Problem, range: BinRange): Steps<Sums> {
  const outputCount = normalisation.outputMean.length;
  const outputSums = Array.from({ length: outputCount }, (_, o) => {
    let sum = 0;
    for (let bin = range.startBin; bin < range.endBin; bin++) sum += outputs[o * design.binCount + bin];
    return sum;
  });
  return {
    rowCount: range.endBin - range.startBin,
    gram: yield* laggedGram(design, range),
    cross: laggedCross(design, outputs, outputCount, range),
    columnSums: laggedSums(design, range),
    outputSums,
  };
}

function addSums(a: Sums, b: Sums): Sums {
  return {
    rowCount: a.rowCount + b.rowCount,
    gram: a.gram.map((value, i) => value + b.gram[i]),
    cross: a.cross.map((values, o) => values.map((value, i) => value + b.cross[o][i])),
    columnSums: a.columnSums.map((value, i) => value + b.columnSums[i]),
    outputSums: a.outputSums.map((value, o) => value + b.outputSums[o]),
  };
}

/** One solution per penalty; a step for each output. */
function* solve(sums: Sums, penalties: readonly number[]): Steps<Solution[]> {
  const { rowCount, columnSums, outputSums } = sums;
  const size = columnSums.length;
  const gram = sums.gram.slice();
  let trace = 0;
  for (let i = 0; i < size; i++) {
    const mean = columnSums[i] / rowCount;
    for (let j = 0; j < size; j++) gram[i * size + j] -= mean * columnSums[j];
    trace += gram[i * size + i];
  }
  const absolute = penalties.map((penalty) => (penalty * trace) / size);
  const paths: Float64Array[][] = [];
  for (const [o, cross] of sums.cross.entries()) {
    yield;
    const outputMean = outputSums[o] / rowCount;
    const centred = cross.map((value, i) => value - outputMean * columnSums[i]);
    paths.push(ridgePath(gram, centred, absolute));
  }
  return penalties.map((_, p) => {
    const weights = paths.map((path) => path[p]);
    const bias = weights.map((row, o) => {
      const explained = row.reduce((sum, weight, i) => sum + weight * columnSums[i], 0);
      return (outputSums[o] - explained) / rowCount;
    });
    return { weights, bias };
  });
}

/** @returns [range's bins x outputCount] in the target's unit */
function predict(
  { design, normalisation }: Problem,
  { weights, bias }: Solution,
  range: BinRange,
): Float32Array {
  const { outputMean, outputScale } = normalisation;
  const outputCount = weights.length;
  const predictions = new Float32Array((range.endBin - range.startBin) * outputCount);
  weights.forEach((row, o) => {
    laggedProduct(design, row, range).forEach((value, bin) => {
      predictions[bin * outputCount + o] = (value + bias[o]) * outputScale[o] + outputMean[o];
    });
  });
  return predictions;
}
