/**
 * When frames are due, and waiting for it. Due times are absolute, so nothing drifts; a wait sleeps until shortly before
 * and then spins, because a timed sleep ends 0.2-0.5 ms late. A feed that is late delivers what is overdue at once, with
 * its original due time, so that lateness shows in the latency instead of vanishing.
 */
import type { Clock } from '../core/clock.ts';

const NS_PER_S = 1e9;
const NS_PER_MS = 1e6;
/** How long before the due time sleeping ends and spinning begins. */
const SPIN_NS = 0.6 * NS_PER_MS;

/** What a wait sleeps on. `StopSignal` is one. */
export interface Sleeper {
  /** Sleeps at most `timeoutMs`; true when waiting should end for good. */
  wait(timeoutMs: number): boolean;
  isSet(): boolean;
}

export class PacedSchedule {
  private readonly startNs: number;
  private readonly frameNs: number;
  private readonly clock: Clock;
  private readonly sleeper: Sleeper;

  /** Frame 0 begins at `startNs`. */
  constructor(startNs: number, framesPerSecond: number, clock: Clock, sleeper: Sleeper) {
    this.startNs = startNs;
    this.frameNs = NS_PER_S / framesPerSecond;
    this.clock = clock;
    this.sleeper = sleeper;
  }

  /** The moment at which `frameCount` frames have ended. */
  endNs(frameCount: number): number {
    return this.startNs + frameCount * this.frameNs;
  }

  /** Returns at `dueNs`, at once when that is past; false when told to stop before. */
  waitUntil(dueNs: number): boolean {
    for (;;) {
      const leftNs = dueNs - SPIN_NS - this.clock.nowNs();
      if (leftNs <= 0) break;
      if (this.sleeper.wait(leftNs / NS_PER_MS)) return false;
    }
    while (this.clock.nowNs() < dueNs) {
      if (this.sleeper.isSet()) return false;
    }
    return !this.sleeper.isSet();
  }
}
