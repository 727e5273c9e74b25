/** What a fit in a thread of its own is given, and what it says. */
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { SessionCalibration, SessionOptions } from '../calibration/session/session-task.ts';
import type { TrainingProgress } from '../calibration/training.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import type { TransferredError } from './error-transfer.ts';

/** Functions do not cross a thread border. */
export type FitOptions = Omit<SessionOptions, 'onProgress' | 'onCandidate' | 'onInterim'>;

export interface FitWorkerData {
  base: Model;
  recording: BinnedRecording;
  options: FitOptions;
  /** [1], shared. Not 0: stop before the next step. */
  cancel: Int32Array;
}

export type FitProgress = TrainingProgress & { method: SessionMethod };

export type FitMessage =
  | { kind: 'progress'; progress: FitProgress }
  /** Of `auto`: its quick candidate, while the fit goes on with the `next` method. */
  | { kind: 'interim'; calibration: SessionCalibration; next: SessionMethod }
  /** The last one. */
  | { kind: 'done'; calibration: SessionCalibration }
  | { kind: 'failed'; error: TransferredError };
