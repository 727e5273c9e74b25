/** The loop of training, on a made-up decoder of one tensor whose loss is its squared distance from a target. */
import { describe, expect, it } from 'vitest';
import type { StepPlan } from '../../src/calibration/step-plan.ts';
import { refitDecoder, trainDecoder } from '../../src/calibration/training.ts';
import type { Trained, Training, TrainingOptions, TrainingProgress } from '../../src/calibration/training.ts';
import { WindowSampler } from '../../src/calibration/training-windows.ts';
import type { DecoderKind, Tensors } from '../../src/decoders/decoder.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';

const TARGET = [0.5, -1, 2];
const kind: DecoderKind = {
  ...wiener,
  name: 'made up',
  training: 'gradient',
  parameters: () => [{ name: 'w', shape: [3] }],
  initialise: (_config, _shape, rng) => ({
    w: { shape: [3], data: Float32Array.from({ length: 3 }, () => rng.uniform(-0.1, 0.1)) },
  }),
};
const PLAN: StepPlan = {
  kind: kind.name,
  config: {},
  shape: { inputCount: 1, outputCount: 1 },
  windowBins: 10,
  batchCount: 4,
  warmUpBins: 0,
  seed: 1,
};
const OPTIONS: TrainingOptions = {
  stepCount: 100,
  refitStepCount: 0,
  batchCount: 4,
  windowBins: 10,
  warmUpBins: 0,
  peakRate: 0.2,
  weightDecay: 0,
  clipNorm: 1,
  checkCount: 4,
  seed: 1,
};

/** What a training did. */
class Run {
  readonly progress: TrainingProgress[] = [];
  readonly batches: number[][] = [];
  readonly checked: number[][] = [];
  yields = 0;
  private readonly options: TrainingOptions;
  private readonly scores: readonly number[];
  private readonly loss: (step: number, loss: number) => number;

  /** @param scores what each check gives, in turn; the last one again and again */
  constructor(
    options: Partial<TrainingOptions> = {},
    scores: readonly number[] = [0.5],
    loss: (step: number, loss: number) => number = (_step, value) => value,
  ) {
    this.options = { ...OPTIONS, ...options };
    this.scores = scores;
    this.loss = loss;
  }

  train(overrides: Partial<Training> = {}) {
    return trainDecoder(this.training(overrides));
  }

  training(overrides: Partial<Training> = {}): Training {
    return {
      kind,
      plan: PLAN,
      options: this.options,
      sampler: new WindowSampler([{ startBin: 0, endBin: 200 }], 10),
      kernels: loadKernels({ memoryBytes: 1 << 20 }),
      pool: {
        threadCount: 1,
        run: (step, parameters, starts, gradient) => {
          this.batches.push([...starts]);
          let loss = 0;
          TARGET.forEach((target, i) => {
            loss += (parameters[i] - target) ** 2;
            gradient[i] = 2 * (parameters[i] - target);
          });
          return this.loss(step, loss);
        },
        close: () => undefined,
      },
      validate: (tensors: Tensors) => {
        this.checked.push([...tensors['w'].data]);
        return this.scores[Math.min(this.checked.length, this.scores.length) - 1];
      },
      onProgress: (progress) => this.progress.push(progress),
      yieldToHost: () => {
        this.yields++;
        return Promise.resolve();
      },
      ...overrides,
    };
  }
}

describe('trainDecoder', () => {
  it('goes down the gradient to the target', async () => {
    const run = new Run({ stepCount: 300 });
    const { tensors } = await run.train();
    TARGET.forEach((target, i) => {
      expect(tensors['w'].data[i]).toBeCloseTo(target, 2);
    });
    expect(run.progress[299].loss).toBeLessThan(1e-4);
  });

  it('takes the tensors of the best check, whenever that was', async () => {
    const run = new Run({}, [0.1, 0.5, 0.3, 0.2]);
    const { bestStep, checks, tensors } = await run.train();
    expect(checks.map(({ step }) => step)).toEqual([63, 75, 88, 100]);
    expect(checks.map(({ validationR2 }) => validationR2)).toEqual([0.1, 0.5, 0.3, 0.2]);
    expect(bestStep).toBe(75);
    expect([...tensors['w'].data]).toEqual(run.checked[1]);
    expect(run.checked[1]).not.toEqual(run.checked[3]); // they had moved on
  });

  it('takes the earlier of two that are equally good', async () => {
    expect((await new Run({}, [0.1, 0.4, 0.4, 0.4]).train()).bestStep).toBe(75);
  });

  it('passes over a check that has no score', async () => {
    expect((await new Run({}, [Number.NaN, -3, Number.NaN]).train()).bestStep).toBe(75);
  });

  it.each([
    [1, 4, [1]],
    [2, 4, [1, 2]],
    [10, 1, [10]],
    [11, 5, [7, 8, 9, 10, 11]],
  ])('of %i steps with %i checks checks after %j', async (stepCount, checkCount, steps) => {
    const { checks } = await new Run({ stepCount, checkCount }).train();
    expect(checks.map(({ step }) => step)).toEqual(steps);
  });

  it('tells of every step, and lets the host have its turn behind it', async () => {
    const run = new Run({ stepCount: 10, checkCount: 1 }, [0.7]);
    await run.train();
    expect(run.progress.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(run.progress.map(({ validationR2 }) => validationR2)).toEqual([
      ...Array<number>(9).fill(Number.NaN),
      0.7,
    ]);
    expect(run.progress.every(({ stepCount }) => stepCount === 10)).toBe(true);
    expect(run.yields).toBe(10);
  });

  it('ends where the host throws in its turn', async () => {
    const run = new Run();
    const yieldToHost = (): Promise<void> =>
      run.progress.length === 3 ? Promise.reject(new Error('Ctrl-C')) : Promise.resolve();
    await expect(run.train({ yieldToHost })).rejects.toThrow('Ctrl-C');
    expect(run.batches).toHaveLength(3);
  });

  it('draws the same batches and ends in the same bits for the same seed', async () => {
    const runs = [new Run(), new Run(), new Run({ seed: 2 })];
    const trained = [];
    for (const run of runs) trained.push(await run.train());
    expect(trained[1]).toEqual(trained[0]);
    expect(runs[1].batches).toEqual(runs[0].batches);
    expect(runs[2].batches).not.toEqual(runs[0].batches);
    expect(new Set(runs[0].batches.map(String)).size).toBe(100); // another batch in every step
  });

  it.each([Number.NaN, Infinity])('ends with CAL_DIVERGED at the first loss of %d', async (value) => {
    const run = new Run({}, [0.5], (step, loss) => (step === 80 ? value : loss));
    const error = await betzErrorOfAsync(() => run.train());
    expect(error).toMatchObject({ code: 'CAL_DIVERGED', value: 0.2 });
    expect(error.message).toContain('step 80');
    expect(run.batches).toHaveLength(80);
  });

  it('ends with CAL_DIVERGED when no check had a score', async () => {
    const error = await betzErrorOfAsync(() => new Run({}, [Number.NaN]).train());
    expect(error.code).toBe('CAL_DIVERGED');
  });
});

describe('refitDecoder', () => {
  /** Far from the target, as no training would leave it: how far a refit comes can be seen. */
  const chosen: Trained = {
    tensors: { w: { shape: [3], data: Float32Array.from([1, 1, 1]) } },
    bestStep: 75,
    bestR2: 0.4,
    checks: [],
  };
  const distance = (tensors: Tensors): number =>
    Math.hypot(...TARGET.map((target, i) => tensors['w'].data[i] - target));

  it('goes on from the chosen tensors, on windows of its own sampler, and checks nothing', async () => {
    const run = new Run({ refitStepCount: 30 });
    const sampler = new WindowSampler([{ startBin: 500, endBin: 600 }], 10);
    const tensors = await refitDecoder(run.training({ sampler }), chosen);
    expect(distance(tensors)).toBeLessThan(0.5 * distance(chosen.tensors));
    expect(run.batches).toHaveLength(30);
    expect(Math.min(...run.batches.flat())).toBeGreaterThanOrEqual(500);
    expect(run.checked).toEqual([]);
    expect([...chosen.tensors['w'].data]).toEqual([1, 1, 1]);
  });

  it('counts its steps on from those before the choice, and tells of the R2 of the choice', async () => {
    const run = new Run({ refitStepCount: 3 });
    await refitDecoder(run.training(), chosen);
    expect(run.progress.map(({ step, stepCount }) => [step, stepCount])).toEqual([
      [98, 100],
      [99, 100],
      [100, 100],
    ]);
    expect(run.progress.map(({ validationR2 }) => validationR2)).toEqual([0.4, 0.4, 0.4]);
  });

  it('is gentler than the training: its first cycle would move further', async () => {
    const short = { stepCount: 20, checkCount: 1, refitStepCount: 10 };
    const trainedFromChosen = await new Run(short).train({
      kind: { ...kind, initialise: () => chosen.tensors },
    });
    const refitted = await refitDecoder(new Run(short).training(), chosen);
    expect(distance(refitted)).toBeLessThan(distance(chosen.tensors));
    expect(distance(refitted)).toBeGreaterThan(distance(trainedFromChosen.tensors));
  });

  it('leaves the chosen tensors as they are where no steps are asked for', async () => {
    const run = new Run({ refitStepCount: 0 });
    expect(await refitDecoder(run.training(), chosen)).toBe(chosen.tensors);
    expect(run.batches).toEqual([]);
  });

  it('ends with CAL_DIVERGED when its last step made weights that are not finite', async () => {
    const run = new Run({ refitStepCount: 5 });
    const training = run.training();
    const pool: Training['pool'] = {
      ...training.pool,
      run: (step, parameters, starts, gradient) => {
        const loss = training.pool.run(step, parameters, starts, gradient);
        if (step === 100) gradient.fill(Number.NaN);
        return loss;
      },
    };
    const error = await betzErrorOfAsync(() => refitDecoder({ ...training, pool }, chosen));
    expect(error.code).toBe('CAL_DIVERGED');
  });

  it('ends with CAL_DIVERGED at a loss that is not finite', async () => {
    const run = new Run({ refitStepCount: 5 }, [0.5], (step, loss) => (step === 98 ? Number.NaN : loss));
    const error = await betzErrorOfAsync(() => refitDecoder(run.training(), chosen));
    expect(error.code).toBe('CAL_DIVERGED');
    expect(run.batches).toHaveLength(3);
  });
});
