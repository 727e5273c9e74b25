/** A calibration in a thread of its own: the same result, and every way in which it can end early. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { calibrateSession } from '../../src/calibration/session/calibrate-session.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { SessionFit } from '../../src/runtime/session-fit.ts';
import { untrainedFor } from '../support/decoder-models.ts';
import { fitWorker, holdFits, letFitsGo, steppedFitWorker } from '../support/held-fits.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { runningWorkerCount, workerScript } from '../support/workers.ts';

const CHANNELS = 8;
const recording = linearRecording({ binCount: 400, channelCount: CHANNELS, seed: 3 });
const base = untrainedFor(recording);

beforeEach(() => {
  holdFits();
});
afterEach(() => {
  vi.useRealTimers();
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

describe('a fit in a thread of its own', () => {
  it.each(['readout', 'full'] as const)(
    'by %s gives what the same fit gives in this thread',
    async (method) => {
      const options = { method, seed: 2, training: { stepCount: 8, batchCount: 4 } };
      const steps: number[] = [];
      const fit = new SessionFit(base, recording, options, { onProgress: ({ step }) => steps.push(step) });
      const result = await fit.done;
      const expected = await calibrateSession(base, recording, options, createCalibrationHost(1));
      expect(result.candidate.model).toEqual(expected.candidate.model);
      expect(result.candidate.scores).toEqual(expected.candidate.scores);
      expect(result.inService).toEqual(expected.inService);
      expect(result.baseline).toEqual(expected.baseline);
      expect(steps).toEqual(method === 'full' ? [1, 2, 3, 4, 5, 6, 7, 8] : []);
    },
  );

  it('takes no step more when it is cancelled, and ends by itself', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] }); // so that it is never ended from outside
    const steps: number[] = [];
    const fit = new SessionFit(
      base,
      recording,
      { method: 'full', training: { stepCount: 100_000, batchCount: 4 } },
      {
        onProgress: ({ step }) => {
          steps.push(step);
          if (step === 5) {
            fit.cancel();
            fit.cancel();
          }
          letFitsGo(step);
        },
        workerUrl: steppedFitWorker(),
      },
    );
    expect((await betzErrorOfAsync(() => fit.done)).code).toBe('CAL_FIT_CANCELLED');
    expect(steps).toEqual([1, 2, 3, 4, 5]);
  });

  it('is ended when it does not hear that it is cancelled', async () => {
    const fit = new SessionFit(base, recording, { method: 'full' }, { workerUrl: workerScript('for (;;);') });
    fit.cancel();
    expect((await betzErrorOfAsync(() => fit.done)).code).toBe('CAL_FIT_CANCELLED');
  });

  it.each([
    ['throws', 'throw new Error("out of luck")', 'out of luck'],
    ['exits', 'process.exit(3)', 'exit code 3'],
  ])('rejects when its thread %s', async (_, code, reason) => {
    const fit = new SessionFit(base, recording, { method: 'full' }, { workerUrl: workerScript(code) });
    const error = await betzErrorOfAsync(() => fit.done);
    expect(error.code).toBe('CAL_FIT_WORKER_DIED');
    expect(error.message).toContain(reason);
    expect(error.tip).toContain('in service stays');
  });

  it.each([
    ['throws', 'throw new Error("out of luck");', 'out of luck'],
    ['exits', 'process.exit(3);', 'exit code 3'],
    ['runs out of memory', 'for (const all = []; ; ) all.push(new Array(1e6).fill(0.5));', 'memory limit'],
  ])('keeps the quick candidate of auto when its thread %s after it', async (_, code, reason) => {
    letFitsGo(2);
    const told: unknown[] = [];
    const fit = new SessionFit(
      base,
      recording,
      { method: 'auto' },
      { workerUrl: fitWorker(code), onInterim: (calibration) => told.push(calibration) },
    );
    const { failed, ...quick } = await fit.done;
    expect(told).toEqual([quick]);
    expect(quick.candidate.method).toBe('readout');
    expect(failed).toMatchObject({ method: 'ends', code: 'CAL_FIT_WORKER_DIED' });
    expect(failed?.reason).toMatch(/^the fit ended unexpectedly: /);
    expect(failed?.reason).toContain(reason);
  });

  it('gives nothing when it is cancelled after the quick candidate', async () => {
    letFitsGo(2);
    const fit = new SessionFit(
      base,
      recording,
      { method: 'auto' },
      {
        workerUrl: fitWorker('for (;;);'),
        onInterim: () => {
          fit.cancel();
        },
      },
    );
    expect((await betzErrorOfAsync(() => fit.done)).code).toBe('CAL_FIT_CANCELLED');
  });

  it('tells which method is to follow the quick candidate of auto', async () => {
    const host = createCalibrationHost(1);
    const nexts: string[] = [];
    const options = { method: 'auto' as const, training: { stepCount: 1, batchCount: 4 } };
    await calibrateSession(base, recording, { ...options, onInterim: (__, next) => nexts.push(next) }, host);
    expect(nexts).toEqual(['ends']);
  });

  it.each<[string, BinnedRecording]>([
    ['CAL_SESSION_TOO_SHORT', linearRecording({ binCount: 60, channelCount: CHANNELS, seed: 3 })],
    [
      'CAL_TARGET_CONSTANT',
      { ...recording, target: { ...recording.target, values: new Float32Array(recording.binCount * 2) } },
    ],
    ['CAL_FEATURES_CONSTANT', { ...recording, features: new Float32Array(recording.features.length) }],
    ['DEC_BIN_MISMATCH', { ...recording, binMs: 40 }],
  ])('rejects with %s', async (code, bad) => {
    const fit = new SessionFit(base, bad, { method: 'readout' });
    expect((await betzErrorOfAsync(() => fit.done)).code).toBe(code);
  });
});
