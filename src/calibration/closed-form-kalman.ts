/**
 * Fits a Kalman filter (decoders/kalman) by least squares, as Wu et al. 2006, section 2.2, do: A, b, Q from how the state
 * follows itself from bin to bin, C, d, R from how the features follow the state. Nothing is predicted across a join.
 * How far the spikes run ahead (lagBins) and the smoothing are chosen on the validation part by running the decoder;
 * then it is fitted on training and validation part together.
 */
import type { BinnedRecording, BinnedTarget } from '../core/recording.ts';
import type { Model, TensorData } from '../decoders/decoder.ts';
import { kalmanConfig } from '../decoders/kalman/config.ts';
import type { KalmanConfig } from '../decoders/kalman/config.ts';
import { kalman } from '../decoders/kalman/index.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { decodeRange } from './decode-range.ts';
import { normalisedChannels, smoothFeatures } from './feature-matrix.ts';
import { decodingMetrics } from './metrics.ts';
import { columnMoments, constantTarget, fitNormalisation } from './normalisation.ts';
import { covariance, regress } from './shifted-regression.ts';
import type { BinRange, Splits } from './splits.ts';
import { inOneGo } from './steps.ts';
import type { Steps } from './steps.ts';
import { clipSegments } from './training-windows.ts';

export interface KalmanOptions {
  mode?: KalmanConfig['mode'];
  /** Tried in turn, with every smoothing. [0] forbids a delay of the output. */
  lagBins?: readonly number[];
  smoothings?: readonly number[];
  /**
   * What the state holds beyond the outputs: their change from bin to bin (for a velocity: the acceleration), nothing,
   * or another behaviour in the same bins (for a velocity: the position).
   */
  extraStates?: 'differences' | 'none' | BinnedTarget;
}

export interface KalmanFit {
  model: Pick<Model, 'config' | 'shape' | 'tensors' | 'normalisation'> & { smoothing: number };
  /** Mean R2 on the validation part, fitted on the training part only. */
  validationR2: number;
}

const LAG_BINS = [0, 1, 2, 3];
const SMOOTHINGS = [0, 0.5];
/**
 * Relative. With differences in the state, an output's noise is the noise of its difference and Q is singular; float32
 * rounding could turn that into a negative variance.
 */
const STATE_NOISE_LOADING = 1e-6;

/**
 * @param kernels to run the candidates on
 * @throws BetzError CAL_FEATURES_CONSTANT, CAL_TARGET_CONSTANT, DEC_KALMAN_NOISE_INVALID, DEC_KALMAN_NO_STEADY_STATE
 */
export function fitKalman(
  recording: BinnedRecording,
  splits: Splits,
  kernels: Kernels,
  options?: KalmanOptions,
): KalmanFit {
  return inOneGo(kalmanSteps(recording, splits, kernels, options));
}

/** The same in steps of a part of a second. */
export function* kalmanSteps(
  recording: BinnedRecording,
  splits: Splits,
  kernels: Kernels,
  options: KalmanOptions = {},
): Steps<KalmanFit> {
  const extra = extraStates(recording, options.extraStates ?? 'differences');
  const candidates: (Pick<Candidate, 'data' | 'config' | 'smoothing'> & { validationR2: number })[] = [];
  for (const smoothing of options.smoothings ?? SMOOTHINGS) {
    const data = prepare(recording, splits.train, extra, smoothing);
    for (const lagBins of options.lagBins ?? LAG_BINS) {
      const config = kalmanConfig.parse({
        mode: options.mode,
        lagBins,
        extraStateNames: extra?.labels.map((label) => `${extra.name}.${label}`),
      });
      const tensors = fitTensors(recording, data, config, splits.train);
      const validationR2 = score(recording, { data, config, tensors, smoothing }, splits.validation, kernels);
      candidates.push({ data, config, smoothing, validationR2 });
      yield;
    }
  }
  const chosen = candidates.reduce((best, next) => (next.validationR2 > best.validationR2 ? next : best));
  return {
    model: {
      config: chosen.config,
      shape: { inputCount: recording.channels.length, outputCount: recording.target.labels.length },
      tensors: fitTensors(recording, chosen.data, chosen.config, splits.fit),
      normalisation: chosen.data.normalisation,
      smoothing: chosen.smoothing,
    },
    validationR2: chosen.validationR2,
  };
}

interface PreparedData {
  /** Z-scored features, column-major [channelCount][binCount]. */
  features: Float64Array;
  /** Z-scored states, column-major [stateCount][binCount]: outputs, then extra states. */
  states: Float64Array;
  stateCount: number;
  normalisation: Model['normalisation'];
}

function prepare(
  recording: BinnedRecording,
  train: BinRange,
  extra: BinnedTarget | undefined,
  smoothing: number,
): PreparedData {
  const { binCount, segments, target } = recording;
  const channelCount = recording.channels.length;
  const raw = smoothFeatures(recording.features, channelCount, segments, smoothing);
  const normalisation = fitNormalisation(raw, channelCount, target, train);
  const states = [target, ...(extra === undefined ? [] : [extra])].flatMap((signal) =>
    Array.from(zScored(signal, binCount, train)),
  );
  return {
    features: normalisedChannels(raw, channelCount, binCount, normalisation),
    states: Float64Array.from(states),
    stateCount: states.length / binCount,
    normalisation,
  };
}

/** @throws BetzError CAL_TARGET_CONSTANT */
function zScored(signal: BinnedTarget, binCount: number, train: BinRange): Float64Array {
  const { means, deviations } = columnMoments(signal.values, signal.labels.length, train);
  const constant = deviations.indexOf(0);
  if (constant >= 0) throw constantTarget(signal.name, signal.labels[constant], train);
  return normalisedChannels(signal.values, signal.labels.length, binCount, {
    featureMean: Float32Array.from(means),
    featureScale: Float32Array.from(deviations, (deviation) => 1 / deviation),
  });
}

function extraStates(
  recording: BinnedRecording,
  choice: NonNullable<KalmanOptions['extraStates']>,
): BinnedTarget | undefined {
  if (choice === 'none') return undefined;
  return choice === 'differences' ? differences(recording) : choice;
}

/** Change of the target from the bin before; 0 at a segment's start, where there is none. */
function differences({ target, segments, binMs }: BinnedRecording): BinnedTarget {
  const count = target.labels.length;
  const values = new Float32Array(target.values.length);
  for (const { startBin, endBin } of segments) {
    for (let i = (startBin + 1) * count; i < endBin * count; i++) {
      values[i] = target.values[i] - target.values[i - count];
    }
  }
  return {
    name: `${target.name}Change`,
    labels: target.labels,
    unit: `${target.unit} per ${binMs} ms`,
    values,
  };
}

function fitTensors(
  recording: BinnedRecording,
  data: PreparedData,
  config: KalmanConfig,
  range: BinRange,
): Record<string, TensorData> {
  const { binCount } = recording;
  const { features, states, stateCount } = data;
  const channelCount = features.length / binCount;
  const segments = clipSegments(recording.segments, range);
  const stateColumns = { values: states, count: stateCount, binCount };
  const featureColumns = { values: features, count: channelCount, binCount };
  const transition = regress(stateColumns, stateColumns, segments, { causeShift: -1, effectShift: 0 });
  const observation = regress(featureColumns, stateColumns, segments, {
    causeShift: 0,
    effectShift: -config.lagBins,
  });
  const Q = transition.noise;
  for (let i = 0; i < stateCount; i++) Q[i * stateCount + i] *= 1 + STATE_NOISE_LOADING;
  return {
    A: tensor([stateCount, stateCount], transition.slopes),
    b: tensor([stateCount], transition.intercepts),
    Q: tensor([stateCount, stateCount], Q),
    C: tensor([channelCount, stateCount], observation.slopes),
    d: tensor([channelCount], observation.intercepts),
    R: tensor([channelCount, channelCount], observation.noise),
    // A fresh filter knows no more than how the state is distributed.
    P0: tensor([stateCount, stateCount], covariance(stateColumns, segments)),
  };
}

function tensor(shape: number[], values: Float64Array): TensorData {
  return { shape, data: Float32Array.from(values) };
}

interface Candidate {
  data: PreparedData;
  config: KalmanConfig;
  tensors: Record<string, TensorData>;
  smoothing: number;
}

function score(recording: BinnedRecording, candidate: Candidate, range: BinRange, kernels: Kernels): number {
  const { target, channels, binMs } = recording;
  const model: Model = {
    kind: kalman.name,
    config: candidate.config,
    shape: { inputCount: channels.length, outputCount: target.labels.length },
    tensors: candidate.tensors,
    normalisation: candidate.data.normalisation,
    features: {
      name: 'spikeCounts',
      smoothing: candidate.smoothing,
      channelLabels: channels.map((channel) => channel.label),
    },
    output: { name: target.name, labels: target.labels, unit: target.unit },
    binMs,
    provenance: {},
  };
  const outputs = decodeRange(kalman.createDecoder(model, kernels), model, recording, range);
  return decodingMetrics(target, outputs, range).r2Mean;
}
