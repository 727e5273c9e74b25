/**
 * Assisted control: the cursor's velocity is (1 - a) decoded + a helping, the helping velocity going straight to the
 * target. a = 1 is an automated cursor (observation), a = 0 is the user alone; in between the user gets into the habit
 * (Velliste et al. 2008, Nature 453:1098-1101 began so). a fades with time or with success.
 */
import type { Target } from './target-sequence.ts';

export interface AssistConfig {
  /** a when control begins. */
  level: number;
  /** By time: a falls in a straight line to 0 in so many seconds. By success: so much less with each acquired target, as much more with each miss. */
  fade: { by: 'time'; overS: number } | { by: 'success'; step: number };
}

export class FadingAssist {
  private readonly config: AssistConfig;
  private elapsedS = 0;
  private level: number;

  constructor(config: AssistConfig) {
    this.config = config;
    this.level = config.level;
  }

  /** a, in 0..1. */
  current(): number {
    return this.level;
  }

  /** @param trialEnd how a trial ended in this bin, if one did */
  step(binS: number, trialEnd?: 'success' | 'failure'): void {
    const { level, fade } = this.config;
    this.elapsedS += binS;
    if (fade.by === 'time') this.level = level * Math.max(0, 1 - this.elapsedS / fade.overS);
    // Once the help is gone it stays away: what follows is to be the user's own.
    else if (trialEnd !== undefined && this.level > 0) {
      const change = trialEnd === 'success' ? -fade.step : fade.step;
      this.level = Math.max(0, Math.min(level, this.level + change));
    }
  }
}

/** Of the helping cursor. It waits as long as a person needs to see a target and react, moves, and slows near the target. */
const HELP = { waitS: 0.25, speedMPerS: 0.25, slowingS: 0.15, restShare: 0.25 } as const;

/** Where the helping cursor goes. @param sinceTargetS NaN without a target @param velocity [x, y] in m/s; written */
export function helpingVelocity(
  cursorX: number,
  cursorY: number,
  target: Target | undefined,
  sinceTargetS: number,
  velocity: Float64Array,
): void {
  velocity.fill(0);
  if (target === undefined || sinceTargetS < HELP.waitS) return;
  const distanceM = Math.hypot(target.x - cursorX, target.y - cursorY);
  if (distanceM <= HELP.restShare * target.radiusM) return;
  const speed = Math.min(HELP.speedMPerS, distanceM / HELP.slowingS);
  velocity[0] = (speed * (target.x - cursorX)) / distanceM;
  velocity[1] = (speed * (target.y - cursorY)) / distanceM;
}
