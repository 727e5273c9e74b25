/** A program that takes training steps, and ours. */
import type { GradientPool } from '../calibration/gradient-pool.ts';
import { updateGroups } from '../calibration/step-plan.ts';
import { createGradientPool } from '../host/gradient-workers.ts';
import { loadKernels } from '../host/load-kernels.ts';
import { version } from '../host/version.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import { AdamW } from '../tensor/optimiser.ts';
import { UPDATE } from './training-subject.ts';
import type { TrainingSubject } from './training-subject.ts';

export interface LossGradient {
  loss: number;
  /** Flat vector. */
  gradient: Float32Array;
}

export interface TimedStep {
  ms: number;
  /** Before the step. */
  loss: number;
}

export interface TrainingContestant {
  /** 'betz 0.1.0 relaxed', 'PyTorch 1.13.0', ... */
  readonly program: string;
  readonly threadCount: number;
  /** Forward, backward, clipping and AdamW on the subject's batch; the first from the subject's parameters. */
  step(): TimedStep | Promise<TimedStep>;
  close(): void;
}

export class OurTraining implements TrainingContestant {
  readonly program: string;
  readonly threadCount: number;
  private readonly subject: TrainingSubject;
  private readonly pool: GradientPool;
  private readonly optimiser: AdamW;
  private stepCount = 0;

  constructor(subject: TrainingSubject, pool: GradientPool, variant: KernelVariant) {
    this.program = `betz ${version} ${variant}`;
    this.threadCount = pool.threadCount;
    this.subject = subject;
    this.pool = pool;
    this.optimiser = createOptimiser(subject, variant);
  }

  /** @param parameters flat vector */
  gradient(parameters: Float32Array): LossGradient {
    const gradient = new Float32Array(parameters.length);
    return { loss: this.pool.run(0, parameters, this.subject.starts, gradient), gradient };
  }

  step(): TimedStep {
    const { pool, optimiser, subject } = this;
    const startMs = performance.now();
    const loss = pool.run(this.stepCount++, optimiser.parameters, subject.starts, optimiser.gradients);
    optimiser.step(UPDATE.learningRate);
    return { ms: performance.now() - startMs, loss };
  }

  close(): void {
    this.pool.close();
  }
}

/** @throws BetzError CAL_THREAD_FAILED, CFG_MEMORY_EXHAUSTED */
export async function createOurTraining(
  subject: TrainingSubject,
  variant: KernelVariant,
  threadCount: number,
): Promise<OurTraining> {
  const { kind, plan, data } = subject;
  const pool = await createGradientPool(kind, plan, [data], { threadCount, variant });
  return new OurTraining(subject, pool, variant);
}

/** At the subject's parameters. */
export function createOptimiser({ layout, parameters }: TrainingSubject, variant?: KernelVariant): AdamW {
  const { clipNorm, weightDecay } = UPDATE;
  const kernels = loadKernels(variant === undefined ? {} : { variant });
  const optimiser = new AdamW(kernels, layout.count, { clipNorm, weightDecay }, updateGroups(layout));
  optimiser.parameters.set(parameters);
  return optimiser;
}
