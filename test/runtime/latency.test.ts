/** Latency as it is reported, and the summary that it is reported in. */
import { describe, expect, it } from 'vitest';
import { Histogram, LATENCY_HISTOGRAM } from '../../src/core/histogram.ts';
import { createLatencyHistograms, describeLatencyUs, LATENCY_NAMES } from '../../src/runtime/latency.ts';
import { SessionMemory } from '../../src/runtime/session-memory.ts';
import { readMeasures } from '../../src/runtime/session-summary.ts';
import { LoopBench, MS, rowsOf } from '../support/loop-bench.ts';

describe('latency', () => {
  it('is described in microseconds', () => {
    const histogram = new Histogram(LATENCY_HISTOGRAM);
    for (let i = 1; i <= 1000; i++) histogram.record(i * 1000);
    const { count, mean, max, ...percentiles } = describeLatencyUs(histogram);
    expect([count, mean, max]).toEqual([1000, 500.5, 1000]);
    // A bucket is up to 0.1 % wide.
    for (const [name, us] of Object.entries({ p50: 500, p90: 900, p99: 990, p999: 999 })) {
      const value = percentiles[name as keyof typeof percentiles];
      expect(value).toBeGreaterThanOrEqual(us);
      expect(value).toBeLessThan(us * 1.001);
    }
  });

  it('is all zeros while nothing was recorded', () => {
    const zeros = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    expect(describeLatencyUs(new Histogram(LATENCY_HISTOGRAM))).toEqual(zeros);
  });

  it('is read on the memory that the other thread writes, each kind on its own', () => {
    const written = createLatencyHistograms();
    const buffers = Object.fromEntries(LATENCY_NAMES.map((name) => [name, written[name].buffer]));
    const read = createLatencyHistograms(buffers as Parameters<typeof createLatencyHistograms>[0]);
    LATENCY_NAMES.forEach((name, i) => {
      written[name].record(i);
    });
    expect(LATENCY_NAMES.map((name) => read[name].max())).toEqual(LATENCY_NAMES.map((_, i) => i));
  });
});

describe('measures of a session', () => {
  function decode(truth: (frame: number) => readonly number[], isPaced = true): LoopBench {
    const bench = new LoopBench({ framesPerBin: 10, isPaced });
    for (let bin = 0; bin < 20; bin++) {
      bench.clock.advanceNs(10 * MS + 1000);
      bench.produce(rowsOf(10, 3, bin % 4), {}, truth);
      bench.loop.decodeQueued();
    }
    bench.finish();
    return bench;
  }

  it('names accuracy by the labels of the truth, with the plain mean', () => {
    const { memory } = decode((frame) => [frame, Math.sin(frame)]);
    const { r2, pearson } = readMeasures(memory, ['x', 'y']);
    const accuracy = memory.metrics.read();
    expect(r2).toEqual({ x: accuracy?.r2[0], y: accuracy?.r2[1], mean: (r2!['x'] + r2!['y']) / 2 });
    expect(pearson).toMatchObject({ x: accuracy?.pearsonR[0], y: accuracy?.pearsonR[1] });
  });

  it('has no accuracy where the truth has not moved, or is of something else', () => {
    const still = readMeasures(decode((frame) => [frame, 1]).memory, ['x', 'y']);
    expect([still.r2, still.pearson]).toEqual([null, null]);
    const incomparable = new SessionMemory({ ...new LoopBench().memory.plan, comparedDimensions: 0 });
    expect(readMeasures(incomparable, ['x', 'y']).r2).toBeNull();
  });

  it('gives latency from the edge where there is a schedule, else that of computing alone', () => {
    const paced = readMeasures(decode(() => [0, 0]).memory, ['x', 'y']);
    expect(paced).toMatchObject({
      bins: 20,
      latencyOf: 'endToEndLatency',
      deadlineMs: 10,
      deadlineMisses: 0,
    });
    expect(paced.latencyUs).toMatchObject({ count: 20, max: 20 });
    expect(Object.keys(paced.latencyByStageUs)).toEqual(LATENCY_NAMES);
    const unpaced = readMeasures(decode(() => [0, 0], false).memory, ['x', 'y']);
    expect(unpaced.latencyOf).toBe('computeTime');
    expect(Object.keys(unpaced.latencyByStageUs)).toEqual(['stages', 'decoder', 'computeTime']);
  });
});
