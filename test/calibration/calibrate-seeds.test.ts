import { describe, expect, it } from 'vitest';
import { calibrateSeeds } from '../../src/calibration/calibrate-seeds.ts';
import { calibrate } from '../../src/calibration/calibrate.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { linearRecording } from '../support/linear-recording.ts';

const host = createCalibrationHost(1);
const recording = linearRecording({ binCount: 600, channelCount: 8, seed: 1 });
const OPTIONS = {
  kind: 'gru',
  config: { hiddenCount: 6 },
  training: { stepCount: 20, batchCount: 4, windowBins: 20, peakRate: 1e-2 },
};
const SEEDS = [4, 2, 9];

describe('calibrateSeeds', () => {
  it('calibrates as from each seed alone, finds the ridge baseline once, and says when it begins with one', async () => {
    const begun: number[] = [];
    const { runs } = await calibrateSeeds(recording, OPTIONS, host, SEEDS, (index) => begun.push(index));
    expect(begun).toEqual([0, 1, 2]);
    expect(runs.map(({ seed }) => seed)).toEqual(SEEDS);
    for (const { seed, calibration } of runs) {
      const alone = await calibrate(recording, { ...OPTIONS, training: { ...OPTIONS.training, seed } }, host);
      expect(calibration.test).toEqual(alone.test);
      expect(calibration.baseline).toEqual(alone.baseline);
      expect(calibration.baseline).toBe(runs[0].calibration.baseline);
      expect(calibration.model.provenance['baselineR2Mean']).toBe(alone.baseline.r2Mean);
    }
  });

  it('chooses by the validation part, and tells the spread on the test part', async () => {
    const { runs, chosen, testR2 } = await calibrateSeeds(recording, OPTIONS, host, SEEDS);
    const best = Math.max(...runs.map(({ calibration }) => calibration.validationR2));
    expect(chosen.calibration.validationR2).toBe(best);
    const values = runs.map(({ calibration }) => calibration.test.r2Mean);
    const mean = (values[0] + values[1] + values[2]) / 3;
    expect(testR2.mean).toBeCloseTo(mean, 12);
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    expect(testR2.deviation).toBeCloseTo(Math.sqrt(squares / 2), 12);
    expect([testR2.min, testR2.max]).toEqual([Math.min(...values), Math.max(...values)]);
  });

  it('has no deviation of one seed', async () => {
    const { testR2 } = await calibrateSeeds(recording, OPTIONS, host, [4]);
    expect(testR2.deviation).toBeNaN();
    expect(testR2.min).toBe(testR2.max);
  });
});
