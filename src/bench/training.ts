/**
 * `betz bench training`: one training step of a GRU (forward, backward, clipping, AdamW) on random data, per kernel
 * variant and thread count, in turn within each round. The gradient is checked by finite differences along a random
 * direction first; a configuration that fails is not timed.
 */
import { gruConfigSchema } from '../decoders/gru/gru.ts';
import { gru } from '../decoders/gru/index.ts';
import { layoutParameters } from '../calibration/gradient-shard.ts';
import type { StepPlan, TrainingData } from '../calibration/gradient-shard.ts';
import type { GradientPool } from '../calibration/gradient-pool.ts';
import { BetzError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import { createGradientPool } from '../host/gradient-workers.ts';
import { availableVariant, loadKernels } from '../host/load-kernels.ts';
import { AdamW } from '../tensor/optimiser.ts';
import { median } from './distribution.ts';

export interface TrainingBenchOptions {
  hiddenCount: number;
  inputCount: number;
  batchCount: number;
  windowBins: number;
  roundCount: number;
  threadCounts: readonly number[];
  seed: number;
}

export interface TrainingBenchRow {
  variant: KernelVariant;
  threadCount: number;
  /** |finite difference - gradient| / |gradient| along a random direction. */
  gradientError: number;
  stepMsMedian: number;
  stepMsMin: number;
  stepMsMax: number;
}

const OUTPUT_COUNT = 2;
const WARM_UP_ROUNDS = 3;
const GRADIENT_ERROR_MAX = 1e-2;

export async function benchTraining(options: TrainingBenchOptions): Promise<TrainingBenchRow[]> {
  const { inputCount, windowBins, batchCount, hiddenCount, seed } = options;
  const rng = new Rng(seed);
  const binCount = windowBins + 10 * batchCount;
  const data: TrainingData = {
    features: Float32Array.from({ length: binCount * inputCount }, () => rng.normal()),
    targets: Float32Array.from({ length: binCount * OUTPUT_COUNT }, () => rng.normal()),
  };
  const plan: StepPlan = {
    kind: gru.name,
    config: gruConfigSchema.parse({ hiddenCount }),
    shape: { inputCount, outputCount: OUTPUT_COUNT },
    windowBins,
    batchCount,
    warmUpBins: Math.min(10, windowBins - 1),
    seed,
  };
  const variants: KernelVariant[] = availableVariant() === 'relaxed' ? ['simd', 'relaxed'] : ['simd'];
  const starts = Int32Array.from({ length: batchCount }, () => rng.integer(binCount - windowBins));
  const contestants: Contestant[] = [];
  try {
    for (const variant of variants) {
      for (const threadCount of options.threadCounts) {
        contestants.push(await createContestant(plan, data, variant, threadCount));
      }
    }
    return measure(contestants, starts, options.roundCount, rng);
  } finally {
    for (const { pool } of contestants) pool.close();
  }
}

/** @throws BetzError CAL_GRADIENT_WRONG */
function measure(
  contestants: readonly Contestant[],
  starts: Int32Array,
  roundCount: number,
  rng: Rng,
): TrainingBenchRow[] {
  const gradientErrors = contestants.map((contestant) => verify(contestant, starts, rng));
  for (let round = -WARM_UP_ROUNDS; round < roundCount; round++) {
    for (const { pool, optimiser, timesMs } of contestants) {
      const start = performance.now();
      pool.run(round + WARM_UP_ROUNDS, optimiser.parameters, starts, optimiser.gradients);
      optimiser.step(1e-4);
      if (round >= 0) timesMs.push(performance.now() - start);
    }
  }
  return contestants.map(({ variant, threadCount, timesMs }, index) => ({
    variant,
    threadCount,
    gradientError: gradientErrors[index],
    stepMsMedian: median(timesMs),
    stepMsMin: Math.min(...timesMs),
    stepMsMax: Math.max(...timesMs),
  }));
}

interface Contestant {
  variant: KernelVariant;
  threadCount: number;
  pool: GradientPool;
  optimiser: AdamW;
  timesMs: number[];
}

async function createContestant(
  plan: StepPlan,
  data: TrainingData,
  variant: KernelVariant,
  threadCount: number,
): Promise<Contestant> {
  const pool = await createGradientPool(gru, plan, data, { threadCount, variant });
  const layout = layoutParameters(gru.parameters(plan.config, plan.shape));
  const optimiser = new AdamW(loadKernels({ variant }), layout.count);
  const initial = gru.initialise(plan.config, plan.shape, new Rng(plan.seed));
  for (const { name, offset } of layout.entries) optimiser.parameters.set(initial[name].data, offset);
  return { variant, threadCount: pool.threadCount, pool, optimiser, timesMs: [] };
}

/** @throws BetzError CAL_GRADIENT_WRONG */
function verify({ pool, optimiser, variant, threadCount }: Contestant, starts: Int32Array, rng: Rng): number {
  const { parameters } = optimiser;
  const gradient = new Float32Array(parameters.length);
  const unused = new Float32Array(parameters.length);
  pool.run(0, parameters, starts, gradient);
  // Along the gradient itself, with some noise: the loss changes most there, so rounding matters least.
  const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
  const direction = gradient.map((g) => g / norm + rng.normal(0, 0.3) / Math.sqrt(gradient.length));
  const slope = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
  const epsilon = 2e-2;
  const lossAt = (scale: number): number =>
    pool.run(
      0,
      parameters.map((p, i) => p + scale * epsilon * direction[i]),
      starts,
      unused,
    );
  const difference = (lossAt(1) - lossAt(-1)) / (2 * epsilon);
  const error = Math.abs(difference - slope) / Math.abs(slope);
  if (!(error < GRADIENT_ERROR_MAX)) {
    throw new BetzError('CAL_GRADIENT_WRONG', 'the gradient does not agree with finite differences', {
      value: `${variant}, ${threadCount} threads: relative error ${error}`,
      tip: 'This is a fault in Betz: please report it with the machine and Node version.',
    });
  }
  return error;
}
