/**
 * Gradient training of a decoder: AdamW, one-cycle learning rate, clipping, windows of the training part in random
 * order, and the best of a few checks on the validation part (the streaming decoder itself is run there); then a short
 * second cycle that learns from the validation part too.
 */
import { Rng } from '../core/rng.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { AdamW, oneCycleRate } from '../tensor/optimiser.ts';
import type { AdamWState } from '../tensor/optimiser.ts';
import type { DecoderKind, Tensors } from '../decoders/decoder.ts';
import type { GradientPool } from './gradient-pool.ts';
import { layoutParameters, learnedParameters, unflatten, updateGroups } from './step-plan.ts';
import type { ParameterLayout, StepPlan } from './step-plan.ts';
import type { BatchSampler } from './training-windows.ts';
import { BetzError } from '../core/errors.ts';

/** Peak learning rate of the second cycle, as a share of the first one's: it amends and does not start anew. */
const REFIT_RATE = 0.4;

export interface TrainingOptions {
  /** Of both cycles. */
  stepCount: number;
  /** Of these the steps of the cycle that follows the choice; 0 for none. */
  refitStepCount: number;
  batchCount: number;
  windowBins: number;
  /** Bins at the start of a window that do not count in the loss. */
  warmUpBins: number;
  /** Highest learning rate of the cycle. */
  peakRate: number;
  weightDecay: number;
  clipNorm: number;
  /** Checks on the validation part, evenly spread over the second half of the first cycle. */
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
  sampler: BatchSampler;
  /** What training begins with: the learned parameters. Default: as the kind initialises them. */
  initial?: Tensors;
  pool: GradientPool;
  /** For the optimiser: an instance of its own. */
  kernels: Kernels;
  /** Scores a set of tensors on the validation part (mean R2). */
  validate(tensors: Tensors): number;
  onProgress(progress: TrainingProgress): void;
  /** Where an interrupted training goes on; everything else has to be as it was. */
  resume?: TrainingCheckpoint;
  /** Called after every step; `take` copies what `resume` needs. */
  onStep?(take: () => TrainingCheckpoint): void;
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

/** A training between two steps. */
export interface TrainingCheckpoint {
  /** It is in the second cycle. */
  isRefit: boolean;
  /** Steps of the cycle that are done. */
  index: number;
  optimiser: AdamWState;
  rng: readonly number[];
  /** What the first cycle has chosen so far. */
  trained: Trained;
}

/** @throws BetzError CAL_DIVERGED */
export async function trainDecoder(training: Training): Promise<Trained> {
  const { kind, plan, options, resume } = training;
  const { peakRate } = options;
  const stepCount = options.stepCount - options.refitStepCount;
  const rng = new Rng(options.seed);
  const initial = training.initial ?? kind.initialise(plan.config, plan.shape, rng);
  const checkSteps = checkSchedule(stepCount, options.checkCount);
  const trained: Trained = resume?.trained ?? { tensors: {}, bestStep: 0, bestR2: -Infinity, checks: [] };
  if (resume?.isRefit === true) return trained;
  let validationR2 =
    trained.checks.length === 0 ? Number.NaN : trained.checks[trained.checks.length - 1].validationR2;
  await runCycle(
    training,
    { initial, rng, firstStep: 1, stepCount, peakRate },
    trained,
    (step, loss, current) => {
      if (checkSteps.has(step)) {
        const tensors = current();
        validationR2 = training.validate(tensors);
        trained.checks.push({ step, loss, validationR2 });
        if (validationR2 > trained.bestR2) {
          trained.bestR2 = validationR2;
          trained.tensors = tensors;
          trained.bestStep = step;
        }
      }
      return validationR2;
    },
  );
  if (trained.bestStep === 0) throw diverged(stepCount, peakRate);
  return trained;
}

/**
 * A second, short and gentle cycle that starts from the chosen tensors, for a sampler that also draws from the validation
 * part: what is held out for choosing is the nearest in time to what will be decoded. Nothing is chosen any more.
 * @throws BetzError CAL_DIVERGED
 */
export async function refitDecoder(training: Training, trained: Trained): Promise<Tensors> {
  const { stepCount, refitStepCount, peakRate, seed } = training.options;
  const { tensors, bestR2 } = trained;
  if (refitStepCount === 0) return tensors;
  const cycle: Cycle = {
    initial: tensors,
    rng: new Rng(seed),
    firstStep: stepCount - refitStepCount + 1,
    stepCount: refitStepCount,
    peakRate: peakRate * REFIT_RATE,
  };
  const refitted = await runCycle(training, cycle, trained, () => bestR2);
  // A loss is checked before the step that it leads to: nothing has looked at what the last one made.
  const isFinite = Object.values(refitted).every(({ data }) => data.every(Number.isFinite));
  if (!isFinite) throw diverged(stepCount, cycle.peakRate);
  return refitted;
}

interface Cycle {
  initial: Tensors;
  /** Draws the batches. */
  rng: Rng;
  /** Number of the first step: dropout masks depend on it. */
  firstStep: number;
  stepCount: number;
  peakRate: number;
}

/**
 * One cycle of learning rates, or what is left of it.
 * @param trained for checkpoints
 * @param afterStep gives the held-out R2 to report; `current` copies the tensors
 * @returns the tensors after the last step
 */
async function runCycle(
  training: Training,
  { initial, rng, firstStep, stepCount, peakRate }: Cycle,
  trained: Trained,
  afterStep: (step: number, loss: number, current: () => Tensors) => number,
): Promise<Tensors> {
  const { kind, plan, options, sampler, pool, kernels, resume } = training;
  const layout = layoutParameters(learnedParameters(kind, plan));
  const { clipNorm, weightDecay } = options;
  const optimiser = new AdamW(kernels, layout.count, { clipNorm, weightDecay }, updateGroups(layout));
  flatten(layout, initial, optimiser.parameters);
  const isRefit = firstStep > 1;
  let from = 0;
  if (resume?.isRefit === isRefit) {
    optimiser.loadState(resume.optimiser);
    rng.loadState(resume.rng);
    from = resume.index;
  }
  const current = (): Tensors => unflatten(layout, optimiser.parameters);
  const starts = new Int32Array(plan.batchCount);
  for (let index = from; index < stepCount; index++) {
    const step = firstStep + index;
    sampler.sample(rng, starts);
    const loss = pool.run(step, optimiser.parameters, starts, optimiser.gradients);
    if (!Number.isFinite(loss)) throw diverged(step, peakRate);
    optimiser.step(oneCycleRate(index, stepCount, { peakRate }));
    const validationR2 = afterStep(step, loss, current);
    training.onProgress({ step, stepCount: options.stepCount, loss, validationR2 });
    training.onStep?.(() => ({
      isRefit,
      index: index + 1,
      optimiser: optimiser.saveState(),
      rng: rng.saveState(),
      trained: { ...trained, checks: [...trained.checks] },
    }));
    await training.yieldToHost();
  }
  return current();
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
