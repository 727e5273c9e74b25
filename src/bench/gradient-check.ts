/** Whether a gradient is right: before a training step is timed. */
import { GradientShard, splitBatch } from '../calibration/gradient-shard.ts';
import { BetzError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import { spikingSsm } from '../decoders/spiking-ssm/index.ts';
import { TRAINING_MEMORY_BYTES } from '../kernels/kernels.ts';
import { referenceKernels } from '../kernels/reference/reference-kernels.ts';
import type { LossGradient, OurTraining } from './training-contestant.ts';
import type { TrainingSubject } from './training-subject.ts';

/** What our gradient is compared with. */
export type GradientCheck = 'differences' | 'plain loops';

/** Of the loss along a direction, or of the gradient's length. */
const GRADIENT_ERROR_MAX = 1e-2;
/** How far parameters move for a difference. */
const EPSILON = 2e-2;

/**
 * Finite differences do not hold where spikes are: the loss jumps with each, and its gradient is a surrogate's. There the
 * gradient is compared with that of the same program on the plain-loop kernels, which goldens from PyTorch hold to account.
 */
export function checkOf({ kind }: TrainingSubject): GradientCheck {
  return kind === spikingSsm ? 'plain loops' : 'differences';
}

/** Of the kernels in plain loops, on the same parts of the batch: batch norm's statistics are each part's own. */
export function plainLoopGradient(subject: TrainingSubject, threadCount: number): LossGradient {
  const { kind, plan, data, starts, parameters } = subject;
  const gradient = new Float32Array(parameters.length);
  let loss = 0;
  for (const part of splitBatch(plan.batchCount, threadCount)) {
    const shard = new GradientShard(referenceKernels(TRAINING_MEMORY_BYTES), kind, plan, [data], part);
    const share = new Float32Array(parameters.length);
    loss += shard.run(0, parameters, starts, share);
    for (let i = 0; i < share.length; i++) gradient[i] += share[i];
  }
  return { loss, gradient };
}

/**
 * @param first at the subject's parameters
 * @returns |difference - slope| / |slope| of the loss along a random direction
 * @throws BetzError CAL_GRADIENT_WRONG
 */
export function checkByDifferences(
  ours: OurTraining,
  { gradient }: LossGradient,
  { parameters, plan }: TrainingSubject,
): number {
  const rng = new Rng(plan.seed);
  // Along the gradient itself, with some noise: the loss changes most there, so rounding matters least.
  const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
  const direction = gradient.map((g) => g / norm + rng.normal(0, 0.3) / Math.sqrt(gradient.length));
  const slope = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
  const lossAt = (scale: number): number =>
    ours.gradient(parameters.map((p, i) => p + scale * EPSILON * direction[i])).loss;
  const difference = (lossAt(1) - lossAt(-1)) / (2 * EPSILON);
  return orWrong(ours, Math.abs(difference - slope) / Math.abs(slope), 'finite differences');
}

/** @returns as `gradientDistance` @throws BetzError CAL_GRADIENT_WRONG */
export function checkByPlainLoops(
  ours: OurTraining,
  first: LossGradient,
  expected: LossGradient,
  subject: TrainingSubject,
): number {
  return orWrong(ours, gradientDistance(first, expected, subject), 'the plain loops');
}

/** The larger of the relative differences of the loss and of the gradient, as vectors; NaN where either is. */
export function gradientDistance(
  actual: LossGradient,
  expected: LossGradient,
  { layout }: TrainingSubject,
): number {
  let difference = 0;
  let square = 0;
  for (const { offset, count, update } of layout.entries) {
    if (update === 'averaged') continue; // no gradient stands there
    for (let i = offset; i < offset + count; i++) {
      difference += (actual.gradient[i] - expected.gradient[i]) ** 2;
      square += expected.gradient[i] ** 2;
    }
  }
  return Math.max(Math.abs(actual.loss - expected.loss) / expected.loss, Math.sqrt(difference / square));
}

function orWrong({ program, threadCount }: OurTraining, error: number, what: string): number {
  if (error < GRADIENT_ERROR_MAX) return error;
  throw new BetzError('CAL_GRADIENT_WRONG', `the gradient does not agree with ${what}`, {
    value: `${program}, ${threadCount} threads: relative error ${error}`,
    tip: 'This is a fault in Betz: please report it with the machine and Node version.',
  });
}
