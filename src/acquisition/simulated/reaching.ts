/**
 * A hand that reaches for random targets in a square workspace.
 *
 * Each reach is straight, with the minimum-jerk speed profile (Flash and Hogan 1985, J Neurosci 5:1688-1703):
 *   v(s) = (D / T) 30 s^2 (1 - s)^2,  s = t / T in 0..1,
 * so that the peak speed is 1.875 D / T. Longer reaches take longer and are faster, as those of people and monkeys do.
 * After a reach the hand rests where it is for a random while, then the next target is drawn.
 */
import type { Rng } from '../../core/rng.ts';
import { FRAME_RATE_HZ } from './array-config.ts';
import type { ReachingConfig } from './array-config.ts';
import type { Movement } from './movement.ts';

export class ReachingHand implements Movement {
  readonly knownAheadFrames = Infinity;
  private readonly config: ReachingConfig;
  private readonly rng: Rng;
  /** Of the frame asked for last; m/s. */
  private vx = 0;
  private vy = 0;
  /** The hand's position at the end of the current reach; m. */
  private x = 0;
  private y = 0;
  /** The current reach, in frames: it rests until startFrame, moves until endFrame. */
  private startFrame = 0;
  private endFrame = 0;
  /** Mean velocity of the current reach, D / T. */
  private meanVx = 0;
  private meanVy = 0;

  constructor(config: ReachingConfig, rng: Rng) {
    this.config = config;
    this.rng = rng;
  }

  /** Velocity in the middle of a frame; frames are asked for in increasing order, and may be left out. */
  moveTo(frame: number): void {
    while (frame >= this.endFrame) this.drawReach();
    this.vx = 0;
    this.vy = 0;
    if (frame < this.startFrame) return;
    const s = (frame + 0.5 - this.startFrame) / (this.endFrame - this.startFrame);
    const profile = 30 * s * s * (1 - s) * (1 - s);
    this.vx = this.meanVx * profile;
    this.vy = this.meanVy * profile;
  }

  velocityX(): number {
    return this.vx;
  }

  velocityY(): number {
    return this.vy;
  }

  private drawReach(): void {
    const { config, rng } = this;
    const half = config.workspaceM / 2;
    let x: number;
    let y: number;
    let distanceM: number;
    do {
      x = rng.uniform(-half, half);
      y = rng.uniform(-half, half);
      distanceM = Math.sqrt((x - this.x) ** 2 + (y - this.y) ** 2);
    } while (distanceM < config.reachMinM);
    const movementMs =
      (config.movementBaseMs + config.movementMsPerM * distanceM) * logNormal(rng, config.movementSpread);
    const pauseMs = config.pauseMedianMs * logNormal(rng, config.pauseSpread);
    const movementFrames = Math.max(1, toFrames(movementMs));
    this.startFrame = this.endFrame + toFrames(pauseMs);
    this.endFrame = this.startFrame + movementFrames;
    this.meanVx = ((x - this.x) / movementFrames) * FRAME_RATE_HZ;
    this.meanVy = ((y - this.y) / movementFrames) * FRAME_RATE_HZ;
    this.x = x;
    this.y = y;
  }
}

/** Median 1; kept within two deviations, because a hand that rests for long is another task. */
function logNormal(rng: Rng, spread: number): number {
  return Math.exp(spread * Math.max(-2, Math.min(2, rng.normal())));
}

function toFrames(durationMs: number): number {
  return Math.round((durationMs * FRAME_RATE_HZ) / 1000);
}
