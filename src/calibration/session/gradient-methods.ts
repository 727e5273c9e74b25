/** The methods that train by gradient: parts of the base or all of it, or a model of the same kind that knows nothing. */
import { BetzError } from '../../core/errors.ts';
import type { Model } from '../../decoders/decoder.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { NO_AUGMENTATION } from '../augmentation.ts';
import { calibrateByGradient } from '../calibrate-gradient.ts';
import { unlabelledCounts } from '../stabilize.ts';
import { withReferenceSteps } from '../stabilize-model.ts';
import { inTurns } from '../steps.ts';
import type { TrainingOptions } from '../training.ts';
import { fineTune } from './fine-tune.ts';
import type { FineTuneSettings } from './fine-tune.ts';
import { fitReadout } from './readout-methods.ts';
import { onlySegments } from './ridge-baseline.ts';
import type { SessionMethod } from './session-methods.ts';
import { score } from './session-task.ts';
import type { Fitted, SessionTask } from './session-task.ts';

const DEFAULT_RANK = 4;

type GradientMethod = 'read-in' | 'ends' | 'lora' | 'full';

const READ_IN: Pick<FineTuneSettings, 'learns'> &
  Pick<TrainingOptions, 'stepCount' | 'batchCount' | 'peakRate'> = {
  learns: 'readIn',
  stepCount: 100,
  // With 32 windows 80 steps at 8e-3 take 1.6 times as long, and do no better.
  batchCount: 16,
  peakRate: 1e-2,
};
/** Chosen on simulated arrays (docs/bench.md): the more a method can change, the smaller its rate. */
const GRADIENT_SETTINGS: Readonly<Record<GradientMethod, typeof READ_IN>> = {
  'read-in': READ_IN,
  ends: READ_IN,
  lora: { learns: 'lowRank', stepCount: 200, batchCount: 32, peakRate: 3e-3 },
  full: { learns: 'all', stepCount: 200, batchCount: 32, peakRate: 1.5e-3 },
};
const REFIT_SHARE = 0.15;

export async function fitByGradient(task: SessionTask, method: GradientMethod): Promise<Fitted> {
  const { prepared, recording, blocks, options, host } = task;
  const { learns, stepCount, batchCount, peakRate } = GRADIENT_SETTINGS[method];
  const { trainingHints = {} } = findDecoderKind(prepared.kind);
  const steps = options.training?.stepCount ?? stepCount;
  const settings: FineTuneSettings = {
    learns,
    rank: options.rank ?? DEFAULT_RANK,
    augmentation: { ...NO_AUGMENTATION, dropout: 0.2, gainSpread: 0.1, offsetSpread: 0.1 },
    training: {
      batchCount,
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
  const learningCurve = trained.checks;
  // The read-in by gradient moves the latents to where the readout knows them; what is left is linear.
  const fitted =
    method === 'ends' ? await fitReadout(task, chosen, model) : { model, scores: score(task, chosen) };
  return { ...fitted, model: await ofSession(task, fitted.model), learningCurve };
}

/** What has learned from the session keeps its latents, for days without labels. */
function ofSession({ recording, options, host }: SessionTask, model: Model): Promise<Model> {
  const steps = withReferenceSteps(model, unlabelledCounts(recording), options.seed ?? 1);
  return inTurns(steps, () => host.yieldToHost());
}

/** The same kind and size, knowing nothing but the session. */
export async function fitFromScratch(task: SessionTask): Promise<Fitted> {
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
  return {
    model: await ofSession(task, model),
    scores: score(task, chosen),
    learningCurve: result.trained.checks,
  };
}

function unsupported(kind: string, method: SessionMethod): BetzError {
  return new BetzError('CAL_METHOD_UNSUPPORTED', `a '${kind}' model cannot be calibrated by '${method}'`, {
    value: method,
    tip: 'Use `betz calibrate --decoder` for kinds that are fitted in closed form.',
  });
}
