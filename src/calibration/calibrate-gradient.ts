/** Calibration of a decoder that is trained by gradient: normalise, train, choose. */
import type { BinnedRecording } from '../core/recording.ts';
import type { Decoder, DecoderKind, Model, Normalisation, Tensors } from '../decoders/decoder.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { decodeRange } from './decode-range.ts';
import type { GradientPool } from './gradient-pool.ts';
import type { StepPlan, TrainingData } from './step-plan.ts';
import { decodingMetrics } from './metrics.ts';
import { fitNormalisation } from './normalisation.ts';
import type { Splits } from './splits.ts';
import { clipSegments, windowBinsFor, WindowSampler } from './training-windows.ts';
import { refitDecoder, trainDecoder } from './training.ts';
import type { Trained, Training, TrainingOptions, TrainingProgress } from './training.ts';

export interface GradientHost {
  /** A fresh kernel instance with memory of its own. */
  makeKernels(): Kernels;
  /** @param fixed what is not learned */
  makePool(
    kind: DecoderKind,
    plan: StepPlan,
    data: readonly TrainingData[],
    fixed?: Tensors,
  ): Promise<GradientPool>;
  yieldToHost(): Promise<void>;
}

export interface GradientCalibration {
  model: Pick<Model, 'config' | 'shape' | 'tensors' | 'normalisation'> & { smoothing: number };
  trained: Trained;
  /** As they were used. */
  options: TrainingOptions;
  threadCount: number;
}

/** Settings that suited every recording tried (docs/bench.md). The number of steps follows from the amount of data. */
export const TRAINING_DEFAULTS: Omit<TrainingOptions, 'stepCount' | 'refitStepCount'> = {
  batchCount: 32,
  windowBins: 100,
  warmUpBins: 10,
  peakRate: 4e-3,
  weightDecay: 0.02,
  clipNorm: 1,
  checkCount: 4,
  seed: 1,
};

/** How often the first cycle goes over its data: fewer underfits, more overfits short recordings. */
const PASS_COUNT = 215;
const STEP_COUNT_MIN = 100;
const STEP_COUNT_MAX = 2000;
/** Steps of the second cycle, as a share of all. */
export const REFIT_SHARE = 0.138;

/** Steps of both cycles that the caller did not set: the first takes as many as `passCount` passes over the training part do. */
function defaultStepCount(passCount: number, trainBins: number, binsPerStep: number): number {
  const stepCount = Math.round((passCount * trainBins) / binsPerStep);
  return Math.round(Math.min(STEP_COUNT_MAX, Math.max(STEP_COUNT_MIN, stepCount)) / (1 - REFIT_SHARE));
}

export async function calibrateByGradient(
  recording: BinnedRecording,
  splits: Splits,
  kind: DecoderKind,
  config: Model['config'],
  settings: Partial<TrainingOptions>,
  host: GradientHost,
  onProgress: (progress: TrainingProgress) => void,
): Promise<GradientCalibration> {
  const { passCount = PASS_COUNT, ...hints } = kind.trainingHints ?? {};
  const given = { ...TRAINING_DEFAULTS, ...hints, ...settings };
  const shape = { inputCount: recording.channels.length, outputCount: recording.target.labels.length };
  const normalisation = fitNormalisation(
    recording.features,
    shape.inputCount,
    recording.target,
    splits.train,
  );
  const data = normalise(recording, normalisation);
  const trainSegments = clipSegments(recording.segments, splits.train);
  const windowBins = windowBinsFor(trainSegments, given.windowBins);
  const plan: StepPlan = {
    kind: kind.name,
    config,
    shape,
    windowBins,
    batchCount: given.batchCount,
    warmUpBins: Math.min(given.warmUpBins, Math.floor(windowBins / 4)),
    seed: given.seed,
  };
  const trainBins = splits.train.endBin - splits.train.startBin;
  const stepCount =
    settings.stepCount ??
    defaultStepCount(passCount, trainBins, plan.batchCount * (windowBins - plan.warmUpBins));
  const options: TrainingOptions = {
    refitStepCount: Math.round(stepCount * REFIT_SHARE),
    ...given,
    windowBins,
    stepCount,
  };
  const modelOf = (tensors: Tensors): Pick<Model, 'config' | 'shape' | 'tensors' | 'normalisation'> => ({
    config,
    shape,
    tensors,
    normalisation,
  });
  const validate = (tensors: Tensors): number => {
    const decoder = makeDecoder(kind, recording, modelOf(tensors), host.makeKernels());
    const outputs = decodeRange(decoder, { features: rawCounts(recording) }, recording, splits.validation);
    return decodingMetrics(recording.target, outputs, splits.validation).r2Mean;
  };
  const pool = await host.makePool(kind, plan, [data]);
  try {
    const training: Training = {
      kind,
      plan,
      options,
      sampler: new WindowSampler(trainSegments, windowBins),
      pool,
      kernels: host.makeKernels(),
      validate,
      onProgress,
      yieldToHost: () => host.yieldToHost(),
    };
    const trained = await trainDecoder(training);
    const refitSampler = new WindowSampler(clipSegments(recording.segments, splits.fit), windowBins);
    const tensors = await refitDecoder(
      { ...training, sampler: refitSampler, kernels: host.makeKernels() },
      trained,
    );
    return {
      model: { ...modelOf(tensors), smoothing: 0 },
      trained,
      options,
      threadCount: pool.threadCount,
    };
  } finally {
    pool.close();
  }
}

function makeDecoder(
  kind: DecoderKind,
  recording: BinnedRecording,
  parts: Pick<Model, 'config' | 'shape' | 'tensors' | 'normalisation'>,
  kernels: Kernels,
): Decoder {
  const { name, labels, unit } = recording.target;
  const model: Model = {
    ...parts,
    kind: kind.name,
    features: rawCounts(recording),
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance: {},
  };
  return kind.createDecoder(model, kernels);
}

/** Recurrent decoders learn their own smoothing. */
function rawCounts(recording: BinnedRecording): Model['features'] {
  return {
    name: 'spikeCounts',
    smoothing: 0,
    channelLabels: recording.channels.map((channel) => channel.label),
  };
}

function normalise(recording: BinnedRecording, normalisation: Normalisation): TrainingData {
  const { featureMean, featureScale, outputMean, outputScale } = normalisation;
  const inputCount = featureMean.length;
  const outputCount = outputMean.length;
  return {
    features: recording.features.map(
      (x, i) => (x - featureMean[i % inputCount]) * featureScale[i % inputCount],
    ),
    targets: recording.target.values.map(
      (y, i) => (y - outputMean[i % outputCount]) / outputScale[i % outputCount],
    ),
  };
}
