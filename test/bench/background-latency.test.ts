/** The bench of a fit in the background: both sessions run whole, and the fit really trains meanwhile. */
import { expect, it } from 'vitest';
import { benchBackground } from '../../src/bench/background-latency.ts';
import { runningWorkerCount } from '../support/workers.ts';

it('runs a session by itself and beside a fine-tune, and leaves no thread behind', async () => {
  const lines: string[] = [];
  const { idle, fitting } = await benchBackground({
    ...{ seconds: 1, channelCount: 8, hiddenCount: 16, binMs: 10, seed: 1 },
    onProgress: (line) => lines.push(line),
  });
  expect(idle).toMatchObject({ bins: 100, steps: 0, stepsPerSecond: 0, deadlineMs: 10 });
  expect(fitting.bins).toBe(100);
  expect(fitting.steps).toBeGreaterThan(0);
  expect(fitting.stepsPerSecond).toBe(fitting.steps);
  for (const { latencyUs, stolenPercent } of [idle, fitting]) {
    expect(latencyUs.count).toBe(100);
    if (process.platform === 'linux') expect(stolenPercent).toBeGreaterThanOrEqual(0);
    else expect(stolenPercent).toBeNull();
    expect(stolenPercent ?? 0).toBeLessThan(100);
    expect(latencyUs.p50).toBeGreaterThan(0);
  }
  expect(lines).toHaveLength(2);
  expect(runningWorkerCount()).toBe(0);
});
