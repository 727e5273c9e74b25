import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { RunningMetrics } from '../../src/core/running-metrics.ts';

/** The two-pass definitions, over [count x dimensions] rows. */
function offline(truth: Float32Array, output: Float32Array, dimensions: number, d: number) {
  const y = truth.filter((_, i) => i % dimensions === d);
  const p = output.filter((_, i) => i % dimensions === d);
  const mean = (v: Float32Array) => v.reduce((sum, x) => sum + x, 0) / v.length;
  const [my, mp] = [mean(y), mean(p)];
  let [error, vy, vp, c] = [0, 0, 0, 0];
  y.forEach((value, i) => {
    error += (value - p[i]) ** 2;
    vy += (value - my) ** 2;
    vp += (p[i] - mp) ** 2;
    c += (value - my) * (p[i] - mp);
  });
  return { r2: 1 - error / vy, pearsonR: c / Math.sqrt(vy * vp) };
}

describe('RunningMetrics', () => {
  it('equals the two-pass formulas within 1e-9 after any number of bins, also far from zero', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 2, max: 500 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(0, 100),
        (seed, count, dimensions, offset) => {
          const rng = new Rng(seed);
          const truth = Float32Array.from({ length: count * dimensions }, () => rng.normal(offset));
          const output = truth.map((value) => 0.7 * value + rng.normal(0, 0.5));
          const metrics = new RunningMetrics(dimensions);
          for (let i = 0; i < count; i++) {
            const row = [i * dimensions, (i + 1) * dimensions] as const;
            metrics.update(truth.subarray(...row), output.subarray(...row));
          }
          const read = new RunningMetrics(dimensions, metrics.buffer).read()!;
          expect(read.binCount).toBe(count);
          for (let d = 0; d < dimensions; d++) {
            const { r2, pearsonR } = offline(truth, output, dimensions, d);
            expect(Math.abs(read.r2[d] - r2)).toBeLessThan(1e-9 * Math.max(1, Math.abs(r2)));
            expect(read.pearsonR[d]).toBeCloseTo(pearsonR, 9);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('passes over bins without truth', () => {
    const metrics = new RunningMetrics(2);
    metrics.update(Float32Array.of(1, 2), Float32Array.of(1, 2));
    metrics.update(Float32Array.of(3, Number.NaN), Float32Array.of(9, 9));
    metrics.update(Float32Array.of(2, 5), Float32Array.of(2, 5));
    expect(metrics.read()).toEqual({ binCount: 2, r2: [1, 1], pearsonR: [1, 1] });
  });

  it('has no value before the truth has varied', () => {
    const metrics = new RunningMetrics(1);
    expect(metrics.read()?.r2).toEqual([Number.NaN]);
    metrics.update(Float32Array.of(1), Float32Array.of(1));
    expect(metrics.read()).toEqual({ binCount: 1, r2: [Number.NaN], pearsonR: [Number.NaN] });
  });

  it('never hands out a half-done update', () => {
    const metrics = new RunningMetrics(1);
    Atomics.add(new Int32Array(metrics.buffer, 0, 1), 0, 1); // a writer that stopped inside an update
    expect(metrics.read()).toBeUndefined();
  });
});
