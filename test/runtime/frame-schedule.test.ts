import { describe, expect, it } from 'vitest';
import { CHUNK_HEADER } from '../../src/core/chunk-ring.ts';
import { FrameSchedule } from '../../src/runtime/frame-schedule.ts';

function periodAfter(...chunks: readonly (readonly [scheduledNs: number, passedFrames: number])[]): number {
  const schedule = new FrameSchedule(1000);
  const header = new Float64Array(Object.keys(CHUNK_HEADER).length);
  for (const [scheduledNs, passedFrames] of chunks) {
    header[CHUNK_HEADER.scheduledNs] = scheduledNs;
    schedule.observe(header, passedFrames);
  }
  return schedule.framePeriodNs;
}

describe('FrameSchedule', () => {
  it('takes the nominal period until two chunks have shown another', () => {
    expect(periodAfter()).toBe(1000);
    expect(periodAfter([5000, 5])).toBe(1000);
    expect(periodAfter([5000, 5], [7500, 5])).toBe(500);
  });

  it('counts frames that were lost in between', () => {
    expect(periodAfter([5000, 5], [20_000, 15])).toBe(1000);
  });

  it('keeps what it knows over an empty chunk, one that is not later, and one without a schedule', () => {
    expect(periodAfter([5000, 5], [7500, 5], [8000, 0])).toBe(500);
    expect(periodAfter([5000, 5], [7500, 5], [7500, 5])).toBe(500);
    expect(periodAfter([5000, 5], [7500, 5], [Number.NaN, 5], [9000, 5])).toBe(500);
    expect(periodAfter([Number.NaN, 1], [Number.NaN, 1])).toBe(1000);
  });
});
