import { afterEach, describe, expect, it, vi } from 'vitest';
import { benchTraining } from '../../src/bench/training.ts';
import type { TrainingBenchOptions } from '../../src/bench/training.ts';
import { VARIANTS } from '../support/kernel-twins.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { runningWorkerCount, workersEnd } from '../support/workers.ts';

const pools = vi.hoisted(() => ({ change: (g: number): number => g, runCount: 0 }));
/** Every pool gives what `pools.change` makes of its gradient. */
vi.mock(import('../../src/host/gradient-workers.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    createGradientPool: async (...args) => {
      const pool = await original.createGradientPool(...args);
      return {
        threadCount: pool.threadCount,
        run: (step, parameters, starts, gradient) => {
          pools.runCount++;
          const loss = pool.run(step, parameters, starts, gradient);
          gradient.set(gradient.map((g) => pools.change(g)));
          return loss;
        },
        close: () => {
          pool.close();
        },
      };
    },
  };
});

const TINY: TrainingBenchOptions = {
  hiddenCount: 8,
  inputCount: 6,
  batchCount: 4,
  windowBins: 12,
  roundCount: 2,
  threadCounts: [1, 2],
  seed: 1,
};

afterEach(() => {
  pools.change = (g) => g;
  pools.runCount = 0;
});

describe('training bench', () => {
  it('times every build and thread count whose gradient agrees with finite differences', async () => {
    const rows = await benchTraining(TINY);
    expect(rows.map(({ variant, threadCount }) => [variant, threadCount])).toEqual(
      VARIANTS.flatMap((variant) => TINY.threadCounts.map((threadCount) => [variant, threadCount])),
    );
    for (const { gradientError, stepMsMin, stepMsMedian, stepMsMax } of rows) {
      expect(gradientError).toBeLessThan(1e-2);
      const times = [stepMsMin, stepMsMedian, stepMsMax];
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  it.each([
    ['too long by a twentieth', (g: number) => 1.05 * g],
    ['without its largest parts', (g: number) => Math.max(-0.02, Math.min(0.02, g))],
    ['turned round', (g: number) => -g],
    ['zero', () => 0],
    ['NaN', () => Number.NaN],
  ])('does not time a gradient that is %s', async (_what, change) => {
    pools.change = change;
    expect((await betzErrorOfAsync(() => benchTraining({ ...TINY, threadCounts: [1] }))).code).toBe(
      'CAL_GRADIENT_WRONG',
    );
    expect(pools.runCount).toBe(3); // one for the gradient, two for the difference, none to time
  });

  it('ends the helpers of a gradient that is wrong', async () => {
    pools.change = () => 0;
    await betzErrorOfAsync(() => benchTraining({ ...TINY, threadCounts: [2] }));
    await workersEnd();
    expect(runningWorkerCount()).toBe(0);
  });
});
