/**
 * A task with a cursor: targets appear one after the other, and each is acquired by bringing the cursor into it and
 * staying there for the hold time. A state machine over bins that knows nothing of who moves the cursor.
 *
 * Trial: the target appears, and the trial ends in success when the cursor has been inside for the hold time without
 * leaving (leaving starts the hold anew), or in failure when the time-out has passed. A pause without a target follows;
 * the cursor goes on from where it is. Target of 4 cm across, 8 cm away, a hold of 500 ms: as in Gilja et al. 2012,
 * Nat Neurosci 15:1752-1757.
 */
import type { Target, TargetSequence } from './target-sequence.ts';

export interface TaskTiming {
  binMs: number;
  holdMs: number;
  /** From the target's appearance, hold included. */
  timeOutMs: number;
  pauseMs: number;
}

export const TASK_TIMING: TaskTiming = { binMs: 20, holdMs: 500, timeOutMs: 5000, pauseMs: 300 };

export interface TrialResult {
  /** When the target appeared and when the trial ended, in seconds since the task began. */
  startS: number;
  endS: number;
  isSuccess: boolean;
  target: Target;
  /** From the cursor at the trial's start to the target's centre. */
  distanceM: number;
  /** From the target's appearance to the entry that the hold followed; NaN in failures. */
  timeToTargetS: number;
  /** The cursor's way from the trial's start to that entry, and the straight way between the two; NaN in failures. */
  pathM: number;
  straightM: number;
}

export class TargetTask {
  /** Half the side of the square that the cursor stays in, its centre at (0, 0). */
  readonly halfWorkspaceM: number;
  private readonly timing: TaskTiming;
  private readonly sequence: TargetSequence;
  private bin = 0;
  private x = 0;
  private y = 0;
  private shown: Target | undefined;
  /** Of the trial, or of the pause. */
  private startBin = 0;
  private startX = 0;
  private startY = 0;
  private pathM = 0;
  /** Bins that the cursor has been inside without leaving. */
  private insideBins = 0;
  private entry = { bin: 0, pathM: 0, straightM: 0 };

  constructor(sequence: TargetSequence, halfWorkspaceM: number, timing: TaskTiming = TASK_TIMING) {
    this.sequence = sequence;
    this.halfWorkspaceM = halfWorkspaceM;
    this.timing = timing;
  }

  get cursorX(): number {
    return this.x;
  }

  get cursorY(): number {
    return this.y;
  }

  /** Undefined in the pause. */
  get target(): Target | undefined {
    return this.shown;
  }

  /** Seconds since the target on the screen appeared; NaN in the pause. */
  get sinceTargetS(): number {
    return this.shown === undefined ? Number.NaN : this.toSeconds(this.bin - this.startBin);
  }

  /**
   * One bin: the cursor moves with a velocity, stopped by the workspace's border, then the rules apply.
   * @returns the trial that ended with this bin
   */
  step(vxMPerS: number, vyMPerS: number): TrialResult | undefined {
    this.move(vxMPerS, vyMPerS);
    this.bin++;
    if (this.shown === undefined) {
      if ((this.bin - this.startBin) * this.timing.binMs >= this.timing.pauseMs) this.showTarget();
      return undefined;
    }
    return this.judge(this.shown);
  }

  private move(vx: number, vy: number): void {
    const { halfWorkspaceM: half, timing } = this;
    const x = clamp(this.x + (vx * timing.binMs) / 1000, half);
    const y = clamp(this.y + (vy * timing.binMs) / 1000, half);
    this.pathM += Math.hypot(x - this.x, y - this.y);
    this.x = x;
    this.y = y;
  }

  private showTarget(): void {
    this.shown = this.sequence.next(this.x, this.y);
    this.startBin = this.bin;
    this.startX = this.x;
    this.startY = this.y;
    this.pathM = 0;
    this.insideBins = 0;
  }

  private judge(target: Target): TrialResult | undefined {
    const isInside = Math.hypot(this.x - target.x, this.y - target.y) <= target.radiusM;
    if (isInside && this.insideBins === 0) {
      const straightM = Math.hypot(this.x - this.startX, this.y - this.startY);
      this.entry = { bin: this.bin, pathM: this.pathM, straightM };
    }
    this.insideBins = isInside ? this.insideBins + 1 : 0;
    // The entry is the first instant inside: n bins inside are n - 1 bins of holding.
    const isSuccess = isInside && (this.insideBins - 1) * this.timing.binMs >= this.timing.holdMs;
    const isOver = (this.bin - this.startBin) * this.timing.binMs >= this.timing.timeOutMs;
    return isSuccess || isOver ? this.endTrial(target, isSuccess) : undefined;
  }

  private endTrial(target: Target, isSuccess: boolean): TrialResult {
    const { entry, startBin } = this;
    this.shown = undefined;
    this.startBin = this.bin;
    return {
      startS: this.toSeconds(startBin),
      endS: this.toSeconds(this.bin),
      isSuccess,
      target,
      distanceM: Math.hypot(target.x - this.startX, target.y - this.startY),
      timeToTargetS: isSuccess ? this.toSeconds(entry.bin - startBin) : Number.NaN,
      pathM: isSuccess ? entry.pathM : Number.NaN,
      straightM: isSuccess ? entry.straightM : Number.NaN,
    };
  }

  private toSeconds(bins: number): number {
    return (bins * this.timing.binMs) / 1000;
  }
}

function clamp(value: number, half: number): number {
  return Math.max(-half, Math.min(half, value));
}
