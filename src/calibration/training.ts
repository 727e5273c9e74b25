/**
 * Gradient training of a decoder: AdamW, one-cycle learning rate, clipping, windows of the training part in random
 * order, and the best of a few checks on the validation part (the streaming decoder itself is run there, so what is
 * chosen is what will be used).
 */
import { Rng } from '../core/rng.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { AdamW, oneCycleRate } from '../tensor/optimiser.ts';
import type { DecoderKind, Tensors } from '../decoders/decoder.ts';
import type { GradientPool } from './gradient-pool.ts';
import { layoutParameters, unflatten, updateGroups } from './gradient-shard.ts';
import type { ParameterLayout, StepPlan } from './gradient-shard.ts';
import type { WindowSampler } from './training-windows.ts';
import { BetzError } from '../core/errors.ts';

export interface TrainingOptions {
  stepCount: number;
  batchCount: number;
  windowBins: number;
  /** Bins at the start of a window that do not count in the loss. */
  warmUpBins: number;
  /** Highest learning rate of the cycle. */
  peakRate: number;
  weightDecay: number;
  clipNorm: number;
  /** Checks on the validation part, evenly spread over the second half of the training. */
  checkCount: number;
  seed: number;
}

export interface TrainingProgress {
  step: number;
  stepCount: number;
  /** Mean squared error of the last batch in units of the target's variance. */
  loss: number;
  /** Of the last check; NaN before the first. */
  validationR2: number;
}

export interface Training {
  kind: DecoderKind;
  plan: StepPlan;
  options: TrainingOptions;
  sampler: WindowSampler;
  pool: GradientPool;
  /** For the optimiser: an instance of its own. */
  kernels: Kernels;
  /** Scores a set of tensors on the validation part (mean R2). */
  validate(tensors: Tensors): number;
  onProgress(progress: TrainingProgress): void;
  /** Called between steps so that the host can handle its events. */
  yieldToHost(): Promise<void>;
}

export interface Trained {
  tensors: Tensors;
  bestStep: number;
  /** Mean R2 on the validation part after that step. */
  bestR2: number;
  checks: { step: number; loss: number; validationR2: number }[];
}

/** @throws BetzError CAL_DIVERGED */
export async function trainDecoder(training: Training): Promise<Trained> {
  const { kind, plan, options, sampler, pool, kernels } = training;
  const rng = new Rng(options.seed);
  const layout = layoutParameters(kind.parameters(plan.config, plan.shape));
  const { clipNorm, weightDecay, peakRate, stepCount } = options;
  const optimiser = new AdamW(kernels, layout.count, { clipNorm, weightDecay }, updateGroups(layout));
  flatten(layout, kind.initialise(plan.config, plan.shape, rng), optimiser.parameters);
  const starts = new Int32Array(plan.batchCount);
  const checkSteps = checkSchedule(stepCount, options.checkCount);
  const trained: Trained = { tensors: {}, bestStep: 0, bestR2: -Infinity, checks: [] };
  let validationR2 = Number.NaN;
  for (let step = 1; step <= stepCount; step++) {
    sampler.sample(rng, starts);
    const loss = pool.run(step, optimiser.parameters, starts, optimiser.gradients);
    if (!Number.isFinite(loss)) throw diverged(step, peakRate);
    optimiser.step(oneCycleRate(step - 1, stepCount, { peakRate }));
    if (checkSteps.has(step)) {
      const tensors = unflatten(layout, optimiser.parameters);
      validationR2 = training.validate(tensors);
      trained.checks.push({ step, loss, validationR2 });
      if (validationR2 > trained.bestR2) {
        trained.bestR2 = validationR2;
        trained.tensors = tensors;
        trained.bestStep = step;
      }
    }
    training.onProgress({ step, stepCount, loss, validationR2 });
    await training.yieldToHost();
  }
  if (trained.bestStep === 0) throw diverged(stepCount, peakRate);
  return trained;
}

/** The steps after which to check: evenly spread over the second half, the last one included. */
function checkSchedule(stepCount: number, checkCount: number): Set<number> {
  const first = Math.ceil(stepCount / 2);
  return new Set(
    Array.from({ length: checkCount }, (_, i) =>
      Math.max(1, Math.round(first + ((stepCount - first) * (i + 1)) / checkCount)),
    ),
  );
}

function flatten(layout: ParameterLayout, tensors: Tensors, flat: Float32Array): void {
  for (const { name, offset } of layout.entries) flat.set(tensors[name].data, offset);
}

function diverged(step: number, peakRate: number): BetzError {
  return new BetzError('CAL_DIVERGED', `training diverged at step ${step}`, {
    value: peakRate,
    tip: 'Lower the learning rate, or check the recording for artefacts.',
  });
}
