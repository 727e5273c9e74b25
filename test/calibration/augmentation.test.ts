import { describe, expect, it } from 'vitest';
import { NO_AUGMENTATION, WindowAugmenter } from '../../src/calibration/augmentation.ts';
import type { Augmentation } from '../../src/calibration/augmentation.ts';
import { ShiftedSampler } from '../../src/calibration/session/fine-tune.ts';
import { WindowSampler } from '../../src/calibration/training-windows.ts';
import { Rng } from '../../src/core/rng.ts';
import { forEachCase, seeds } from '../support/cases.ts';

const CHANNELS = 50;

function augmented(
  settings: Partial<Augmentation>,
  { row = 0, step = 1, value = 1, rest = 0, bins = 1 } = {},
): Float32Array {
  const augmenter = new WindowAugmenter({ ...NO_AUGMENTATION, ...settings }, CHANNELS);
  augmenter.draw(9, step, row, CHANNELS, new Float32Array(CHANNELS).fill(rest));
  const rows = new Float32Array(bins * CHANNELS).fill(value);
  const out = new Float32Array(rows.length);
  for (let bin = 0; bin < bins; bin++) augmenter.apply(out, bin * CHANNELS, rows, bin * CHANNELS, CHANNELS);
  return out;
}

const mean = (values: Float32Array): number => values.reduce((sum, x) => sum + x, 0) / values.length;
const deviation = (values: Float32Array): number =>
  Math.sqrt(mean(values.map((x) => (x - mean(values)) ** 2)));

describe('WindowAugmenter', () => {
  it('changes nothing when nothing is asked for', () => {
    expect(augmented({}, { value: 0.7, rest: 2 })).toEqual(new Float32Array(CHANNELS).fill(0.7));
  });

  it('keeps the mean of features that it drops from', () => {
    const values = augmented({ dropout: 0.3 }, { bins: 2000 });
    expect(mean(values)).toBeCloseTo(1, 1);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
    expect(values.filter((x) => x === 0).length / values.length).toBeCloseTo(0.3, 2);
  });

  it('makes a lost channel read as one that counts nothing, in every bin of the window', () => {
    // Normalised, no spikes are -rest.
    const bins = 30;
    const values = augmented({ channelDropout: 0.4, offsetSpread: 0.5 }, { bins, value: 3, rest: 1.5 });
    let lost = 0;
    for (let channel = 0; channel < CHANNELS; channel++) {
      const own = Array.from({ length: bins }, (_, bin) => values[bin * CHANNELS + channel]);
      expect(new Set(own).size).toBe(1);
      if (own[0] === -1.5) lost++;
    }
    expect(lost).toBeGreaterThan(10);
    expect(lost).toBeLessThan(30);
  });

  it('scales counts, not their distance from the mean', () => {
    const values = augmented({ gainSpread: 0.5 }, { value: -1.5, rest: 1.5 }); // no spikes stay no spikes
    for (const value of values) expect(value).toBeCloseTo(-1.5, 5);
    const logs = augmented({ gainSpread: 0.5 }, { value: 1 }).map(Math.log);
    expect(deviation(logs)).toBeGreaterThan(0.35);
    expect(deviation(logs)).toBeLessThan(0.65);
  });

  it('moves a channel by one offset for the window, and adds noise to each bin', () => {
    const offsets = augmented({ offsetSpread: 0.5 }, { bins: 2 });
    expect(offsets.subarray(0, CHANNELS)).toEqual(offsets.subarray(CHANNELS));
    expect(deviation(offsets)).toBeGreaterThan(0.35);
    expect(deviation(offsets)).toBeLessThan(0.65);
    const noisy = augmented({ noise: 0.2 }, { bins: 400 });
    expect(deviation(noisy)).toBeCloseTo(0.2, 2);
    expect(mean(noisy)).toBeCloseTo(1, 2);
  });

  it('draws anew for every row and step, and the same for the same', () => {
    const settings = { gainSpread: 0.1, noise: 0.1, dropout: 0.1 };
    const first = augmented(settings, { row: 3, step: 7 });
    expect(augmented(settings, { row: 3, step: 7 })).toEqual(first);
    expect(augmented(settings, { row: 4, step: 7 })).not.toEqual(first);
    expect(augmented(settings, { row: 3, step: 8 })).not.toEqual(first);
  });

  it('never moves targets out of the segment that the window lies in', () => {
    const windowBins = 10;
    forEachCase(seeds, 20, (seed) => {
      const shiftBins = 1 + (seed % 4);
      const segments = [
        { startBin: 5, endBin: 5 + windowBins + 2 * shiftBins }, // just long enough
        { startBin: 40, endBin: 45 },
        { startBin: 60, endBin: 100 },
      ];
      const sampler = new ShiftedSampler(new WindowSampler(segments, windowBins + 2 * shiftBins), shiftBins);
      // So many that one of nine shifts is missing in 9 (8/9)^256 < 1e-12 of all cases.
      const starts = new Int32Array(256);
      sampler.sample(new Rng(seed), starts);
      const augmenter = new WindowAugmenter({ ...NO_AUGMENTATION, shiftBins }, 1);
      const shifts = new Set<number>();
      starts.forEach((start, row) => {
        augmenter.draw(seed, 1, row, 1);
        shifts.add(augmenter.shiftBins);
        const from = Math.min(start, start + augmenter.shiftBins);
        const to = Math.max(start, start + augmenter.shiftBins) + windowBins;
        expect(segments.some(({ startBin, endBin }) => startBin <= from && to <= endBin)).toBe(true);
      });
      expect(shifts.size).toBe(2 * shiftBins + 1);
    });
  });
});
