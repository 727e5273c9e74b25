import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { LoopBench, MS, rowsOf } from '../support/loop-bench.ts';

describe('DecodeLoop', () => {
  it('stamps every step of a bin, and measures from the scheduled edge', () => {
    const bench = new LoopBench();
    bench.decoder.onStep = () => {
      bench.clock.advanceNs(40_000);
    };
    bench.clock.advanceNs(10 * MS + 100_000);
    bench.produce(rowsOf(10, 3));
    bench.clock.advanceNs(200_000);
    bench.loop.decodeQueued();
    const [record] = bench.consume();
    expect(record).toMatchObject({
      binIndex: 0,
      frames: [0, 9],
      scheduledNs: 10 * MS,
      arrivalNs: 10.1 * MS,
      startNs: 10.3 * MS,
      stagedNs: 10.3 * MS,
      decoderNs: 10.3 * MS,
      doneNs: 10.34 * MS,
      features: [10, 10, 10],
      output: [15, 30],
    });
    const { latency } = bench.memory;
    expect(latency.acquisitionDelay.max()).toBe(100_000);
    expect(latency.queueDelay.max()).toBe(200_000);
    expect(latency.stages.max()).toBe(0);
    expect(latency.decoder.max()).toBe(40_000);
    expect(latency.computeTime.max()).toBe(40_000);
    expect(latency.endToEndLatency.max()).toBe(340_000);
    expect(latency.endToEndLatency.count()).toBe(1);
  });

  it('puts the edge of a bin that ends inside a chunk where its last frame ended', () => {
    const bench = new LoopBench({ framesPerBin: 4 });
    bench.produce(rowsOf(10, 3)); // ends at 10 ms
    bench.loop.decodeQueued();
    expect(bench.consume().map((record) => record.scheduledNs)).toEqual([4 * MS, 8 * MS]);
  });

  it('follows the schedule of a replay at twice the speed', () => {
    const bench = new LoopBench({ framesPerBin: 4 });
    bench.produce(rowsOf(8, 3), { scheduledNs: 4 * MS });
    bench.produce(rowsOf(8, 3), { scheduledNs: 8 * MS });
    bench.loop.decodeQueued();
    expect(bench.consume().map((record) => record.scheduledNs)[2]).toBe(6 * MS);
  });

  it('shows a stall in every bin that it delayed, and counts missed deadlines', () => {
    const bench = new LoopBench({ framesPerBin: 10, deadlineMs: 10 });
    for (let bin = 0; bin < 5; bin++) bench.produce(rowsOf(10, 3));
    bench.clock.advanceNs(45 * MS); // late by 35, 25, 15, 5, and early for the last
    bench.loop.decodeQueued();
    const { account, latency } = bench.memory;
    expect(bench.consume().map((record) => (record.doneNs - record.scheduledNs) / MS)).toEqual([
      35, 25, 15, 5, -5,
    ]);
    expect(account.deadlineMisses()).toBe(3);
    expect(account.missRunMax()).toBe(3);
    expect(latency.endToEndLatency.clampedCount()).toBe(1);
  });

  it('measures computing alone where there is no schedule', () => {
    const bench = new LoopBench({ isPaced: false });
    bench.decoder.onStep = () => {
      bench.clock.advanceNs(7000);
    };
    bench.produce(rowsOf(30, 3));
    bench.finish();
    const { latency, account } = bench.memory;
    expect([latency.computeTime.count(), latency.computeTime.max()]).toEqual([3, 7000]);
    expect([latency.endToEndLatency.count(), latency.queueDelay.count()]).toEqual([0, 0]);
    expect(account.deadlineMisses()).toBe(0);
    expect(bench.consume()[0].scheduledNs).toBeNaN();
  });

  it('drops the unfinished bin at the end of the stream', () => {
    const bench = new LoopBench();
    bench.produce(rowsOf(25, 3));
    bench.finish();
    expect(bench.memory.account.binCount()).toBe(2);
    expect(bench.memory.account.droppedFrames()).toEqual({ gap: 0, join: 0, partialBin: 5 });
  });

  it('starts decoder and smoothing anew at a join, and goes on across a gap', () => {
    const outputs = (between: (bench: LoopBench) => boolean): number[] => {
      const bench = new LoopBench({ framesPerBin: 1, smoothing: 0.5 });
      bench.produce(rowsOf(2, 3));
      bench.produce(rowsOf(2, 3), { isJoin: between(bench) });
      bench.finish();
      return bench.consume().map((record) => record.output[0]);
    };
    const withoutBreak = outputs(() => false);
    const withGap = outputs((bench) => {
      bench.skip(3);
      return false;
    });
    const withJoin = outputs(() => true);
    expect(withoutBreak).toEqual([0.75, 1.5, 2.0625, 2.4375]);
    expect(withGap).toEqual(withoutBreak);
    expect(withJoin).toEqual([0.75, 1.5, 0.75, 1.5]);
  });

  it('skips a bin whose features are not finite: the safe value, a flag, and the state as it was before', () => {
    for (const value of [Number.NaN, Infinity]) {
      const bench = new LoopBench({ framesPerBin: 1, smoothing: 0.5 });
      const rows = rowsOf(5, 3);
      rows[2][1] = value;
      bench.produce(rows);
      bench.finish();
      const records = bench.consume();
      expect(records.map((record) => record.output[0])).toEqual([0.75, 1.5, 0, 2.0625, 2.4375]);
      expect(records.map((record) => record.isNonFinite)).toEqual([false, false, true, false, false]);
      expect(bench.decoder.resetCount).toBe(0);
      expect(bench.memory.account.nonFiniteBins()).toBe(1);
    }
  });

  it('starts anew at a join also when its bin is skipped', () => {
    const bench = new LoopBench({ framesPerBin: 1, smoothing: 0.5 });
    bench.produce(rowsOf(2, 3));
    bench.produce([[1, Number.NaN, 1], ...rowsOf(2, 3)], { isJoin: true });
    bench.finish();
    const records = bench.consume();
    expect(records.map((record) => record.output[0])).toEqual([0.75, 1.5, 0, 0.75, 1.5]);
    expect(records.map((record) => record.isJoin)).toEqual([false, false, true, false, false]);
  });

  it('gives the safe value for an output that is not finite, and starts the decoder anew', () => {
    const bench = new LoopBench({ framesPerBin: 1 });
    bench.produce(rowsOf(2, 3));
    bench.loop.decodeQueued();
    bench.decoder.forcedOutput = Number.NaN;
    bench.produce(rowsOf(1, 3));
    bench.loop.decodeQueued();
    bench.decoder.forcedOutput = undefined;
    bench.produce(rowsOf(1, 3));
    bench.finish();
    expect(bench.consume().map((record) => record.output[0])).toEqual([1.5, 2.25, 0, 1.5]);
    expect(bench.memory.account.nonFiniteBins()).toBe(1);
  });

  it('goes on when nobody fetches the records: they are lost and counted, everything else is not', () => {
    const bench = new LoopBench({ framesPerBin: 1, recordSlots: 4 });
    for (let chunk = 0; chunk < 10; chunk++) {
      bench.produce(rowsOf(3, 3), {}, (frame) => [frame, -frame]);
      bench.loop.decodeQueued();
    }
    bench.finish();
    const { account, records, metrics, latency } = bench.memory;
    expect(account.binCount()).toBe(30);
    expect(records.lostCount()).toBe(26);
    expect(metrics.read()?.binCount).toBe(30);
    expect(latency.endToEndLatency.count()).toBe(30);
    expect(bench.consume().map((record) => record.binIndex)).toEqual([0, 1, 2, 3]);
  });

  it('compares the output with the truth of the bin', () => {
    const bench = new LoopBench({ framesPerBin: 2 });
    bench.produce(rowsOf(6, 3), {}, (frame) => [frame, 2 * frame]);
    bench.finish();
    expect(bench.consume().map((record) => record.truth)).toEqual([
      [0.5, 1],
      [2.5, 5],
      [4.5, 9],
    ]);
    expect(bench.memory.metrics.read()?.binCount).toBe(3);
  });

  it('warms the caches without a trace', () => {
    const run = (isWarm: boolean) => {
      const bench = new LoopBench({ framesPerBin: 2, smoothing: 0.3 });
      for (let chunk = 0; chunk < 6; chunk++) {
        if (isWarm) bench.loop.warmCaches();
        bench.produce(rowsOf(3, 3, chunk));
        bench.loop.decodeQueued();
      }
      bench.finish();
      return [bench.consume(), bench.memory.account.droppedFrames()];
    };
    expect(run(true)).toEqual(run(false));
  });

  it('decodes the same for any cut into chunks', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 7 }), (seed, framesPerBin) => {
        const rows = drawRows(new Rng(seed), 120);
        const decode = (rng: Rng) => {
          const bench = new LoopBench({ framesPerBin, smoothing: 0.4, recordSlots: 256 });
          for (let start = 0; start < rows.length;) {
            const part = rows.slice(start, start + rng.integer(20)); // also empty chunks
            bench.produce(part);
            start += part.length;
            bench.loop.decodeQueued();
          }
          bench.finish();
          return bench.consume().map(({ frames, output, isNonFinite }) => ({ frames, output, isNonFinite }));
        };
        expect(decode(new Rng(seed + 1))).toEqual(decode(new Rng(seed + 2)));
      }),
    );
  });

  it('accounts for every frame for any chunks, gaps, joins, ring sizes and speeds of its neighbours', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(2, 4, 8),
        fc.constantFrom(2, 16),
        (seed, framesPerBin, chunkSlots, recordSlots) => {
          const rng = new Rng(seed);
          const bench = new LoopBench({ framesPerBin, chunkSlots, recordSlots });
          let lostFrames = 0;
          let fetchedRecords = 0;
          for (let turn = 0; turn < 100; turn++) {
            const draw = rng.uniform();
            if (draw < 0.6) {
              const rows = rowsOf(rng.integer(15), 3);
              if (!bench.produce(rows, { isJoin: rng.uniform() < 0.1 })) lostFrames += rows.length;
            } else if (draw < 0.65) {
              const count = rng.integer(20);
              bench.skip(count);
              lostFrames += count;
            } else if (draw < 0.85) {
              bench.loop.decodeQueued();
            } else {
              fetchedRecords += bench.consume().length;
            }
          }
          bench.finish();
          fetchedRecords += bench.consume().length;
          const { account, records } = bench.memory;
          const { gap, join, partialBin } = account.droppedFrames();
          expect(bench.producedFrames).toBe(bench.receivedFrames + lostFrames);
          expect(account.receivedFrames()).toBe(bench.receivedFrames);
          expect(account.receivedFrames()).toBe(account.processedFrames() + gap + join + partialBin);
          expect(account.processedFrames()).toBe(account.binCount() * framesPerBin);
          expect(account.binCount()).toBe(fetchedRecords + records.lostCount());
          expect(account.missingFrames()).toBeLessThanOrEqual(lostFrames); // those at the very end leave no gap
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Counts, now and then broken. */
function drawRows(rng: Rng, count: number): number[][] {
  return Array.from({ length: count }, () =>
    Array.from({ length: 3 }, () => (rng.uniform() < 0.005 ? Number.NaN : rng.poisson(0.5))),
  );
}
