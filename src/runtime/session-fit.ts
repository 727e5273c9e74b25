/** A session calibration in a thread of its own, so that the thread that hands out decoded bins never waits for it. */
import type { SessionCalibration } from '../calibration/session/session-task.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { compiledUrl } from '../host/compiled.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { FitProgressWatch } from './fit-progress.ts';
import type { FitStatus } from './fit-progress.ts';
import type { FitMessage, FitOptions, FitProgress, FitWorkerData } from './session-fit-messages.ts';
import { WorkerHost } from './worker-host.ts';

const DIED = 'CAL_FIT_WORKER_DIED';
/** A step takes some 10 ms, scoring some 100: one that has not heard by then is ended. */
const CANCEL_TIMEOUT_MS = 1500;
/** Of the objects; weights and training memory are allocated outside, and are limited by the kernels. */
const LIMITS = { maxOldGenerationSizeMb: 512 };

export interface SessionFitOptions {
  onProgress?: (progress: FitProgress) => void;
  /** Given the quick candidate of `auto`, judged as the last one will be. */
  onInterim?: (calibration: SessionCalibration) => void;
  /** Another worker file than our own, to test what happens when it dies. */
  workerUrl?: URL;
}

export class SessionFit {
  /**
   * Rejects with those of `calibrateSession`, CAL_FIT_CANCELLED or CAL_FIT_WORKER_DIED; what goes wrong after the quick candidate
   * of `auto` is `failed` beside it, and no error. Settles when the thread has ended, either way.
   */
  readonly done: Promise<SessionCalibration>;
  private readonly worker: WorkerHost<FitMessage>;
  private readonly flag = new Int32Array(new SharedArrayBuffer(4));
  private readonly watch = new FitProgressWatch(new MonotonicClock());
  private timer: NodeJS.Timeout | undefined;
  private quick: Extract<FitMessage, { kind: 'interim' }> | undefined;

  /** Begins at once. @param recording copied: it may be changed afterwards */
  constructor(
    base: Model,
    recording: BinnedRecording,
    options: FitOptions,
    {
      onProgress,
      onInterim,
      workerUrl = compiledUrl('runtime/session-fit-worker.js'),
    }: SessionFitOptions = {},
  ) {
    const data: FitWorkerData = { base, recording, options, cancel: this.flag };
    this.worker = new WorkerHost<FitMessage>(workerUrl, data, DIED, LIMITS);
    this.worker.onMessage = (message) => {
      if (message.kind === 'progress') {
        this.watch.take(message.progress);
        onProgress?.(message.progress);
      } else if (message.kind === 'interim' && !this.isCancelled) {
        this.quick = message;
        onInterim?.(message.calibration);
      }
    };
    this.done = this.result();
    this.done.catch(() => undefined); // whoever awaits it gets the error; nobody has to
  }

  /** How far it is. */
  status(): FitStatus {
    return this.watch.status();
  }

  /** Takes effect before the next training step. Idempotent; after the end it does nothing. */
  cancel(): void {
    Atomics.store(this.flag, 0, 1);
    this.timer ??= setTimeout(() => void this.worker.terminate(), CANCEL_TIMEOUT_MS);
    this.timer.unref();
  }

  private get isCancelled(): boolean {
    return Atomics.load(this.flag, 0) === 1;
  }

  private async result(): Promise<SessionCalibration> {
    const end = await this.end();
    if (this.isCancelled) throw cancelledError();
    if (!(end instanceof BetzError)) return end;
    if (this.quick === undefined) throw end;
    const { calibration, next } = this.quick;
    return { ...calibration, failed: { method: next, code: end.code, reason: end.message } };
  }

  /** Once the thread has ended, so that whatever it said before has come. */
  private async end(): Promise<SessionCalibration | BetzError> {
    try {
      return (await this.worker.waitFor('done')).calibration;
    } catch (error) {
      return toldError(error as BetzError); // WorkerHost rejects with nothing else
    } finally {
      await this.worker.close(CANCEL_TIMEOUT_MS);
      clearTimeout(this.timer);
    }
  }
}

function toldError(error: BetzError): BetzError {
  if (error.code !== DIED) return error;
  return new BetzError(DIED, `the fit ended unexpectedly: ${String(error.value)}`, {
    value: error.value,
    tip: 'The decoder in service stays as it is. Calibrate again; if it happens again, report it as a bug.',
    cause: error,
  });
}

/** Also where the result came while it was being cancelled: nobody wants it. */
function cancelledError(): BetzError {
  return new BetzError('CAL_FIT_CANCELLED', 'the fit was cancelled', {
    tip: 'The decoder in service stays as it is.',
  });
}
