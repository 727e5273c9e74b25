/** What calibration needs from Node: kernels, training threads, and a turn of the event loop between steps. */
import { setImmediate } from 'node:timers/promises';
import type { CalibrationHost } from '../calibration/calibrate.ts';
import { createGradientPool, defaultThreadCount } from './gradient-workers.ts';
import { loadKernels } from './load-kernels.ts';
import { MonotonicClock } from './monotonic-clock.ts';

/** @param threadCount training threads, the calling one included */
export function createCalibrationHost(threadCount: number = defaultThreadCount()): CalibrationHost {
  return {
    clock: new MonotonicClock(),
    makeKernels: () => loadKernels(),
    makePool: (kind, plan, data, fixed) => createGradientPool(kind, plan, data, { threadCount }, fixed),
    yieldToHost: () => setImmediate(),
  };
}
