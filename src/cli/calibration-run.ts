/** Calibration with progress on the terminal, stopped by Ctrl-C: shared by `calibrate` and `run`. */
import { calibrate } from '../calibration/calibrate.ts';
import type { Calibration, CalibrationOptions } from '../calibration/calibrate.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { interruptedError } from './interrupt.ts';
import { startProgress } from './progress.ts';

export async function calibrateWithProgress(
  recording: BinnedRecording,
  options: Omit<CalibrationOptions, 'onProgress'>,
  signal: AbortSignal,
  threadCount?: number,
): Promise<Calibration> {
  const host = createCalibrationHost(threadCount);
  const progress = startProgress(`calibrating ${options.kind}`, 1);
  const throwIfAborted = (): void => {
    if (signal.aborted) throw interruptedError();
  };
  try {
    return await calibrate(
      recording,
      {
        ...options,
        onProgress: ({ step, stepCount, loss, validationR2 }) => {
          const checked = Number.isNaN(validationR2)
            ? ''
            : `  R2 on held-out data ${validationR2.toFixed(3)}`;
          progress.update(step / stepCount, `loss ${loss.toFixed(3)}${checked}`);
        },
      },
      {
        ...host,
        yieldToHost: async () => {
          await host.yieldToHost();
          throwIfAborted();
        },
      },
    );
  } finally {
    progress.stop();
  }
}
