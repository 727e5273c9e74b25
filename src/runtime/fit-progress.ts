/** How far a fit is and how long it still takes, from the steps that it tells of. */
import type { Clock } from '../core/clock.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { FitProgress } from './session-fit-messages.ts';

export interface FitStatus {
  /** Since the fit began. */
  elapsedS: number;
  /** Of training by gradient, the only part that knows how far it is; absent before its first step. */
  training?: {
    method: SessionMethod;
    /** Up to 1; what follows it, the readout for example and the judgement, is not in it. */
    share: number;
    /** Until its last step; absent where it cannot be told yet. */
    leftS?: number;
  };
}

export class FitProgressWatch {
  private readonly clock: Clock;
  private readonly startNs: number;
  private last: FitProgress | undefined;
  private lastNs = 0;
  /** The first step that was told of, of this method. */
  private firstStep = 0;
  private firstNs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startNs = clock.nowNs();
  }

  take(progress: FitProgress): void {
    this.lastNs = this.clock.nowNs();
    if (this.last?.method !== progress.method) {
      this.firstStep = progress.step;
      this.firstNs = this.lastNs;
    }
    this.last = progress;
  }

  status(): FitStatus {
    const { last, lastNs, firstStep, firstNs } = this;
    const nowNs = this.clock.nowNs();
    const elapsedS = (nowNs - this.startNs) / 1e9;
    if (last === undefined) return { elapsedS };
    const { method, step, stepCount } = last;
    const training = { method, share: step / stepCount };
    if (step === firstStep) return { elapsedS, training };
    const stepNs = (lastNs - firstNs) / (step - firstStep);
    const leftNs = (stepCount - step) * stepNs - (nowNs - lastNs);
    return { elapsedS, training: { ...training, leftS: Math.max(0, leftNs / 1e9) } };
  }
}
