import { afterEach, describe, expect, it, vi } from 'vitest';
import { gru } from '../../src/decoders/gru/index.ts';
import { decoderKinds } from '../../src/decoders/registry.ts';
import { spikingSsm } from '../../src/decoders/spiking-ssm/index.ts';
import { version } from '../../src/host/version.ts';
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
  kinds: [gru],
  hiddenCount: 8,
  width: 8,
  inputCount: 6,
  batchCount: 4,
  windowBins: 12,
  roundCount: 2,
  threadCounts: [1, 2],
  peers: [],
  seed: 1,
};

afterEach(() => {
  pools.change = (g) => g;
  pools.runCount = 0;
});

describe('training bench', () => {
  it('times every build and thread count whose gradient agrees with finite differences', async () => {
    const rows = await benchTraining(TINY);
    expect(rows.map(({ program, threadCount }) => [program, threadCount])).toEqual(
      TINY.threadCounts.flatMap((threadCount) =>
        VARIANTS.map((variant) => [`betz ${version} ${variant}`, threadCount]),
      ),
    );
    for (const { gradientError, stepCount, check, stepMsMin, stepMsMedian, stepMsMax } of rows) {
      expect({ stepCount, check }).toEqual({ stepCount: 2, check: 'differences' });
      expect(gradientError).toBeLessThan(1e-2);
      const times = [stepMsMin, stepMsMedian, stepMsMax];
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  it('times every kind that is trained by gradient', async () => {
    const kinds = decoderKinds.filter(({ training }) => training === 'gradient');
    const rows = await benchTraining({ ...TINY, kinds, roundCount: 1, threadCounts: [2] });
    expect(rows.map(({ decoder }) => decoder)).toEqual(kinds.flatMap(({ name }) => VARIANTS.map(() => name)));
    const last = rows.filter(({ threadCount }) => threadCount === 2);
    for (const { decoder, gradientError, ratio } of last) {
      expect(gradientError, decoder).toBeLessThan(1e-2);
      expect(Object.keys(ratio)).toEqual(VARIANTS);
    }
  });

  it('compares a gradient that is a surrogate with the plain loops, its averages left out', async () => {
    const options = { ...TINY, kinds: [spikingSsm], threadCounts: [1] };
    const rows = await benchTraining(options);
    for (const { check, gradientError } of rows) {
      expect(check).toBe('plain loops');
      expect(gradientError).toBeLessThan(1e-4); // no spike moves at this size
    }
    pools.change = (g) => 1.02 * g;
    expect((await betzErrorOfAsync(() => benchTraining(options))).code).toBe('CAL_GRADIENT_WRONG');
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
