/** What the laws of test/compliance/source.ts leave open: stalls, speeds, rings that do not fit, streams that fail. */
import { describe, expect, it } from 'vitest';
import type { FrameBatch, FrameStream, UntimedStreamInfo } from '../../src/acquisition/frame-stream.ts';
import { StreamSource } from '../../src/acquisition/stream-source.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { DrainedRing, ringLayout } from '../support/drained-ring.ts';
import { FakeStopSignal } from '../support/fake-stop-signal.ts';
import { runSource } from '../support/source-run.ts';

const FRAMES_PER_CHUNK = 5;

/** Chunks of 5 frames of 1 ms on one channel; joins before the given chunks. */
class Ramp implements FrameStream {
  private chunk = 0;
  private readonly chunkCount: number;
  private readonly joins: readonly number[];
  private readonly failsAt: number;

  constructor(options: { chunkCount?: number; joins?: readonly number[]; failsAt?: number } = {}) {
    this.chunkCount = options.chunkCount ?? 40;
    this.joins = options.joins ?? [];
    this.failsAt = options.failsAt ?? -1;
  }

  prepare(): UntimedStreamInfo {
    return {
      channels: [{ label: 'a', unit: 'count' }],
      sampleRateHz: 1000,
      clockDomain: 'device',
      maxFramesPerChunk: FRAMES_PER_CHUNK,
    };
  }

  read(samples: Float32Array): FrameBatch | undefined {
    if (this.chunk === this.failsAt) throw new Error('the device is gone');
    if (this.chunk === this.chunkCount) return undefined;
    for (let i = 0; i < FRAMES_PER_CHUNK; i++) samples[i] = this.chunk * FRAMES_PER_CHUNK + i;
    return { frameCount: FRAMES_PER_CHUNK, isJoin: this.joins.includes(this.chunk++) };
  }
}

describe('StreamSource', () => {
  it('delivers what a stall made late at once, with the times at which it was due', async () => {
    const stallNs = 63e6;
    const run = await runSource((clock) => new StreamSource(new Ramp(), 1, clock), {
      slotCount: 64,
      duringSleep: ({ stop, clock }) => {
        if (stop.sleepsMs.length === 10) clock.advanceNs(stallNs);
      },
    });
    const { taken } = run.ring;
    expect(taken).toHaveLength(40);
    const delays = taken.map(({ scheduledNs, arrivalNs }) => arrivalNs - scheduledNs);
    taken.forEach(({ scheduledNs }, i) => {
      expect(scheduledNs - taken[0].scheduledNs).toBeCloseTo(i * 5e6, 3);
    });
    const late = delays.filter((delayNs) => delayNs > 1e6);
    expect(late).toHaveLength(13); // 62 ms, 57 ms, ... 2 ms
    expect(Math.max(...delays)).toBeLessThan(stallNs);
    expect(delays[9]).toBe(Math.max(...delays));
    expect(
      delays
        .slice(9)
        .toSorted((a, b) => b - a)
        .slice(0, 13),
    ).toEqual(delays.slice(9, 22));
    expect(run.source.account().lostFrames.ringFull).toBe(0);
  });

  it('loses whole chunks when the ring stays full, and says which', async () => {
    const run = await runSource((clock) => new StreamSource(new Ramp({ chunkCount: 10 }), 1, clock), {
      slotCount: 4,
      duringSleep: ({ ring, stop }) => {
        if (stop.sleepsMs.length === 7) ring.take();
      },
    });
    expect(run.ring.taken.map((chunk) => chunk.firstFrameIndex)).toEqual([0, 5, 10, 15, 30]);
    expect(run.ring.taken.map((chunk) => chunk.sequence)).toEqual([0, 1, 2, 3, 4]);
    expect(run.events).toEqual([
      ...[20, 25, 35, 40, 45].map((frameIndex) => ({
        kind: 'gap',
        frameIndex,
        frameCount: 5,
        reason: 'ringFull',
      })),
      { kind: 'end', frameIndex: 50 },
    ]);
    expect(run.source.account()).toEqual({
      producedFrames: 50,
      receivedFrames: 25,
      lostFrames: { ringFull: 25, deviceGap: 0 },
    });
  });

  it('hands a join in lost frames to the first chunk that gets through', async () => {
    const run = await runSource(
      (clock) => new StreamSource(new Ramp({ chunkCount: 9, joins: [5] }), 1, clock),
      {
        slotCount: 4,
        duringSleep: ({ ring, stop }) => {
          if (stop.sleepsMs.length >= 8) ring.takeAll();
        },
      },
    );
    expect(run.ring.taken.map(({ firstFrameIndex, isJoin }) => [firstFrameIndex, isJoin])).toEqual([
      [0, 0],
      [5, 0],
      [10, 0],
      [15, 0],
      [35, 1],
      [40, 0],
    ]);
    expect(run.events).toContainEqual({ kind: 'join', frameIndex: 25 });
  });

  it('runs n times as fast: the schedule is, and the rate of the data is not', async () => {
    const run = await runSource((clock) => new StreamSource(new Ramp(), 4, clock));
    expect(run.info).toMatchObject({ sampleRateHz: 1000, paceHz: 4000, isPaced: true });
    const { taken } = run.ring;
    expect(taken[39].scheduledNs - taken[0].scheduledNs).toBeCloseTo((39 * 5e6) / 4, 3);
  });

  it('has nothing in its account of a chunk that was computed ahead of a stop', async () => {
    const run = await runSource((clock) => new StreamSource(new Ramp(), 1, clock), {
      duringSleep: ({ stop }) => {
        if (stop.sleepsMs.length === 3) stop.set();
      },
    });
    expect(run.source.account().producedFrames).toBe(10);
    expect(run.events).toEqual([{ kind: 'end', frameIndex: 10 }]);
  });

  it('refuses a ring that was made for another stream, and leaves it alone', async () => {
    const clock = new FakeClock();
    const source = new StreamSource(new Ramp(), 1, clock);
    const fitting = ringLayout(await source.open(), 4);
    for (const wrong of [{ channelCount: 2 }, { truthCount: 1 }, { maxFramesPerChunk: 4 }]) {
      const ring = new DrainedRing({ ...fitting, ...wrong });
      await expect(source.start(ring, new FakeStopSignal(clock), () => undefined)).rejects.toMatchObject({
        code: 'ACQ_RING_LAYOUT',
        value: { ...fitting, ...wrong },
      });
      expect(ring.isClosed()).toBe(false);
    }
  });

  it('closes the ring when its stream fails, so that nobody waits for ever', async () => {
    const clock = new FakeClock();
    const source = new StreamSource(new Ramp({ failsAt: 3 }), 'max', clock);
    const ring = new DrainedRing(ringLayout(await source.open(), 8));
    await expect(source.start(ring, new FakeStopSignal(clock), () => undefined)).rejects.toThrow('is gone');
    expect(ring.isClosed()).toBe(true);
    expect(ring.queuedCount()).toBe(3);
    expect(source.account()).toMatchObject({ producedFrames: 15, receivedFrames: 15 });
    await expect(source.open()).rejects.toMatchObject({ code: 'ACQ_SOURCE_STATE', value: 'ended' });
  });
});
