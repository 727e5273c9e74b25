/** Calibration with progress on the terminal, stopped by Ctrl-C: shared by `calibrate` and `run`. */
import type { CalibrationOptions } from '../calibration/calibrate.ts';
import { calibrateSeeds } from '../calibration/calibrate-seeds.ts';
import type { SeededCalibration } from '../calibration/calibrate-seeds.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { interruptedError } from './interrupt.ts';
import { startProgress } from './progress.ts';
import type { Progress } from './progress.ts';

/**
 * One calibration for each seed.
 * @throws BetzError CFG_INTERRUPTED, and those of `calibrate`
 */
export async function calibrateWithProgress(
  recording: BinnedRecording,
  options: Omit<CalibrationOptions, 'onProgress'>,
  seeds: readonly number[],
  signal: AbortSignal,
  threadCount?: number,
): Promise<SeededCalibration> {
  const host = createCalibrationHost(threadCount);
  let progress: Progress | undefined;
  const stopProgress = (): void => {
    progress?.stop();
  };
  signal.addEventListener('abort', stopProgress);
  const yieldToHost = async (): Promise<void> => {
    await host.yieldToHost();
    if (signal.aborted) throw interruptedError();
  };
  try {
    const calibration = await calibrateSeeds(
      recording,
      {
        ...options,
        onProgress: ({ step, stepCount, loss, validationR2 }) => {
          const checked = Number.isNaN(validationR2) ? '' : `  held-out R2 ${validationR2.toFixed(3)}`;
          progress?.update(step / stepCount, `loss ${loss.toFixed(3)}${checked}`);
        },
      },
      { ...host, yieldToHost },
      seeds,
      (index) => {
        stopProgress();
        const which = seeds.length === 1 ? '' : `, seed ${seeds[index]} (${index + 1} of ${seeds.length})`;
        progress = startProgress(`calibrating ${options.kind}${which}`);
      },
    );
    await yieldToHost(); // a Ctrl-C during the last step
    return calibration;
  } finally {
    signal.removeEventListener('abort', stopProgress);
    stopProgress();
  }
}
