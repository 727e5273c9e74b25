/**
 * A user in closed loop: looks at the cursor, late, and intends to move it to the target.
 *
 * Policy, after the model that Willett et al. 2017 (J Neural Eng 14:016001) fitted to users of intracortical cursors: an
 * intention towards the target whose size depends on the distance, from an estimate of where the cursor is now. The eye
 * tells where it was `visualDelayMs` ago; what has been intended since is added (an internal forward model; Golub et al.
 * 2015, eLife 4:e10015, found such a model in monkeys). The user believes that the cursor obeys exactly: the decoder's
 * errors and its delay come as surprises, seen late, and are corrected. docs/closed-loop.md says what is left out.
 *
 *   estimate   p = cursor(t - delay) + sum of v over (t - delay, t)          (or without the sum)
 *   distance   d = |target(t - delay - decision) - p|
 *   wish       u = min(speed, d / slowing) towards it, turned and scaled by noise;  0 in the target's middle or without one
 *   intention  v += (u - v) (1 - exp(-1 ms / smoothing))
 */
import { z } from 'zod';
import type { Rng } from '../../core/rng.ts';
import { FRAME_RATE_HZ } from './array-config.ts';
import type { Movement } from './movement.ts';

export const simulatedUserConfig = z.strictObject({
  /** Until what is on the screen is seen. */
  visualDelayMs: z.number().min(0).max(500).default(200),
  /** From seeing a new target (or none) to intending by it. */
  decisionMs: z.number().min(0).max(500).default(50),
  /** Of the intention far from the target. */
  speedMPerS: z.number().min(0.001).max(5).default(0.25),
  /** The wish is distance over this time near the target. */
  slowingMs: z.number().min(1).max(5000).default(250),
  /** Part of the target's radius within which the user rests. */
  restShare: z.number().min(0).max(1).default(0.5),
  smoothingMs: z.number().min(1).max(1000).default(60),
  /** Standard deviation of the intention's direction and (relative) of its speed, and how long such an error lasts. */
  directionNoiseDeg: z.number().min(0).max(90).default(10),
  speedNoise: z.number().min(0).max(1).default(0.2),
  noiseMs: z.number().min(1).max(5000).default(150),
  /** Whether the user adds what was intended since to what is seen. */
  predictsCursor: z.boolean().default(true),
});
export type SimulatedUserConfig = z.output<typeof simulatedUserConfig>;
export type SimulatedUserOptions = z.input<typeof simulatedUserConfig>;

/** What is on the screen now; whoever runs the task keeps it up to date. In metres. */
export interface Screen {
  cursorX: number;
  cursorY: number;
  /** NaN without a target. */
  targetX: number;
  targetY: number;
  targetRadiusM: number;
}

/** A power of two above the largest delay. */
const WINDOW_FRAMES = 1024;
const MASK = WINDOW_FRAMES - 1;

export class SimulatedUser implements Movement {
  readonly knownAheadFrames = 0;
  private readonly config: SimulatedUserConfig;
  private readonly rng: Rng;
  private readonly screen: Screen;
  private readonly visualFrames: number;
  private readonly targetFrames: number;
  private readonly smoothing: number;
  private readonly noiseKept: number;
  private readonly noiseAdded: number;
  /** Of frame n at n % WINDOW_FRAMES. */
  private readonly cursorX = new Float64Array(WINDOW_FRAMES);
  private readonly cursorY = new Float64Array(WINDOW_FRAMES);
  private readonly targetX = new Float64Array(WINDOW_FRAMES).fill(Number.NaN);
  private readonly targetY = new Float64Array(WINDOW_FRAMES).fill(Number.NaN);
  private readonly radius = new Float64Array(WINDOW_FRAMES);
  /** Displacement that was intended in each frame, and its sum over the visual delay. */
  private readonly stepX = new Float64Array(WINDOW_FRAMES);
  private readonly stepY = new Float64Array(WINDOW_FRAMES);
  private unseenX = 0;
  private unseenY = 0;
  private frame = -1;
  private vx = 0;
  private vy = 0;
  private directionError = 0;
  private speedError = 0;

  /** @param screen looked at in every frame, never changed */
  constructor(config: SimulatedUserConfig, screen: Screen, rng: Rng) {
    this.config = config;
    this.screen = screen;
    this.rng = rng;
    this.visualFrames = toFrames(config.visualDelayMs);
    this.targetFrames = toFrames(config.visualDelayMs + config.decisionMs);
    this.smoothing = 1 - Math.exp(-1000 / FRAME_RATE_HZ / config.smoothingMs);
    this.noiseKept = Math.exp(-1000 / FRAME_RATE_HZ / config.noiseMs);
    this.noiseAdded = Math.sqrt(1 - this.noiseKept * this.noiseKept);
    this.cursorX.fill(screen.cursorX);
    this.cursorY.fill(screen.cursorY);
  }

  velocityX(): number {
    return this.vx;
  }

  velocityY(): number {
    return this.vy;
  }

  /** Frames that are left out are lived through with the screen as it is now. */
  moveTo(frame: number): void {
    if (this.frame < 0) this.frame = frame - 1;
    while (this.frame < frame) this.live(++this.frame);
  }

  private live(frame: number): void {
    const { screen } = this;
    const now = frame & MASK;
    this.cursorX[now] = screen.cursorX;
    this.cursorY[now] = screen.cursorY;
    this.targetX[now] = screen.targetX;
    this.targetY[now] = screen.targetY;
    this.radius[now] = screen.targetRadiusM;
    this.directionError = this.noiseKept * this.directionError + this.noiseAdded * this.rng.normal();
    this.speedError = this.noiseKept * this.speedError + this.noiseAdded * this.rng.normal();
    this.intend(frame);
    this.remember(frame);
  }

  /** From what is seen and believed in this frame to the velocity intended in it. */
  private intend(frame: number): void {
    const { config } = this;
    const seen = (frame - this.visualFrames) & MASK;
    const known = (frame - this.targetFrames) & MASK;
    const dx = this.targetX[known] - this.cursorX[seen] - (config.predictsCursor ? this.unseenX : 0);
    const dy = this.targetY[known] - this.cursorY[seen] - (config.predictsCursor ? this.unseenY : 0);
    const distance = Math.sqrt(dx * dx + dy * dy);
    let wishX = 0;
    let wishY = 0;
    // False without a target, where the distance is NaN.
    if (distance > config.restShare * this.radius[known]) {
      const wanted = Math.min(config.speedMPerS, (distance * 1000) / config.slowingMs);
      const scale = (wanted * Math.max(0, 1 + config.speedNoise * this.speedError)) / distance;
      const turn = (config.directionNoiseDeg * this.directionError * Math.PI) / 180;
      const cos = Math.cos(turn);
      const sin = Math.sin(turn);
      wishX = scale * (cos * dx - sin * dy);
      wishY = scale * (sin * dx + cos * dy);
    }
    this.vx += (wishX - this.vx) * this.smoothing;
    this.vy += (wishY - this.vy) * this.smoothing;
  }

  private remember(frame: number): void {
    const now = frame & MASK;
    const past = (frame - this.visualFrames) & MASK;
    this.stepX[now] = this.vx / FRAME_RATE_HZ;
    this.stepY[now] = this.vy / FRAME_RATE_HZ;
    this.unseenX += this.stepX[now] - this.stepX[past];
    this.unseenY += this.stepY[now] - this.stepY[past];
  }
}

function toFrames(durationMs: number): number {
  return Math.round((durationMs * FRAME_RATE_HZ) / 1000);
}
