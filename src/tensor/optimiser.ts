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

export class AdamW {
  /** All parameters one after another: set before the first step, updated by each. */
  readonly parameters: Float32Array;
  /** To be filled before each step. */
  readonly gradients: Float32Array;
  private readonly kernels: Kernels;
  private readonly options: AdamWOptions;
  private readonly count: number;
  private readonly parameterPtr: number;
  private readonly gradientPtr: number;
  private readonly firstMomentPtr: number;
  private readonly secondMomentPtr: number;
  private stepCount = 0;

  constructor(kernels: Kernels, count: number, options: Partial<AdamWOptions> = {}) {
    const { arena } = kernels;
    this.kernels = kernels;
    this.count = count;
    this.options = { ...ADAMW_DEFAULTS, ...options };
    this.parameterPtr = arena.allocate(count);
    this.gradientPtr = arena.allocate(count);
    this.firstMomentPtr = arena.allocate(count);
    this.secondMomentPtr = arena.allocate(count);
    this.parameters = arena.float32(this.parameterPtr, count);
    this.gradients = arena.float32(this.gradientPtr, count);
  }

  /** Moves the parameters against the gradients. Returns the gradients' norm before clipping. */
  step(learningRate: number): number {
    const { exports: k } = this.kernels;
    const { beta1, beta2, epsilon, weightDecay, clipNorm } = this.options;
    this.stepCount++;
    const norm = Math.sqrt(k.sumOfSquares(this.gradientPtr, this.count));
    const gradientScale = Math.min(1, clipNorm / (norm + NORM_EPSILON));
    k.adamw(
      this.parameterPtr,
      this.gradientPtr,
      this.firstMomentPtr,
      this.secondMomentPtr,
      this.count,
      learningRate,
      beta1,
      beta2,
      epsilon,
      weightDecay,
      1 - beta1 ** this.stepCount,
      1 - beta2 ** this.stepCount,
      gradientScale,
    );
    return norm;
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
