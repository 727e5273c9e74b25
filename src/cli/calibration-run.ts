/** Calibration with progress on the terminal, stopped by Ctrl-C: shared by `calibrate` and `run`. */
import { calibrate } from '../calibration/calibrate.ts';
import type { Calibration, CalibrationOptions } from '../calibration/calibrate.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { interruptedError } from './interrupt.ts';
import { startProgress } from './progress.ts';

/** @throws BetzError CFG_INTERRUPTED, and those of `calibrate` */
export async function calibrateWithProgress(
  recording: BinnedRecording,
  options: Omit<CalibrationOptions, 'onProgress'>,
  signal: AbortSignal,
  threadCount?: number,
): Promise<Calibration> {
  const host = createCalibrationHost(threadCount);
  const progress = startProgress(`calibrating ${options.kind}`);
  signal.addEventListener('abort', progress.stop);
  const yieldToHost = async (): Promise<void> => {
    await host.yieldToHost();
    if (signal.aborted) throw interruptedError();
  };
  try {
    const calibration = await calibrate(
      recording,
      {
        ...options,
        onProgress: ({ step, stepCount, loss, validationR2 }) => {
          const checked = Number.isNaN(validationR2) ? '' : `  held-out R2 ${validationR2.toFixed(3)}`;
          progress.update(step / stepCount, `loss ${loss.toFixed(3)}${checked}`);
        },
      },
      { ...host, yieldToHost },
    );
    await yieldToHost(); // a Ctrl-C during a fit in closed form is heard only now
    return calibration;
  } finally {
    signal.removeEventListener('abort', progress.stop);
    progress.stop();
  }
}
