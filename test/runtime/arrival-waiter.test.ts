import { describe, expect, it } from 'vitest';
import { ChunkRing } from '../../src/core/chunk-ring.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { ArrivalWaiter } from '../../src/runtime/arrival-waiter.ts';
import { FrameSchedule } from '../../src/runtime/frame-schedule.ts';
import { MS } from '../support/loop-bench.ts';

/** Every look at the ring takes a microsecond, and a sleep lasts as long as it was asked to. */
class TimedRing extends ChunkRing {
  readonly sleepsMs: number[] = [];
  peeks = 0;
  private readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    super({ slotCount: 2, channelCount: 1, truthCount: 0, maxFramesPerChunk: 1 });
    this.clock = clock;
  }

  override waitForChunk(timeoutMs: number): void {
    this.sleepsMs.push(timeoutMs);
    this.clock.advanceNs(timeoutMs * MS);
  }

  override queuedCount(): number {
    this.peeks++;
    this.clock.advanceNs(1000);
    return 0;
  }
}

function create(wakeLeadUs = 800, watchTailUs = 500) {
  const clock = new FakeClock();
  const ring = new TimedRing(clock);
  const warmedAtMs: number[] = [];
  const waiter = new ArrivalWaiter(
    ring,
    new FrameSchedule(10 * MS),
    clock,
    () => warmedAtMs.push(clock.nowNs() / MS),
    {
      wakeLeadUs,
      watchTailUs,
    },
  );
  /** A chunk of one bin of 10 ms was taken. */
  const take = (scheduledNs: number, arrivalNs = scheduledNs): void => {
    waiter.expect(Float64Array.of(0, 0, 1, scheduledNs, arrivalNs, 0), 1);
  };
  return { clock, ring, waiter, warmedAtMs, take };
}

describe('ArrivalWaiter', () => {
  it('sleeps until shortly before the bin is due, warms the caches once, watches, and sleeps when nothing comes', () => {
    const { clock, ring, waiter, warmedAtMs, take } = create();
    take(0);
    waiter.wait();
    expect(clock.nowNs()).toBeCloseTo(9.2 * MS, 3);
    waiter.wait();
    expect(warmedAtMs).toEqual([clock.nowNs() / MS]);
    while (clock.nowNs() < 10.5 * MS) waiter.wait();
    expect(ring.sleepsMs).toHaveLength(1);
    expect(ring.peeks).toBeGreaterThan(1000);
    waiter.wait();
    expect(ring.sleepsMs).toEqual([expect.closeTo(9.2, 6), 50]);
    expect(warmedAtMs).toHaveLength(1);
  });

  it('warms again for every bin', () => {
    const { clock, waiter, warmedAtMs, take } = create();
    for (const nextMs of [10, 20, 30]) {
      take((nextMs - 10) * MS);
      while (clock.nowNs() < nextMs * MS) waiter.wait();
    }
    expect(warmedAtMs.map((ms) => Math.round(ms * 10) / 10)).toEqual([9.2, 19.2, 29.2]);
  });

  it('does not warm when the bin is already late', () => {
    const { clock, waiter, warmedAtMs, take } = create();
    take(0);
    clock.advanceNs(10.1 * MS);
    waiter.wait();
    expect(warmedAtMs).toEqual([]);
  });

  it('learns how late the source is, by small steps', () => {
    const { ring, waiter, take } = create();
    // Always 0.3 ms late: after 15 bins of 20 us the expectation has followed.
    for (let bin = 0; bin < 15; bin++) take(0, 0.3 * MS);
    waiter.wait();
    expect(ring.sleepsMs[0]).toBeCloseTo(9.5, 6);
    // One stall of 100 ms moves it by 20 us only.
    const stalled = create();
    stalled.take(0, 100 * MS);
    stalled.waiter.wait();
    expect(stalled.ring.sleepsMs[0]).toBeCloseTo(9.22, 6);
  });

  it('only sleeps where there is no schedule, or where watching is switched off', () => {
    const unpaced = create();
    unpaced.take(Number.NaN, 0);
    unpaced.waiter.wait();
    const asleep = create(0);
    asleep.take(0);
    asleep.waiter.wait();
    for (const { ring, warmedAtMs } of [unpaced, asleep]) {
      expect(ring.sleepsMs).toEqual([50]);
      expect(warmedAtMs).toEqual([]);
    }
  });
});
