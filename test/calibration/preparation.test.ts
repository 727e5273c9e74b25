/** What happens to a recording before anything is fitted: splits, z-scores, smoothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { smoothFeatures } from '../../src/calibration/feature-matrix.ts';
import { fitNormalisation } from '../../src/calibration/normalisation.ts';
import { splitBins } from '../../src/calibration/splits.ts';

const target = (values: Float32Array): Parameters<typeof fitNormalisation>[2] => ({
  name: 'v',
  labels: ['x'],
  unit: 'm/s',
  values,
});

describe('splits', () => {
  it('of StevensonV2 are those of the published figures', () => {
    expect(splitBins(15536)).toEqual({
      train: { startBin: 0, endBin: 10563 },
      validation: { startBin: 10563, endBin: 12428 },
      fit: { startBin: 0, endBin: 12428 },
      test: { startBin: 12428, endBin: 15536 },
    });
  });

  it('cover every bin once, in time order, none empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 1e6 }), (binCount) => {
        const { train, validation, fit, test } = splitBins(binCount);
        expect([train.startBin, train.endBin]).toEqual([0, validation.startBin]);
        expect([validation.endBin, test.endBin]).toEqual([test.startBin, binCount]);
        expect(fit).toEqual({ startBin: 0, endBin: validation.endBin });
        expect(train.endBin > 0 && validation.endBin > train.endBin && binCount > test.startBin).toBe(true);
      }),
    );
  });

  it('refuses what is too short', () => {
    expect(() => splitBins(99)).toThrow(
      expect.objectContaining({ code: 'CAL_RECORDING_TOO_SHORT', value: 99 }),
    );
  });
});

describe('normalisation', () => {
  it('gives mean 0 and deviation 1 on its range, and scale 0 to a channel without variance', () => {
    const rng = new Rng(1);
    const features = Float32Array.from({ length: 50 * 3 }, (_, i) => (i % 3 === 1 ? 0.1 : rng.poisson(3)));
    const values = Float32Array.from({ length: 50 }, () => rng.normal(5, 2));
    features.fill(1e6, 0, 3 * 10); // outside of the range
    const range = { startBin: 10, endBin: 50 };
    const { featureMean, featureScale, outputMean, outputScale } = fitNormalisation(
      features,
      3,
      target(values),
      range,
    );
    expect(featureScale[1]).toBe(0); // although 0.1 is not exact in binary
    const z = Array.from(
      { length: 40 },
      (_, t) => (features[(10 + t) * 3] - featureMean[0]) * featureScale[0],
    );
    expect(z.reduce((sum, v) => sum + v, 0) / 40).toBeCloseTo(0, 5);
    expect(z.reduce((sum, v) => sum + v * v, 0) / 40).toBeCloseTo(1, 5);
    const y = Array.from(values.subarray(10), (v) => (v - outputMean[0]) / outputScale[0]);
    expect(y.reduce((sum, v) => sum + v * v, 0) / 40).toBeCloseTo(1, 5);
  });

  it('refuses features or targets without any variance', () => {
    const range = { startBin: 0, endBin: 4 };
    const moving = target(Float32Array.of(1, 2, 3, 4));
    expect(() => fitNormalisation(new Float32Array(8).fill(2), 2, moving, range)).toThrow(
      expect.objectContaining({ code: 'CAL_FEATURES_CONSTANT' }),
    );
    expect(() =>
      fitNormalisation(Float32Array.of(1, 2, 3, 4), 1, target(new Float32Array(4)), range),
    ).toThrow(expect.objectContaining({ code: 'CAL_TARGET_CONSTANT' }));
  });
});

describe('smoothing of features', () => {
  it('starts from 0 in every segment: y = a y + (1 - a) x', () => {
    const features = Float32Array.of(1, 0, 1, 0, 1, 0, 4, 8);
    const segments = [
      { startBin: 0, endBin: 3 },
      { startBin: 3, endBin: 4 },
    ];
    expect(Array.from(smoothFeatures(features, 2, segments, 0.5))).toEqual([0.5, 0, 0.75, 0, 0.875, 0, 2, 4]);
    expect(smoothFeatures(features, 2, segments, 0)).toBe(features);
  });
});
