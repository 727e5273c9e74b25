/**
 * AdamW, clipping by the global norm, and the one-cycle learning rate, on one flat vector of parameters.
 *
 * AdamW: Loshchilov and Hutter 2019 (arXiv 1711.05101) in PyTorch's form. Clipping: Pascanu et al. 2013, as
 * `torch.nn.utils.clip_grad_norm_`. One cycle: Smith and Topin 2019 (arXiv 1708.07120), as
 * `torch.optim.lr_scheduler.OneCycleLR` with cosine annealing.
 */
import type { Kernels } from '../kernels/kernels.ts';

export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Gradients with a larger Euclidean norm are scaled down to it; Infinity for no clipping. */
  clipNorm: number;
}

const ADAMW_DEFAULTS: AdamWOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  clipNorm: 1,
};

/** As PyTorch: the norm's guard against division by zero. */
const NORM_EPSILON = 1e-6;

/**
 * How a parameter is changed:
 *   decayed    AdamW
 *   undecayed  AdamW without weight decay: gains, biases of a recurrence, logarithms of time constants
 *   slow       the same at a learning rate of SLOW_RATE at most: what a small change of makes a recurrence unstable
 *   averaged   no gradient: its place in the gradient holds a statistic of the batch, of which it is the running average
 */
export type ParameterUpdate = 'decayed' | 'undecayed' | 'slow' | 'averaged';

/** Gu et al. 2022 (arXiv 2206.11893): parameters of a state space model learn at 0.001 at most. */
const SLOW_RATE = 1e-3;
/** Weight of the newest batch in a running average, as PyTorch's batch norm. */
const AVERAGE_SHARE = 0.1;

/** Consecutive parameters that are changed in one way. */
export interface UpdateGroup {
  count: number;
  update: ParameterUpdate;
}

/** Flat vectors, in the order of the parameters. */
export interface AdamWState {
  stepCount: number;
  parameters: Float32Array;
  firstMoments: Float32Array;
  secondMoments: Float32Array;
}

export class AdamW {
  /** All parameters one after another: set before the first step, updated by each. */
  readonly parameters: Float32Array;
  /** To be filled before each step. */
  readonly gradients: Float32Array;
  private readonly kernels: Kernels;
  private readonly options: AdamWOptions;
  private readonly parameterPtr: number;
  private readonly gradientPtr: number;
  private readonly firstMomentPtr: number;
  private readonly secondMomentPtr: number;
  private readonly groups: readonly UpdateGroup[];
  private stepCount = 0;

  /** @param groups in the order of the parameters, `count` in all; default: all are decayed */
  constructor(
    kernels: Kernels,
    count: number,
    options: Partial<AdamWOptions> = {},
    groups: readonly UpdateGroup[] = [{ count, update: 'decayed' }],
  ) {
    const { arena } = kernels;
    this.kernels = kernels;
    this.groups = groups;
    this.options = { ...ADAMW_DEFAULTS, ...options };
    this.parameterPtr = arena.allocate(count);
    this.gradientPtr = arena.allocate(count);
    this.firstMomentPtr = arena.allocate(count);
    this.secondMomentPtr = arena.allocate(count);
    this.parameters = arena.float32(this.parameterPtr, count);
    this.gradients = arena.float32(this.gradientPtr, count);
  }

  /** Copies what the next step depends on, gradients aside. */
  saveState(): AdamWState {
    const { arena } = this.kernels;
    const copy = (ptr: number): Float32Array => arena.float32(ptr, this.parameters.length).slice();
    return {
      stepCount: this.stepCount,
      parameters: copy(this.parameterPtr),
      firstMoments: copy(this.firstMomentPtr),
      secondMoments: copy(this.secondMomentPtr),
    };
  }

  loadState({ stepCount, parameters, firstMoments, secondMoments }: AdamWState): void {
    const { arena } = this.kernels;
    const count = this.parameters.length;
    this.stepCount = stepCount;
    this.parameters.set(parameters);
    arena.float32(this.firstMomentPtr, count).set(firstMoments);
    arena.float32(this.secondMomentPtr, count).set(secondMoments);
  }

  /** Moves the parameters against the gradients. Returns the gradients' norm before clipping. */
  step(learningRate: number): number {
    this.stepCount++;
    const norm = this.gradientNorm();
    const gradientScale = Math.min(1, this.options.clipNorm / (norm + NORM_EPSILON));
    let offset = 0;
    for (const { count, update } of this.groups) {
      if (update === 'averaged') this.average(offset, count);
      else this.descend(offset, count, update, learningRate, gradientScale);
      offset += count;
    }
    return norm;
  }

  /** Of what is a gradient. */
  private gradientNorm(): number {
    let squares = 0;
    let offset = 0;
    for (const { count, update } of this.groups) {
      if (update !== 'averaged')
        squares += this.kernels.exports.sumOfSquares(this.gradientPtr + 4 * offset, count);
      offset += count;
    }
    return Math.sqrt(squares);
  }

  private descend(
    offset: number,
    count: number,
    update: Exclude<ParameterUpdate, 'averaged'>,
    learningRate: number,
    gradientScale: number,
  ): void {
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const bytes = 4 * offset;
    this.kernels.exports.adamw(
      this.parameterPtr + bytes,
      this.gradientPtr + bytes,
      this.firstMomentPtr + bytes,
      this.secondMomentPtr + bytes,
      count,
      update === 'slow' ? Math.min(SLOW_RATE, learningRate) : learningRate,
      beta1,
      beta2,
      epsilon,
      update === 'decayed' ? weightDecay : 0,
      1 - beta1 ** this.stepCount,
      1 - beta2 ** this.stepCount,
      gradientScale,
    );
  }

  private average(offset: number, count: number): void {
    const { parameters, gradients } = this;
    for (let i = offset; i < offset + count; i++) {
      parameters[i] += AVERAGE_SHARE * (gradients[i] - parameters[i]);
    }
  }
}

export interface OneCycleOptions {
  peakRate: number;
  /** Fraction of the steps in which the rate rises. */
  riseFraction: number;
  /** The first rate is peakRate / startDivisor. */
  startDivisor: number;
  /** The last rate is the first one / endDivisor. */
  endDivisor: number;
}

const ONE_CYCLE_DEFAULTS: Omit<OneCycleOptions, 'peakRate'> = {
  riseFraction: 0.3,
  startDivisor: 25,
  endDivisor: 1e4,
};

/** The learning rate of step `step` (from 0) of `stepCount`. */
export function oneCycleRate(
  step: number,
  stepCount: number,
  options: Partial<OneCycleOptions> & { peakRate: number },
): number {
  const { peakRate, riseFraction, startDivisor, endDivisor } = { ...ONE_CYCLE_DEFAULTS, ...options };
  const startRate = peakRate / startDivisor;
  const endRate = startRate / endDivisor;
  const lastRise = riseFraction * stepCount - 1;
  if (step <= lastRise) return anneal(startRate, peakRate, step / lastRise);
  return anneal(peakRate, endRate, (step - lastRise) / (stepCount - 1 - lastRise));
}

function anneal(from: number, to: number, fraction: number): number {
  return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * fraction));
}
