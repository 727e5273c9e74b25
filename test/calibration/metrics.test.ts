import { describe, expect, it } from 'vitest';
import { decodingMetrics } from '../../src/calibration/metrics.ts';
import type { BinnedTarget } from '../../src/core/recording.ts';

const target = (labels: string[], values: number[]): BinnedTarget => ({
  name: 'handVelocity',
  labels,
  unit: 'm/s',
  values: Float32Array.from(values),
});

describe('decoding metrics', () => {
  it('equal hand-computed values, on a range inside the recording', () => {
    // x: truth 1 2 3 4, prediction 1 2 3 5; y: truth 0 0 0 10, prediction 0 0 0 0
    const truth = target(['x', 'y'], [99, 99, 1, 0, 2, 0, 3, 0, 4, 10, 99, 99]);
    const metrics = decodingMetrics(truth, Float32Array.of(1, 0, 2, 0, 3, 0, 5, 0), {
      startBin: 1,
      endBin: 5,
    });
    expect(metrics.binCount).toBe(4);
    expect(metrics.r2[0]).toBeCloseTo(1 - 1 / 5, 12);
    expect(metrics.r2[1]).toBeCloseTo(1 - 100 / 75, 12);
    expect(metrics.r2Mean).toBeCloseTo((0.8 - 1 / 3) / 2, 12);
    expect(metrics.r2VarianceWeighted).toBeCloseTo(1 - 101 / 80, 12);
    expect(metrics.pearsonR[0]).toBeCloseTo(6.5 / Math.sqrt(5 * 8.75), 12);
    expect(metrics.pearsonR[1]).toBeNaN(); // a constant prediction has no correlation
  });

  it('R2 is 1 for the truth and 0 for its mean; r is blind to gain and offset', () => {
    const values = [1, 5, 2, 8];
    const range = { startBin: 0, endBin: 4 };
    expect(decodingMetrics(target(['x'], values), Float32Array.from(values), range).r2Mean).toBe(1);
    expect(decodingMetrics(target(['x'], values), new Float32Array(4).fill(4), range).r2Mean).toBe(0);
    const scaled = Float32Array.from(values, (v) => 7 - 3 * v);
    expect(decodingMetrics(target(['x'], values), scaled, range).pearsonR[0]).toBeCloseTo(-1, 12);
  });

  it('keeps its precision on a long recording with a large offset', () => {
    const count = 200_000;
    const values = Array.from({ length: count }, (_, i) => 1000 + (i % 2));
    const predictions = Float32Array.from(
      { length: count },
      (_, i) => 1000 + (i % 2) + (i % 4 < 2 ? 0.5 : -0.5),
    );
    const { r2Mean } = decodingMetrics(target(['x'], values), predictions, { startBin: 0, endBin: count });
    expect(r2Mean).toBeCloseTo(0, 9); // error 1/4 over variance 1/4
  });

  it('refuses a constant truth', () => {
    const action = (): unknown =>
      decodingMetrics(target(['x', 'y'], [1, 3, 2, 3]), new Float32Array(4), { startBin: 0, endBin: 2 });
    expect(action).toThrow(expect.objectContaining({ code: 'CAL_TARGET_CONSTANT' }));
    expect(action).toThrow(/'y'/);
  });
});
