/**
 * The fit thread of a live calibration: one training thread, after everybody else where the machine allows it, so that the
 * decode thread has its core.
 */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { workerData } from 'node:worker_threads';
import { calibrateSession } from '../calibration/session/calibrate-session.ts';
import { BetzError } from '../core/errors.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import type { FitMessage, FitWorkerData } from './session-fit-messages.ts';
import { WorkerPort } from './worker-port.ts';

const { base, recording, options, cancel } = workerData as FitWorkerData;
const port = new WorkerPort<FitMessage>();

await port.serve(async () => {
  yieldProcessor();
  const host = createCalibrationHost(1);
  const calibration = await calibrateSession(
    base,
    recording,
    {
      ...options,
      onProgress: (progress) => {
        port.post({ kind: 'progress', progress });
      },
      onInterim: (interim, next) => {
        port.post({ kind: 'interim', calibration: interim, next });
      },
    },
    {
      ...host,
      yieldToHost: async () => {
        await host.yieldToHost();
        if (Atomics.load(cancel, 0) !== 0) throw cancelled();
      },
    },
  );
  port.post({ kind: 'done', calibration });
});

function cancelled(): BetzError {
  return new BetzError('CAL_FIT_CANCELLED', 'the fit was cancelled', {
    tip: 'The decoder in service stays as it is.',
  });
}

/** On Linux a thread has a priority of its own, by its own number. */
function yieldProcessor(): void {
  try {
    const threadId = Number(readlinkSync('/proc/thread-self').split('/').pop());
    setPriority(threadId, constants.priority.PRIORITY_LOW);
  } catch {
    return; // elsewhere the threads are equals, and cores are enough or not
  }
}
