/**
 * How the decode thread waits for data (docs/latency.md, "Waiting").
 *
 * `Atomics.wait` alone costs 60 to 150 us from the publication of a chunk to the first instruction behind it, and
 * after 10 ms of sleep the decoder's weights have left the caches. So where the stream's schedule is known the thread
 * wakes a little before a bin is due, warms the caches, and then watches the ring without sleeping.
 */
import { CHUNK_HEADER } from '../core/chunk-ring.ts';
import type { ChunkRing } from '../core/chunk-ring.ts';
import type { Clock } from '../core/clock.ts';
import type { FrameSchedule } from './frame-schedule.ts';

export interface WaitOptions {
  /**
   * How long before the expected arrival the thread wakes to warm the caches. 0: it sleeps until data arrive. Timers
   * are late by up to 0.5 ms, so less than that is not safe.
   */
  wakeLeadUs: number;
  /**
   * How long after the expected arrival it goes on watching the ring, from the moment it woke, before it sleeps again.
   * 0: it sleeps as soon as the caches are warm.
   */
  watchTailUs: number;
}

export const DEFAULT_WAIT: WaitOptions = { wakeLeadUs: 800, watchTailUs: 500 };

/** Also bounds how late a closed ring is noticed if its notification is ever missed. */
const IDLE_MS = 50;
/** Looks at the ring between two looks at the clock, about 5 us. */
const PEEKS_PER_READING = 500;
/** The delay of a source is followed by at most this much per bin, so that one stall does not move it. */
const DELAY_STEP_NS = 20_000;

export class ArrivalWaiter {
  private readonly ring: ChunkRing;
  private readonly schedule: FrameSchedule;
  private readonly clock: Clock;
  private readonly warmCaches: () => void;
  private readonly wakeLeadNs: number;
  private readonly watchTailNs: number;
  /** When the next bin should arrive; NaN when nobody knows. */
  private expectedNs = Number.NaN;
  private isWarm = false;
  /** Running estimate of arrival - schedule. */
  private delayNs = 0;

  constructor(
    ring: ChunkRing,
    schedule: FrameSchedule,
    clock: Clock,
    warmCaches: () => void,
    options: WaitOptions,
  ) {
    this.ring = ring;
    this.schedule = schedule;
    this.clock = clock;
    this.warmCaches = warmCaches;
    this.wakeLeadNs = options.wakeLeadUs * 1000;
    this.watchTailNs = options.watchTailUs * 1000;
  }

  /**
   * @param header of the chunk just taken, see core/chunk-ring.ts
   * @param frameCount frames from its end to the end of the chunk that will complete the next bin
   */
  expect(header: Float64Array, frameCount: number): void {
    const scheduledNs = header[CHUNK_HEADER.scheduledNs];
    if (!(this.wakeLeadNs > 0) || Number.isNaN(scheduledNs)) return;
    const error = header[CHUNK_HEADER.arrivalNs] - scheduledNs - this.delayNs;
    this.delayNs += Math.max(-DELAY_STEP_NS, Math.min(DELAY_STEP_NS, error));
    this.expectedNs = scheduledNs + frameCount * this.schedule.framePeriodNs + this.delayNs;
    this.isWarm = false;
  }

  /** Returns when a chunk may be there, or earlier; the caller looks at the ring and comes back if not. */
  wait(): void {
    if (Number.isNaN(this.expectedNs)) {
      this.ring.waitForChunk(IDLE_MS);
      return;
    }
    const leftNs = this.expectedNs - this.clock.nowNs();
    if (leftNs > this.wakeLeadNs) {
      this.ring.waitForChunk(Math.min(IDLE_MS, (leftNs - this.wakeLeadNs) / 1e6));
    } else if (leftNs > 0 && !this.isWarm) {
      this.isWarm = true;
      this.warmCaches();
    } else if (this.watchTailNs > 0 && leftNs > -this.watchTailNs) {
      this.watch();
    } else {
      this.ring.waitForChunk(IDLE_MS);
    }
  }

  private watch(): void {
    for (let i = 0; i < PEEKS_PER_READING; i++) if (this.ring.queuedCount() > 0) return;
  }
}
