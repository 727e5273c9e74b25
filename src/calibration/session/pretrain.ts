/**
 * Pretraining over sessions: a read-in for each (their channels may differ in number and order), one core and one readout for all.
 * Features are normalised by session, outputs by what all sessions have in common. The last stretch of every session is held out
 * to choose by; a short second cycle then learns from it too (training.ts).
 */
import { BetzError } from '../../core/errors.ts';
import type { BinnedRecording } from '../../core/recording.ts';
import { Rng } from '../../core/rng.ts';
import type { DecoderKind, Model, ReadIn, TensorData, Tensors } from '../../decoders/decoder.ts';
import { parseConfig } from '../../decoders/parse-config.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { NO_AUGMENTATION } from '../augmentation.ts';
import type { Augmentation } from '../augmentation.ts';
import type { CalibrationHost } from '../calibrate.ts';
import { REFIT_SHARE, TRAINING_DEFAULTS } from '../calibrate-gradient.ts';
import { withDriftReference } from '../drift/model-drift.ts';
import { withReadInStatistics } from '../hebbian/read-in-statistics.ts';
import { learnedData } from '../learned-data.ts';
import { unlabelledCounts } from '../stabilize.ts';
import { withReferenceSteps } from '../stabilize-model.ts';
import { readInNames } from '../step-plan.ts';
import type { StepPlan } from '../step-plan.ts';
import { inTurns } from '../steps.ts';
import { refitDecoder, trainDecoder } from '../training.ts';
import type {
  Trained,
  Training,
  TrainingCheckpoint,
  TrainingOptions,
  TrainingProgress,
} from '../training.ts';
import { clipSegments, windowBinsFor } from '../training-windows.ts';
import type { BatchSampler } from '../training-windows.ts';
import { sessionData } from './fine-tune.ts';
import { prepareSessions, SessionsSampler, shareRows } from './pretraining-sessions.ts';
import type { PretrainingSession } from './pretraining-sessions.ts';
import { decodeSession, scoreBlocks } from './session-scores.ts';

export interface PretrainOptions {
  kind: string;
  config?: Readonly<Record<string, unknown>>;
  /** Inputs of the core. Default: 48, or the fewest channels of a session if those are fewer. */
  latentCount?: number;
  training?: Partial<TrainingOptions>;
  augmentation?: Partial<Augmentation>;
  onProgress?: (progress: TrainingProgress) => void;
  /** Where an interrupted pretraining with the same recordings and options goes on. */
  resume?: TrainingCheckpoint;
  /** Called after every step; `take` copies what `resume` needs. */
  onStep?: (take: () => TrainingCheckpoint) => void;
}

export interface Pretraining {
  /** The last recording is the session that it decodes, and the reference that another day is stabilised to. */
  model: Model;
  trained: Trained;
  options: TrainingOptions;
  /** On the held-out end of each recording, before the second cycle; choices were made by their mean. */
  heldOutR2: readonly { recording: string; r2Mean: number }[];
  trainSeconds: number;
}

const LATENT_COUNT = 48;
/** How often the first cycle goes over all sessions together: they differ, so fewer passes than over a single one. */
const PASS_COUNT = 50;
const STEP_COUNT_MIN = 300;
const STEP_COUNT_MAX = 3000;
/** As another day might have recorded it, so that the core learns little that a day can take away. */
const AUGMENTATION: Augmentation = {
  ...NO_AUGMENTATION,
  dropout: 0.3,
  channelDropout: 0.05,
  gainSpread: 0.1,
  offsetSpread: 0.1,
};
const NS_PER_S = 1e9;

/**
 * @param recordings in time order; one or more
 * @throws BetzError CAL_SESSION_REPEATED, CAL_SESSIONS_DIFFER, CAL_RECORDING_TOO_SHORT, CAL_TARGET_CONSTANT, CAL_FEATURES_CONSTANT, CAL_METHOD_UNSUPPORTED,
 * CAL_SEGMENTS_TOO_SHORT, CAL_DIVERGED
 */
export async function pretrain(
  recordings: readonly BinnedRecording[],
  options: PretrainOptions,
  host: CalibrationHost,
): Promise<Pretraining> {
  const startNs = host.clock.nowNs();
  const kind = findDecoderKind(options.kind);
  expectAlike(recordings, kind);
  const sessions = prepareSessions(recordings);
  const given = { ...TRAINING_DEFAULTS, ...hintsOf(kind), ...options.training };
  const batchCount = Math.max(given.batchCount, recordings.length);
  const latentCount =
    options.latentCount ?? Math.min(LATENT_COUNT, ...recordings.map(({ channels }) => channels.length));
  const augmentation = { ...AUGMENTATION, ...options.augmentation };
  const trainSegments = sessions.map(({ recording, train }) => clipSegments(recording.segments, train));
  // Each session has to hold windows: short trials of one shorten those of all.
  const windowBins = Math.min(
    ...trainSegments.map((segments) => windowBinsFor(segments, given.windowBins, 2 * augmentation.shiftBins)),
  );
  const plan: StepPlan = {
    kind: kind.name,
    // Features are dropped before the read-in, where they are channels.
    config: parseConfig(kind, { inputDropout: 0, ...options.config }),
    shape: { inputCount: latentCount, outputCount: recordings[0].target.labels.length },
    windowBins,
    batchCount,
    warmUpBins: Math.min(given.warmUpBins, Math.floor(windowBins / 4)),
    seed: given.seed,
    sessions: shareRows(batchCount, recordings),
    augmentation,
  };
  const binCount = sessions.reduce((sum, { train }) => sum + train.endBin - train.startBin, 0);
  const stepCount = options.training?.stepCount ?? defaultStepCount(binCount, batchCount * windowBins);
  const training: TrainingOptions = {
    refitStepCount: Math.round(stepCount * REFIT_SHARE),
    ...given,
    batchCount,
    windowBins,
    stepCount,
  };
  const modelOf = (tensors: Tensors, session: number): Model =>
    assemble(kind, plan, sessions, tensors, session);
  const heldOut = (tensors: Tensors): number[] =>
    sessions.map(({ recording, validation }, session) => {
      const outputs = decodeSession(modelOf(tensors, session), recording, host.makeKernels());
      return scoreBlocks(recording, outputs, clipSegments(recording.segments, validation)).metrics.r2Mean;
    });
  const data = sessions.map(({ recording }, session) => sessionData(modelOf({}, session), recording));
  const pool = await host.makePool(kind, plan, data);
  try {
    const sampler = (segments: readonly (readonly { startBin: number; endBin: number }[])[]): BatchSampler =>
      new SessionsSampler(plan, segments, augmentation.shiftBins);
    const task: Training = {
      kind,
      plan,
      options: training,
      sampler: sampler(trainSegments),
      initial: initialise(kind, plan),
      pool,
      kernels: host.makeKernels(),
      validate: (tensors) => mean(heldOut(tensors)),
      onProgress: (progress) => options.onProgress?.(progress),
      yieldToHost: () => host.yieldToHost(),
      ...(options.resume === undefined ? {} : { resume: options.resume }),
      ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
    };
    const trained = await trainDecoder(task);
    const scores = heldOut(trained.tensors);
    const whole = sampler(recordings.map(({ segments }) => segments));
    const tensors = await refitDecoder({ ...task, sampler: whole, kernels: host.makeKernels() }, trained);
    const last = sessions.length - 1;
    const day = unlabelledCounts(recordings[last]);
    const known = withReadInStatistics(modelOf(tensors, last), day.counts);
    const aligned = await inTurns(withReferenceSteps(known, day, given.seed), () => host.yieldToHost());
    const model = withDriftReference(aligned, recordings[last]);
    const heldOutR2 = recordings.map(({ name }, i) => ({ recording: name, r2Mean: scores[i] }));
    const trainSeconds = (host.clock.nowNs() - startNs) / NS_PER_S;
    const provenance = {
      recording: recordings[last].name,
      pretrainedOn: heldOutR2,
      ...learnedData(recordings),
      lagMs: recordings[0].lagMs ?? 0,
      training,
      augmentation,
      threadCount: pool.threadCount,
      bestStep: trained.bestStep,
      checks: trained.checks,
      trainSeconds,
    };
    return { model: { ...model, provenance }, trained, options: training, heldOutR2, trainSeconds };
  } finally {
    pool.close();
  }
}

/** But for the number of passes, which is another one over many sessions. */
function hintsOf({ trainingHints = {} }: DecoderKind): Partial<TrainingOptions> {
  const hints = { ...trainingHints };
  delete hints.passCount;
  return hints;
}

/** The core as its authors do it; read-ins as PyTorch's linear layer, uniform in +-1/sqrt(channels). */
function initialise(kind: DecoderKind, plan: StepPlan): Tensors {
  const rng = new Rng(plan.seed);
  const tensors: Record<string, TensorData> = { ...kind.initialise(plan.config, plan.shape, rng) };
  const latentCount = plan.shape.inputCount;
  plan.sessions?.forEach(({ channelCount }, session) => {
    // Normalised channels and latents both have a variance of about 1.
    const bound = Math.sqrt(3 / channelCount);
    const { weight, bias } = readInNames(session);
    const data = Float32Array.from({ length: latentCount * channelCount }, () => rng.uniform(-bound, bound));
    tensors[weight] = { shape: [latentCount, channelCount], data };
    tensors[bias] = { shape: [latentCount], data: new Float32Array(latentCount) };
  });
  return tensors;
}

/** The model that decodes one of the sessions; without tensors, only its normalisation means anything. */
function assemble(
  kind: DecoderKind,
  plan: StepPlan,
  sessions: readonly PretrainingSession[],
  tensors: Tensors,
  session: number,
): Model {
  const { recording, normalisation } = sessions[session];
  const readInOf = (index: number): ReadIn => {
    const { weight, bias } = readInNames(index);
    return { weight: tensors[weight], bias: tensors[bias] };
  };
  const { name, labels, unit } = recording.target;
  const core = kind.parameters(plan.config, plan.shape).map(({ name: each }) => [each, tensors[each]]);
  return {
    kind: kind.name,
    config: plan.config,
    shape: { inputCount: recording.channels.length, outputCount: labels.length },
    tensors: Object.fromEntries(core) as Tensors,
    readIn: readInOf(session),
    sessions: sessions.flatMap((other, index) =>
      index === session
        ? []
        : [
            {
              name: other.recording.name,
              channelLabels: other.recording.channels.map(({ label }) => label),
              featureMean: other.normalisation.featureMean,
              featureScale: other.normalisation.featureScale,
              readIn: readInOf(index),
            },
          ],
    ),
    normalisation,
    features: {
      name: 'spikeCounts',
      smoothing: 0,
      channelLabels: recording.channels.map(({ label }) => label),
    },
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance: {},
  };
}

function defaultStepCount(binCount: number, binsPerStep: number): number {
  const first = Math.min(STEP_COUNT_MAX, Math.max(STEP_COUNT_MIN, (PASS_COUNT * binCount) / binsPerStep));
  return Math.round(first / (1 - REFIT_SHARE));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function expectAlike(recordings: readonly BinnedRecording[], kind: DecoderKind): void {
  if (kind.ends === undefined) {
    throw new BetzError('CAL_METHOD_UNSUPPORTED', `a '${kind.name}' decoder cannot be pretrained`, {
      value: kind.name,
      tip: 'Choose a kind that is trained by gradient, for example gru.',
    });
  }
  const describe = ({ binMs, target, lagMs = 0 }: BinnedRecording): string =>
    `${target.name} ${target.labels.join(', ')} in ${target.unit} ${lagMs} ms after bins of ${binMs} ms`;
  const repeated = recordings.find((recording, i) =>
    recordings.slice(0, i).some((earlier) => holdsTheSame(earlier, recording)),
  );
  if (repeated !== undefined) {
    throw new BetzError('CAL_SESSION_REPEATED', `'${repeated.name}' is given twice, under one name or two`, {
      value: repeated.name,
      tip: 'Give every session once: one that counts double would weigh more than the others.',
    });
  }
  const [first, ...others] = recordings;
  const other = others.find((recording) => describe(recording) !== describe(first));
  if (other === undefined) return;
  throw new BetzError(
    'CAL_SESSIONS_DIFFER',
    `'${first.name}' has ${describe(first)}, and '${other.name}' has ${describe(other)}`,
    { value: other.name, tip: 'Sessions share one core: give all the same behaviour and bin width.' },
  );
}

function holdsTheSame(one: BinnedRecording, other: BinnedRecording): boolean {
  return (
    one.features.length === other.features.length &&
    one.features.every((count, i) => count === other.features[i])
  );
}
