import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { maxBinsPerChunk, ThrottledChunkRing } from '../../src/runtime/throttled-chunk-ring.ts';
import { LoopBench, rowsOf } from '../support/loop-bench.ts';

const MAX_FRAMES = 12;

function create(framesPerBin: number, recordSlots: number) {
  const bench = new LoopBench({
    framesPerBin,
    recordSlots,
    chunkSlots: 4,
    maxFramesPerChunk: MAX_FRAMES,
    isPaced: false,
  });
  const { plan, chunks, records } = bench.memory;
  return { bench, ring: new ThrottledChunkRing(plan.chunks, chunks.buffer, records, framesPerBin) };
}

describe('ThrottledChunkRing', () => {
  it('has space when the chunks queued and one more cannot fill the output ring', () => {
    const { bench, ring } = create(4, 8); // a chunk of 12 frames gives up to 3 bins, as 3 more may be waiting
    expect(maxBinsPerChunk(MAX_FRAMES, 4)).toBe(3);
    expect(ring.waitForSpace(0)).toBe(true);
    bench.produce(rowsOf(12, 3));
    expect(ring.waitForSpace(0)).toBe(true);
    bench.produce(rowsOf(12, 3));
    expect(ring.waitForSpace(0)).toBe(false); // 9 of 8
    bench.loop.decodeQueued();
    expect(ring.waitForSpace(0)).toBe(false); // the bins stand in the output ring now
    expect(bench.consume()).toHaveLength(6);
    expect(ring.waitForSpace(0)).toBe(true);
  });

  it('has none when it is full itself', () => {
    const { bench, ring } = create(4, 1024);
    for (let chunk = 0; chunk < 4; chunk++) bench.produce(rowsOf(1, 3));
    expect(ring.waitForSpace(0)).toBe(false);
  });

  it.each([
    [1, 1, 1],
    [1, 20, 1],
    [5, 20, 1],
    [20, 20, 1],
    [21, 20, 2],
    [12, 1, 12],
  ])('knows that a chunk of %i frames completes bins of %i at most %i times', (frames, perBin, bins) => {
    expect(maxBinsPerChunk(frames, perBin)).toBe(bins);
  });

  it('loses no record of a source that asks it, whatever the turns of the three sides', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 15 }),
        fc.constantFrom(16, 32),
        (seed, framesPerBin, recordSlots) => {
          const rng = new Rng(seed);
          const { bench, ring } = create(framesPerBin, recordSlots);
          let fetched = 0;
          for (let turn = 0; turn < 200; turn++) {
            const draw = rng.uniform();
            if (draw < 0.6) {
              if (ring.waitForSpace(0)) bench.produce(rowsOf(1 + rng.integer(MAX_FRAMES), 3));
            } else if (draw < 0.85) bench.loop.decodeQueued();
            else fetched += bench.consume().length;
          }
          bench.finish();
          fetched += bench.consume().length;
          expect(bench.memory.records.lostCount()).toBe(0);
          expect(bench.receivedFrames).toBe(bench.producedFrames);
          expect(fetched).toBe(Math.floor(bench.producedFrames / framesPerBin));
        },
      ),
      { numRuns: 100 },
    );
  });
});
