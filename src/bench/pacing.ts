/** Waiting for an absolute moment, as a paced measurement does: asleep until shortly before, then watching the clock. */
import type { Clock } from '../core/clock.ts';

/** How long before the edge sleeping ends: a timer is late by 0.3 ms. */
const SPIN_NS = 5e5;
const NS_PER_MS = 1e6;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread, as the decode thread is blocked between bins. */
export function sleepUntilShortlyBefore(edgeNs: number, clock: Clock): void {
  const sleepMs = (edgeNs - SPIN_NS - clock.nowNs()) / NS_PER_MS;
  if (sleepMs > 0) Atomics.wait(sleeper, 0, 0, sleepMs);
}

export function spinUntil(edgeNs: number, clock: Clock): void {
  while (clock.nowNs() < edgeNs);
}
