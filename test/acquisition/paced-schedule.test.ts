import { describe, expect, it } from 'vitest';
import { PacedSchedule } from '../../src/acquisition/paced-schedule.ts';
import { FakeStopSignal } from '../support/fake-stop-signal.ts';
import { TickingClock } from '../support/ticking-clock.ts';

const MS = 1e6;

function schedule(options: { startNs?: number; framesPerSecond?: number } = {}) {
  const clock = new TickingClock(options.startNs ?? 0, 1000);
  const stop = new FakeStopSignal(clock);
  return {
    clock,
    stop,
    paced: new PacedSchedule(options.startNs ?? 0, options.framesPerSecond ?? 1000, clock, stop),
  };
}

describe('PacedSchedule', () => {
  it('counts deadlines from the start, so that no rounding adds up', () => {
    const { paced } = schedule({ startNs: 7, framesPerSecond: 30 });
    expect(paced.endNs(0)).toBe(7);
    expect(paced.endNs(1)).toBeCloseTo(7 + 1e9 / 30, 3);
    // A day of frames: the sum of rounded periods would be 29 us off.
    expect(Math.abs(paced.endNs(30 * 86_400) - (7 + 86_400e9))).toBeLessThan(10);
  });

  it('sleeps until shortly before the deadline and then watches the clock', () => {
    const { paced, clock, stop } = schedule();
    expect(paced.waitUntil(5 * MS)).toBe(true);
    expect(stop.sleepsMs).toHaveLength(1);
    expect(stop.sleepsMs[0]).toBeGreaterThan(4);
    expect(stop.sleepsMs[0]).toBeLessThanOrEqual(4.5);
    expect(clock.nowNs()).toBeGreaterThanOrEqual(5 * MS);
    expect(clock.nowNs()).toBeLessThan(5 * MS + 5000);
  });

  it('does not sleep for less than a sleep is late by', () => {
    const { paced, stop } = schedule();
    expect(paced.waitUntil(0.4 * MS)).toBe(true);
    expect(stop.sleepsMs).toEqual([]);
  });

  it('sleeps again when it was woken too early', () => {
    const { paced, clock, stop } = schedule();
    stop.duringSleep = () => {
      clock.advanceNs(-3 * MS * (stop.sleepsMs.length === 1 ? 1 : 0));
    };
    expect(paced.waitUntil(10 * MS)).toBe(true);
    expect(stop.sleepsMs.length).toBe(2);
    expect(clock.nowNs()).toBeGreaterThanOrEqual(10 * MS);
  });

  it('returns at once from a deadline that has passed', () => {
    const { paced, clock, stop } = schedule();
    clock.advanceNs(100 * MS);
    for (let frame = 1; frame <= 50; frame++) expect(paced.waitUntil(paced.endNs(frame))).toBe(true);
    expect(stop.sleepsMs).toEqual([]);
    expect(clock.nowNs()).toBeLessThan(101 * MS);
  });

  it('ends a wait when it is stopped, before, while it sleeps and while it watches', () => {
    const before = schedule();
    before.stop.set();
    expect(before.paced.waitUntil(5 * MS)).toBe(false);
    expect(before.clock.nowNs()).toBeLessThan(MS);

    const asleep = schedule();
    asleep.stop.duringSleep = () => {
      asleep.stop.set();
    };
    expect(asleep.paced.waitUntil(5 * MS)).toBe(false);
    expect(asleep.clock.nowNs()).toBeLessThan(MS);

    const watching = schedule();
    const isSet = watching.stop.isSet.bind(watching.stop);
    watching.stop.isSet = () => {
      if (watching.clock.readingCount === 100) watching.stop.set();
      return isSet();
    };
    expect(watching.paced.waitUntil(0.4 * MS)).toBe(false);
    expect(watching.clock.readingCount).toBe(100);
  });
});
