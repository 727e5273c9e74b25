import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import type { SimulatedArrayOptions } from '../../../src/acquisition/simulated/array-config.ts';
import { unitsOfDay } from '../../../src/acquisition/simulated/drift.ts';
import { SimulatedArray } from '../../../src/acquisition/simulated/simulated-array.ts';
import { Rng } from '../../../src/core/rng.ts';

const config = (options: SimulatedArrayOptions = {}) => simulatedArrayConfig.parse(options);

function read(
  options: SimulatedArrayOptions,
  frameCount: number,
  startFrame = 0,
): { samples: Float32Array; truth: Float32Array } {
  const array = new SimulatedArray(config(options), startFrame);
  const samples = new Float32Array(frameCount * array.channelCount);
  const truth = new Float32Array(frameCount * 2);
  array.read(frameCount, samples, truth);
  return { samples, truth };
}

/** No tuning and no silent channels: constant rates. */
const FLAT = { silentFraction: 0, directionDepth: 0, speedDepth: 0 } as const;

describe('SimulatedArray', () => {
  it('gives the same frames in chunks of any size', () => {
    const options = { seed: 9, channelCount: 6 };
    const whole = read(options, 2500);
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 400 }), (seed, chunkMax) => {
        const rng = new Rng(seed);
        const array = new SimulatedArray(config(options));
        const samples: number[] = [];
        const truth: number[] = [];
        for (let left = 2500; left > 0;) {
          const count = Math.min(left, 1 + rng.integer(chunkMax));
          const chunk = new Float32Array(count * 6);
          const chunkTruth = new Float32Array(count * 2);
          array.read(count, chunk, chunkTruth);
          samples.push(...chunk);
          truth.push(...chunkTruth);
          left -= count;
        }
        expect(Float32Array.from(samples)).toEqual(whole.samples);
        expect(Float32Array.from(truth)).toEqual(whole.truth);
      }),
      { numRuns: 20 },
    );
  });

  it('gives the same frames from any start', () => {
    const options = { seed: 2, channelCount: 5 };
    const whole = read(options, 8000);
    for (const start of [1, 300, 999, 1000, 1001, 4321, 7000]) {
      const part = read(options, 8000 - start, start);
      expect(part.samples).toEqual(whole.samples.slice(start * 5));
      expect(part.truth).toEqual(whole.truth.slice(start * 2));
    }
  });

  it('differs between seeds, and between days also without drift', () => {
    const base = read({ channelCount: 8 }, 3000);
    expect(read({ channelCount: 8, seed: 2 }, 3000).truth).not.toEqual(base.truth);
    const nextDay = read({ channelCount: 8, day: 1 }, 3000);
    expect(nextDay.truth).not.toEqual(base.truth);
    expect(nextDay.samples).not.toEqual(base.samples);
  });

  it('spikes as a Poisson process: counts, their spread and the intervals between spikes', () => {
    const frames = 200_000;
    const tuning = { ...FLAT, restRateMedianHz: 30, restRateSpread: 0, restRateMaxHz: 30 };
    const { samples } = read({ seed: 4, channelCount: 10, tuning }, frames);
    for (let channel = 0; channel < 10; channel++) {
      const counts = Array.from({ length: frames }, (_, f) => samples[f * 10 + channel]);
      const total = counts.reduce((sum, n) => sum + n, 0);
      const expected = (30 * frames) / 1000;
      expect(Math.abs(total - expected)).toBeLessThan(4 * Math.sqrt(expected));
      // Fano factor in windows of 100 ms, mean 3: its deviation over 2,000 windows is sqrt(2 / 2000).
      const windows = Array.from({ length: frames / 100 }, (_, w) =>
        counts.slice(w * 100, w * 100 + 100).reduce((sum, n) => sum + n, 0),
      );
      const mean = total / windows.length;
      const variance = windows.reduce((sum, n) => sum + (n - mean) ** 2, 0) / (windows.length - 1);
      expect(Math.abs(variance / mean - 1)).toBeLessThan(0.15);
      // A frame with no spike is as likely right after a spike as ever: no memory.
      const after = counts.filter((_, f) => f > 0 && counts[f - 1] > 0);
      const again = after.filter((n) => n > 0).length / after.length;
      expect(Math.abs(again - (1 - Math.exp(-0.03)))).toBeLessThan(0.012);
    }
  });

  it('has the rates of its units: sum of spikes against the integrated formula, lead included', () => {
    const options = { seed: 12, channelCount: 30, tuning: { leadSpreadMs: 40 } };
    const frames = 300_000;
    const { samples, truth } = read(options, frames);
    const { tuning } = config(options);
    const { referenceSpeedMPerS: v0, halfSpeedMPerS: h } = tuning;
    unitsOfDay(config(options)).forEach((unit, channel) => {
      let spikes = 0;
      let expected = 0;
      // Weighted by cos(direction - preferred): shifts where the tuning, its sign or the lead were wrong.
      let weightedSpikes = 0;
      let weightedExpected = 0;
      for (let f = 0; f < frames - 300; f++) {
        const at = (f + unit.leadFrames) * 2;
        const speed = Math.hypot(truth[at], truth[at + 1]);
        const cosine =
          speed === 0 ? 0 : Math.cos(Math.atan2(truth[at + 1], truth[at]) - unit.preferredDirectionRad);
        const g = (speed * (v0 + h)) / ((speed + h) * v0);
        const drive = 1 + unit.speedDepth * (speed / v0) + unit.directionDepth * g * cosine;
        const count = samples[f * 30 + channel];
        const rate = (unit.restRateHz * Math.max(0, drive) ** 2) / 1000;
        spikes += count;
        expected += rate;
        weightedSpikes += count * cosine;
        weightedExpected += rate * cosine;
      }
      expect(Math.abs(spikes - expected)).toBeLessThanOrEqual(4 * Math.sqrt(expected));
      expect(Math.abs(weightedSpikes - weightedExpected)).toBeLessThanOrEqual(4 * Math.sqrt(expected));
    });
  });

  it('leads the movement by about 100 ms', () => {
    // All units alike and strongly tuned to speed: their summed counts follow the speed of later frames.
    const frames = 60_000;
    const channelCount = 60;
    const tuning = { ...FLAT, speedDepth: 1, leadSpreadMs: 0, restRateSpread: 0, restRateMedianHz: 20 };
    const { samples, truth } = read({ channelCount, tuning }, frames);
    const total = new Float64Array(frames);
    samples.forEach((count, i) => (total[Math.floor(i / channelCount)] += count));
    const speed = Float64Array.from(total, (_, f) => Math.hypot(truth[f * 2], truth[f * 2 + 1]));
    const covariation = (lead: number): number => {
      let sum = 0;
      for (let f = 0; f + 400 < frames; f++) sum += total[f] * speed[f + lead];
      return sum;
    };
    const leads = Array.from({ length: 41 }, (_, i) => i * 10);
    const best = leads.reduce((a, b) => (covariation(b) > covariation(a) ? b : a));
    expect(best).toBeGreaterThanOrEqual(80);
    expect(best).toBeLessThanOrEqual(120);
  });

  it('never expects more than one spike per frame, whatever the settings', () => {
    const tuning = { ...FLAT, speedDepth: 5, restRateMedianHz: 200, restRateMaxHz: 500 };
    const reaching = { workspaceM: 2, movementBaseMs: 50, movementMsPerM: 0 };
    const { samples } = read({ channelCount: 4, tuning, reaching }, 20_000);
    expect(samples.every(Number.isFinite)).toBe(true);
    expect(Math.max(...samples)).toBeLessThan(12);
  });
});
