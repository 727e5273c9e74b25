import { describe, expect, it } from 'vitest';
import { rehearse } from '../../src/runtime/rehearsal.ts';
import type { SessionPlan } from '../../src/runtime/session-memory.ts';
import { LeakyDecoder } from '../support/leaky-decoder.ts';
import { LoopBench, slotsOf } from '../support/loop-bench.ts';
import { TickingClock } from '../support/ticking-clock.ts';

/** Tells bins apart from steps that only warm the caches, which are given ones. */
class CountingDecoder extends LeakyDecoder {
  bins = 0;
  warmings = 0;
  stepsWhenReset = 0;

  override step(features: Float32Array, output: Float32Array): void {
    if (features.every((value) => value === 1)) this.warmings++;
    else this.bins++;
    super.step(features, output);
  }

  override reset(): void {
    this.stepsWhenReset = this.bins + this.warmings;
    super.reset();
  }
}

const CHANNELS = 40; // enough that drawn features are never all ones

function rehearsed(
  framesPerBin: number,
  changes: Partial<SessionPlan> = {},
  chunkFrames = 64,
  tickNs = 2000,
) {
  const { plan } = new LoopBench({ framesPerBin, channelCount: CHANNELS, maxFramesPerChunk: chunkFrames })
    .memory;
  const decoder = new CountingDecoder(CHANNELS, 2);
  const clock = new TickingClock(0, tickNs);
  rehearse({ ...plan, ...changes }, slotsOf(decoder), 0.5, clock);
  return { decoder, clock };
}

describe('rehearsal', () => {
  it('decodes thousands of bins, warms as often, starts anew now and then, and leaves a fresh decoder', () => {
    const { decoder } = rehearsed(10);
    expect(decoder.bins).toBe(5000);
    expect(decoder.warmings).toBeGreaterThanOrEqual(5000);
    expect(decoder.resetCount).toBe(5000 / 20 + 2); // both slots of the bench hold this decoder
    expect(decoder.stepsWhenReset).toBe(decoder.bins + decoder.warmings);
    const output = new Float32Array(2);
    const fresh = new Float32Array(2);
    decoder.step(new Float32Array(CHANNELS).fill(2), output);
    new LeakyDecoder(CHANNELS, 2).step(new Float32Array(CHANNELS).fill(2), fresh);
    expect(output).toEqual(fresh);
  });

  it('takes no longer than its time, but for the bins that WebAssembly needs', () => {
    const { decoder } = rehearsed(10, {}, 64, 1e6);
    expect(decoder.bins).toBe(200);
  });

  it.each([
    ['of one chunk', 10, 10],
    ['of several chunks', 20, 5],
    ['that chunks do not divide', 20, 6],
    ['of more chunks than bins lie between two joins', 50, 1],
    ['of one frame each', 1, 1],
  ])('completes bins %s', (_what, framesPerBin, chunkFrames) => {
    expect(rehearsed(framesPerBin, {}, chunkFrames, 1e6).decoder.bins).toBeGreaterThanOrEqual(190);
  });

  it('runs for unpaced streams too, and without truth', () => {
    const { plan } = new LoopBench({ channelCount: CHANNELS }).memory;
    const changes = {
      isPaced: false,
      comparedDimensions: 0,
      chunks: { ...plan.chunks, truthCount: 0 },
      records: { ...plan.records, truthCount: 0 },
    };
    expect(rehearsed(10, changes).decoder.bins).toBe(5000);
  });
});
