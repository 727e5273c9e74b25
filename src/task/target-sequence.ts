/** Which targets a task shows: centre-out and back, and random places (distances, and so difficulties, that vary). */
import type { Rng } from '../core/rng.ts';

/** A disc, in metres; the workspace's centre is (0, 0). */
export interface Target {
  x: number;
  y: number;
  radiusM: number;
}

export interface TargetSequence {
  /** The next target, for a cursor that is at (x, y), which lies outside it. */
  next(cursorX: number, cursorY: number): Target;
}

const TASK_NAMES = ['centre-out', 'random-target'] as const;
export type TaskName = (typeof TASK_NAMES)[number];
export const taskNames: readonly TaskName[] = TASK_NAMES;

export const HALF_WORKSPACE_M = 0.1;
const RADIUS_M = 0.02;
const CENTRE_OUT_DISTANCE_M = 0.08;
const CENTRE_OUT_COUNT = 8;
/** Of the centres of random targets from the cursor; at most the workspace's half, so that there always is one. */
const RANDOM_DISTANCE_MIN_M = 0.05;

export function createSequence(task: TaskName, rng: Rng): TargetSequence {
  return task === 'centre-out' ? new CentreOut(rng) : new RandomTargets(rng);
}

/** Eight targets on a circle, each followed by the centre; every eight come in a new order. */
class CentreOut implements TargetSequence {
  private readonly rng: Rng;
  private order: number[] = [];
  private isOut = false;

  constructor(rng: Rng) {
    this.rng = rng;
  }

  /** A target that the cursor is in already is passed over: it would be acquired by doing nothing. */
  next(cursorX: number, cursorY: number): Target {
    for (;;) {
      const target = this.following();
      if (Math.hypot(target.x - cursorX, target.y - cursorY) > target.radiusM) return target;
    }
  }

  private following(): Target {
    this.isOut = !this.isOut;
    if (!this.isOut) return { x: 0, y: 0, radiusM: RADIUS_M };
    if (this.order.length === 0) {
      this.order = Array.from({ length: CENTRE_OUT_COUNT }, (_, i) => i);
      this.rng.shuffle(this.order);
    }
    const angle = (2 * Math.PI * (this.order.pop() ?? 0)) / CENTRE_OUT_COUNT;
    return {
      x: CENTRE_OUT_DISTANCE_M * Math.cos(angle),
      y: CENTRE_OUT_DISTANCE_M * Math.sin(angle),
      radiusM: RADIUS_M,
    };
  }
}

/** Anywhere that the whole target fits into the workspace, not near the cursor. */
class RandomTargets implements TargetSequence {
  private readonly rng: Rng;

  constructor(rng: Rng) {
    this.rng = rng;
  }

  next(cursorX: number, cursorY: number): Target {
    const half = HALF_WORKSPACE_M - RADIUS_M;
    for (;;) {
      const x = this.rng.uniform(-half, half);
      const y = this.rng.uniform(-half, half);
      if (Math.hypot(x - cursorX, y - cursorY) >= RANDOM_DISTANCE_MIN_M) return { x, y, radiusM: RADIUS_M };
    }
  }
}
