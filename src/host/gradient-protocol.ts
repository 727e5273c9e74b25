/** What the training threads share: plain memory, and counters that say whose turn it is. */
import type { Tensors } from '../decoders/decoder.ts';
import type { BatchPart, StepPlan, TrainingData } from '../calibration/step-plan.ts';
import type { KernelVariant } from '../kernels/kernels.ts';

/** Indexes into `control`. */
export const CONTROL = {
  /** Steps asked for; a helper runs one each time it rises. */
  requested: 0,
  /** Helpers that have finished the step. */
  finished: 1,
  /** 1: helpers end. */
  isClosed: 2,
  /** 1 + the step's number, as dropout masks use it. */
  step: 3,
  /** 1: a helper failed in the step, and its result is worth nothing. */
  hasFailed: 4,
  count: 5,
} as const;

export interface SharedStep {
  control: Int32Array;
  /** Flat parameters, written by the main thread before a step. */
  parameters: Float32Array;
  starts: Int32Array;
}

export interface GradientWorkerData {
  plan: StepPlan;
  part: BatchPart;
  variant: KernelVariant;
  data: readonly TrainingData[];
  /** What is not learned. */
  fixed: Tensors;
  shared: SharedStep;
  /** This helper's own result. */
  gradient: Float32Array;
  loss: Float64Array;
}
