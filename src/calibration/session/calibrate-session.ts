/**
 * Calibration of a model to a new session from a little data: the candidate beside the decoder in service and the ridge baseline,
 * all judged on the same held-out blocks.
 */
import { BetzError } from '../../core/errors.ts';
import type { BinnedRecording, Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { NO_AUGMENTATION } from '../augmentation.ts';
import { calibrateByGradient } from '../calibrate-gradient.ts';
import type { CalibrationHost } from '../calibrate.ts';
import { expectMovement } from '../normalisation.ts';
import { stabilizeModel } from '../stabilize-model.ts';
import type { UnlabelledCounts } from '../stabilize.ts';
import type { TrainingOptions, TrainingProgress } from '../training.ts';
import { fineTune } from './fine-tune.ts';
import type { FineTuneSettings } from './fine-tune.ts';
import { frozenFeatures } from './frozen-features.ts';
import { holdOutBlocks } from './held-out-blocks.ts';
import type { HeldOutBlocks } from './held-out-blocks.ts';
import {
  applyReadout,
  fitReadouts,
  normalisedTargets,
  READOUT_PENALTIES,
  readoutOf,
  withReadout,
} from './readout-fit.ts';
import { RecursiveReadout } from './recursive-least-squares.ts';
import { onlySegments, ridgeBaseline } from './ridge-baseline.ts';
import { expectGradientKind, prepareForSession } from './session-model.ts';
import { decodeSession, scoreBlocks } from './session-scores.ts';
import type { BlockScores } from './session-scores.ts';

/** What can be learned from a session, from the quickest on. */
const SUPERVISED_METHODS = ['readout', 'rls', 'read-in', 'lora', 'full', 'scratch'] as const;
/**
 * Without labels: `normalise` only moves the features' z-scores, `stabilize` aligns the latents of a model that has them. `auto` tries what suits the amount of data.
 */
export const SESSION_METHODS = [...SUPERVISED_METHODS, 'normalise', 'stabilize', 'auto'] as const;
export type SessionMethod = (typeof SESSION_METHODS)[number];

export interface SessionOptions {
  method: SessionMethod;
  seed?: number;
  /** Of methods that train by gradient; defaults suit each. */
  training?: Partial<TrainingOptions>;
  /** Of `lora`. */
  rank?: number;
  onProgress?: (progress: TrainingProgress & { method: SessionMethod }) => void;
  /** Told of every candidate when it is ready: with `auto` the quick one comes first. */
  onCandidate?: (candidate: SessionCandidate) => void;
}

export interface SessionCandidate {
  method: SessionMethod;
  /** Fitted on all data, after the choices were made. */
  model: Model;
  /** On the held-out blocks, before it learned from them. */
  scores: BlockScores;
  /** How long the fit took, without the evaluation of others. */
  fitSeconds: number;
  /** Of methods that train by gradient: what was seen on the way. */
  learningCurve: readonly { step: number; loss: number; validationR2: number }[];
}

export interface SessionCalibration {
  /** The last of `tried`, unless an earlier one is clearly better. */
  candidate: SessionCandidate;
  tried: readonly SessionCandidate[];
  blocks: HeldOutBlocks;
  /** The decoder in service, as it is. */
  inService: BlockScores;
  baseline: BlockScores;
}

interface Task {
  base: Model;
  /** The base with the session's channels and z-scores. */
  prepared: Model;
  recording: BinnedRecording;
  blocks: HeldOutBlocks;
  options: SessionOptions;
  host: CalibrationHost;
}

const NS_PER_S = 1e9;
/** From here on `auto` trusts the data with all weights. */
const AUTO_FULL_S = 120;
const DEFAULT_RANK = 4;
const EARLIER_MARGIN = 0.1;

/**
 * @param base the decoder in service; what is calibrated begins from it
 * @param recording the session's data: features, and the behaviour that goes with them
 * @throws BetzError CAL_SESSION_TOO_SHORT, CAL_TARGET_CONSTANT, CAL_FEATURES_CONSTANT, CAL_CHANNELS_UNMATCHED,
 * CAL_METHOD_UNSUPPORTED, CAL_DIVERGED, DEC_BIN_MISMATCH, DEC_OUTPUT_MISMATCH
 */
export async function calibrateSession(
  base: Model,
  recording: BinnedRecording,
  options: SessionOptions,
  host: CalibrationHost,
): Promise<SessionCalibration> {
  const blocks = holdOutBlocks(recording);
  for (const part of [blocks.fit, blocks.heldOut]) expectMovementIn(recording, part);
  const prepared = prepareForSession(base, recording);
  const task: Task = { base, prepared, recording, blocks, options, host };
  const tried: SessionCandidate[] = [];
  for (const method of methodsOf(options.method, recording)) {
    await host.yieldToHost();
    const candidate = await fitCandidate(task, method);
    options.onCandidate?.(candidate);
    tried.push(candidate);
  }
  const candidate = tried.reduce((best, next) => (isBetter(best, next) ? best : next));
  const inService = scoreInService(task);
  const baseline = score(task, await ridgeBaseline(recording, blocks.fit, host));
  return { candidate, tried, blocks, inService, baseline };
}

/**
 * Later ones are slower because they are better: an earlier one has to be clearly better to be preferred, for the held-out blocks
 * of some seconds of data say little.
 */
function isBetter(earlier: SessionCandidate, later: SessionCandidate): boolean {
  return earlier.scores.metrics.r2Mean > later.scores.metrics.r2Mean + EARLIER_MARGIN;
}

function methodsOf(method: SessionMethod, { binCount, binMs }: BinnedRecording): SessionMethod[] {
  if (method !== 'auto') return [method];
  return ['readout', (binCount * binMs) / 1000 >= AUTO_FULL_S ? 'full' : 'read-in'];
}

async function fitCandidate(task: Task, method: SessionMethod): Promise<SessionCandidate> {
  const { host } = task;
  const startNs = host.clock.nowNs();
  const fitted = await fitBy(task, method);
  return { method, learningCurve: [], ...fitted, fitSeconds: (host.clock.nowNs() - startNs) / NS_PER_S };
}

type Fitted = Pick<SessionCandidate, 'model' | 'scores'> & Partial<Pick<SessionCandidate, 'learningCurve'>>;

async function fitBy(task: Task, method: SessionMethod): Promise<Fitted> {
  const { prepared } = task;
  switch (method) {
    case 'normalise':
      return { model: prepared, scores: score(task, prepared) };
    case 'stabilize': {
      const { model } = stabilizeModel(task.base, unlabelled(task.recording), {
        seed: task.options.seed ?? 1,
      });
      return { model, scores: score(task, model) };
    }
    case 'scratch':
      return fitFromScratch(task);
    case 'readout':
      expectGradientKind(prepared, method);
      return fitReadout(task);
    case 'rls':
      expectGradientKind(prepared, method);
      return learnBinByBin(task);
    case 'read-in':
    case 'lora':
    case 'full':
      expectGradientKind(prepared, method);
      return fitByGradient(task, method);
    case 'auto':
      throw new Error('assertion failed: auto is taken apart before');
  }
}

/** Frozen features are computed once; a penalty is chosen on the held-out blocks, and used on all data. */
function fitReadout({ prepared, recording, blocks, host }: Task): Fitted {
  const features = frozenFeatures(prepared, recording, host.makeKernels());
  const targets = normalisedTargets(prepared, recording);
  const prior = readoutOf(prepared);
  const scored = fitReadouts(prior, features, targets, blocks.fit, READOUT_PENALTIES).map((readout) =>
    scoreBlocks(recording, inUnits(prepared, applyReadout(readout, features)), blocks.heldOut),
  );
  const best = scored.reduce(
    (at, { metrics }, i) => (metrics.r2Mean > scored[at].metrics.r2Mean ? i : at),
    0,
  );
  const [readout] = fitReadouts(prior, features, targets, recording.segments, [READOUT_PENALTIES[best]]);
  return { model: withReadout(prepared, readout), scores: scored[best] };
}

const RLS_PRIOR_BINS = 30;

/** Each held-out block is predicted before anything of it is learned. */
function learnBinByBin({ prepared, recording, blocks, host }: Task): Fitted {
  const features = frozenFeatures(prepared, recording, host.makeKernels());
  const targets = normalisedTargets(prepared, recording);
  const featureCount = features.length / recording.binCount;
  const outputCount = recording.target.labels.length;
  const learn = (rows: readonly Segment[], outputs?: Float32Array): RecursiveReadout => {
    const recursive = new RecursiveReadout(readoutOf(prepared), {
      halfLifeBins: Infinity,
      priorBins: RLS_PRIOR_BINS,
    });
    const isLearned = markRows(rows, recording.binCount);
    for (let bin = 0; bin < recording.binCount; bin++) {
      const row = features.subarray(bin * featureCount, (bin + 1) * featureCount);
      if (outputs !== undefined)
        recursive.predict(row, outputs.subarray(bin * outputCount, (bin + 1) * outputCount));
      if (isLearned[bin] === 1)
        recursive.learn(row, targets.subarray(bin * outputCount, (bin + 1) * outputCount));
    }
    return recursive;
  };
  const outputs = new Float32Array(targets.length);
  learn(blocks.fit, outputs);
  const scores = scoreBlocks(recording, inUnits(prepared, outputs), blocks.heldOut);
  return { model: withReadout(prepared, learn(recording.segments).refresh()), scores };
}

function markRows(rows: readonly Segment[], binCount: number): Uint8Array {
  const marked = new Uint8Array(binCount);
  for (const { startBin, endBin } of rows) marked.fill(1, startBin, endBin);
  return marked;
}

/** Chosen on days 30 of simulated arrays (docs/bench.md): the more a method can change, the smaller its rate. */
const GRADIENT_SETTINGS: Readonly<
  Record<
    'read-in' | 'lora' | 'full',
    Pick<FineTuneSettings, 'learns'> & { stepCount: number; peakRate: number }
  >
> = {
  'read-in': { learns: 'readIn', stepCount: 160, peakRate: 4e-3 },
  lora: { learns: 'lowRank', stepCount: 200, peakRate: 3e-3 },
  full: { learns: 'all', stepCount: 200, peakRate: 1.5e-3 },
};
const REFIT_SHARE = 0.15;

async function fitByGradient(task: Task, method: 'read-in' | 'lora' | 'full'): Promise<Fitted> {
  const { prepared, recording, blocks, options, host } = task;
  const { learns, stepCount, peakRate } = GRADIENT_SETTINGS[method];
  const { trainingHints = {} } = findDecoderKind(prepared.kind);
  const steps = options.training?.stepCount ?? stepCount;
  const settings: FineTuneSettings = {
    learns,
    rank: options.rank ?? DEFAULT_RANK,
    augmentation: { ...NO_AUGMENTATION, dropout: 0.2, gainSpread: 0.1, offsetSpread: 0.1 },
    training: {
      batchCount: 32,
      windowBins: trainingHints.windowBins ?? 100,
      warmUpBins: trainingHints.warmUpBins ?? 10,
      peakRate,
      weightDecay: 0,
      clipNorm: 1,
      checkCount: 4,
      seed: options.seed ?? 1,
      refitStepCount: Math.round(REFIT_SHARE * steps),
      ...options.training,
      stepCount: steps,
    },
  };
  const { chosen, model, trained } = await fineTune(
    {
      model: prepared,
      recording,
      fit: blocks.fit,
      validate: (candidate) => score(task, candidate).metrics.r2Mean,
      onProgress: (progress) => options.onProgress?.({ ...progress, method }),
    },
    settings,
    host,
  );
  return { model, scores: score(task, chosen), learningCurve: trained.checks };
}

/** The same kind and size, knowing nothing but the session. */
async function fitFromScratch(task: Task): Promise<Fitted> {
  const { base, recording, blocks, options, host } = task;
  const kind = findDecoderKind(base.kind);
  if (kind.training !== 'gradient') throw unsupported(base.kind, 'scratch');
  // In this order, so that what is held out is what choices are made by.
  const gathered = onlySegments(recording, [...blocks.fit, ...blocks.heldOut]);
  const trainEnd = blocks.fit.reduce((sum, { startBin, endBin }) => sum + endBin - startBin, 0);
  const whole = { startBin: 0, endBin: gathered.binCount };
  const result = await calibrateByGradient(
    gathered,
    {
      train: { startBin: 0, endBin: trainEnd },
      validation: { startBin: trainEnd, endBin: gathered.binCount },
      fit: whole,
      test: whole,
    },
    kind,
    kind.configSchema.parse({ ...base.config, inputDropout: undefined }),
    { seed: options.seed ?? 1, ...options.training },
    host,
    (progress) => options.onProgress?.({ ...progress, method: 'scratch' }),
  );
  const { smoothing, ...fitted } = result.model;
  const { name, labels, unit } = recording.target;
  const channelLabels = recording.channels.map(({ label }) => label);
  const model: Model = {
    kind: base.kind,
    ...fitted,
    features: { name: 'spikeCounts', smoothing, channelLabels },
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance: {},
  };
  const chosen = { ...model, tensors: result.trained.tensors };
  return { model, scores: score(task, chosen), learningCurve: result.trained.checks };
}

function unlabelled({ features, channels }: BinnedRecording): UnlabelledCounts {
  return { counts: features, channelLabels: channels.map(({ label }) => label) };
}

function scoreInService(task: Task): BlockScores {
  const { base, recording } = task;
  const labels = recording.channels.map(({ label }) => label).join('\n');
  // With other channels it cannot run at all: as it would with those that it knows, and its own z-scores.
  if (base.features.channelLabels.join('\n') === labels) return score(task, base);
  return score(task, task.prepared);
}

function score({ recording, blocks, host }: Task, model: Model): BlockScores {
  return scoreBlocks(recording, decodeSession(model, recording, host.makeKernels()), blocks.heldOut);
}

function inUnits({ normalisation }: Model, outputs: Float32Array): Float32Array {
  const { outputMean, outputScale } = normalisation;
  const count = outputMean.length;
  return outputs.map((y, i) => y * outputScale[i % count] + outputMean[i % count]);
}

function expectMovementIn(recording: BinnedRecording, segments: readonly Segment[]): void {
  const { target, binCount } = onlySegments(recording, segments);
  expectMovement(target, { startBin: 0, endBin: binCount });
}

function unsupported(kind: string, method: SessionMethod): BetzError {
  return new BetzError('CAL_METHOD_UNSUPPORTED', `a '${kind}' model cannot be calibrated by '${method}'`, {
    value: method,
    tip: 'Use `betz calibrate --decoder` for kinds that are fitted in closed form.',
  });
}
