/** Adapting a prepared model to a session by gradient: all of it, its read-in, or its read-in and changes of low rank (LoRA). */
import type { BinnedRecording, Segment } from '../../core/recording.ts';
import { Rng } from '../../core/rng.ts';
import type { DecoderKind, Model, TensorData, Tensors } from '../../decoders/decoder.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { coreShape } from '../../decoders/read-in.ts';
import type { Augmentation } from '../augmentation.ts';
import type { GradientHost } from '../calibrate-gradient.ts';
import { learnedParameters, lowRankNames, matrixNames, readInNames } from '../step-plan.ts';
import type { LearnedPart, StepPlan, TrainingData } from '../step-plan.ts';
import { refitDecoder, trainDecoder } from '../training.ts';
import type { Trained, Training, TrainingOptions, TrainingProgress } from '../training.ts';
import { windowBinsFor, WindowSampler } from '../training-windows.ts';
import { normalisedTargets } from './readout.ts';

export interface FineTuneSettings {
  learns: LearnedPart;
  training: Omit<TrainingOptions, 'windowBins'> & { windowBins: number };
  rank: number;
  augmentation: Augmentation;
}

export interface FineTuneTask {
  /** Prepared for the session; adapted from here. */
  model: Model;
  recording: BinnedRecording;
  /** What to learn from while choosing. */
  fit: readonly Segment[];
  /** R2 of a model on what is held out; learning goes on from the best. */
  validate(model: Model): number;
  onProgress(progress: TrainingProgress): void;
}

/** @throws BetzError CAL_DIVERGED, CAL_SEGMENTS_TOO_SHORT */
export async function fineTune(
  task: FineTuneTask,
  settings: FineTuneSettings,
  host: GradientHost,
): Promise<{ chosen: Model; model: Model; trained: Trained }> {
  const { recording, fit } = task;
  const { learns, training: options, rank, augmentation } = settings;
  const model = learns === 'all' ? task.model : withReadIn(task.model);
  const kind = findDecoderKind(model.kind);
  const { shiftBins } = augmentation;
  const windowBins = windowBinsFor(fit, options.windowBins, 2 * shiftBins);
  const sampler = (segments: readonly Segment[]): ShiftedSampler =>
    new ShiftedSampler(new WindowSampler(segments, windowBins + 2 * shiftBins), shiftBins);
  const plan: StepPlan = {
    kind: model.kind,
    config: model.config,
    shape: coreShape(model),
    windowBins,
    batchCount: options.batchCount,
    warmUpBins: Math.min(options.warmUpBins, Math.floor(windowBins / 4)),
    seed: options.seed,
    learns,
    rank,
    augmentation,
    ...(model.readIn === undefined
      ? {}
      : { sessions: [{ channelCount: model.shape.inputCount, rowCount: options.batchCount }] }),
  };
  const learnedOf = (learned: Tensors): Model => withLearned(model, kind, plan, learned);
  const pool = await host.makePool(kind, plan, [sessionData(model, recording)], model.tensors);
  try {
    const training: Training = {
      kind,
      plan,
      options: { ...options, windowBins },
      sampler: sampler(fit),
      initial: initialOf(model, kind, plan),
      pool,
      kernels: host.makeKernels(),
      validate: (learned) => task.validate(learnedOf(learned)),
      onProgress: (progress) => {
        task.onProgress(progress);
      },
      yieldToHost: () => host.yieldToHost(),
    };
    const trained = await trainDecoder(training);
    const refitted = await refitDecoder(
      { ...training, sampler: sampler(recording.segments), kernels: host.makeKernels() },
      trained,
    );
    return { chosen: learnedOf(trained.tensors), model: learnedOf(refitted), trained };
  } finally {
    pool.close();
  }
}

/** Leaves room at both ends of a window for the behaviour to be moved. */
export class ShiftedSampler {
  private readonly sampler: WindowSampler;
  private readonly shiftBins: number;

  constructor(sampler: WindowSampler, shiftBins: number) {
    this.sampler = sampler;
    this.shiftBins = shiftBins;
  }

  sample(rng: Rng, starts: Int32Array): void {
    this.sampler.sample(rng, starts);
    for (let i = 0; i < starts.length; i++) starts[i] += this.shiftBins;
  }
}

/** Normalised as the model does it. */
export function sessionData(model: Model, recording: BinnedRecording): TrainingData {
  const { featureMean, featureScale } = model.normalisation;
  const count = featureMean.length;
  return {
    features: recording.features.map((x, i) => (x - featureMean[i % count]) * featureScale[i % count]),
    targets: normalisedTargets(model, recording),
    restLevels: featureMean.map((mean, i) => mean * featureScale[i]),
  };
}

/** A model that has none gets the identity. */
function withReadIn(model: Model): Model {
  if (model.readIn !== undefined) return model;
  const { inputCount } = model.shape;
  const data = new Float32Array(inputCount * inputCount);
  for (let i = 0; i < inputCount; i++) data[i * (inputCount + 1)] = 1;
  return {
    ...model,
    readIn: {
      weight: { shape: [inputCount, inputCount], data },
      bias: { shape: [inputCount], data: new Float32Array(inputCount) },
    },
  };
}

/** Changes of low rank begin at zero: one factor random, the other zero. */
function initialOf(model: Model, kind: DecoderKind, plan: StepPlan): Tensors {
  const rng = new Rng(plan.seed);
  const known: Record<string, TensorData> = { ...model.tensors };
  const names = readInNames(0);
  if (model.readIn !== undefined) {
    known[names.weight] = model.readIn.weight;
    known[names.bias] = model.readIn.bias;
  }
  return Object.fromEntries(
    learnedParameters(kind, plan).map(({ name, shape }) => {
      if (Object.hasOwn(known, name)) return [name, known[name]];
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if (name.endsWith('.down'))
        for (let i = 0; i < data.length; i++) data[i] = rng.normal(0, 1 / Math.sqrt(shape[0]));
      return [name, { shape, data }];
    }),
  );
}

/** What was learned, put in its place; changes of low rank are merged. */
function withLearned(model: Model, kind: DecoderKind, plan: StepPlan, learned: Tensors): Model {
  const tensors = Object.entries(model.tensors).map(([name, tensor]): [string, TensorData] => {
    if (plan.learns === 'all') return [name, learned[name]];
    if (plan.learns === 'lowRank' && matrixNames(kind, plan).has(name))
      return [name, lowRankSum(tensor, name, learned)];
    return [name, tensor];
  });
  const names = readInNames(0);
  return {
    ...model,
    tensors: Object.fromEntries(tensors),
    ...(model.readIn === undefined
      ? {}
      : { readIn: { weight: learned[names.weight], bias: learned[names.bias] } }),
  };
}

function lowRankSum({ shape, data }: TensorData, name: string, learned: Tensors): TensorData {
  const names = lowRankNames(name);
  const up = learned[names.up];
  const down = learned[names.down];
  const [, cols] = shape;
  const rank = up.shape[1];
  const sum = data.map((w, i) => {
    const row = Math.floor(i / cols);
    const col = i % cols;
    let change = 0;
    for (let r = 0; r < rank; r++) change += up.data[row * rank + r] * down.data[col * rank + r];
    return w + change;
  });
  return { shape, data: sum };
}
