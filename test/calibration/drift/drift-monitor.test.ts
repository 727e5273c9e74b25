import { describe, expect, it } from 'vitest';
import { simulateRecording } from '../../../src/acquisition/simulated/simulate-recording.ts';
import type { SimulatedArrayOptions } from '../../../src/acquisition/simulated/array-config.ts';
import { DriftMonitor } from '../../../src/calibration/drift/drift-monitor.ts';
import { fitDriftReference } from '../../../src/calibration/drift/drift-reference.ts';
import { linearLatents } from '../../../src/calibration/drift/latent-map.ts';
import type { DriftReference } from '../../../src/decoders/drift-reference.ts';
import { runsWithinHeapBytes } from '../../support/collect-garbage.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';

const CHANNELS = 48;
const BIN_MS = 20;
const array: SimulatedArrayOptions = { seed: 5, channelCount: CHANNELS };
const NONE = { gainSpread: 0, offsetSpread: 0, rotationDeg: 0, lossPerDay: 0, arrivalPerDay: 0 };
const calibration = simulateRecording(array, 240, BIN_MS).features;
const sameDay = simulateRecording(array, 90, BIN_MS, 240_000).features;
const reference = fitDriftReference(calibration, CHANNELS, BIN_MS);

function rowOf(features: Float32Array, bin: number): Float32Array {
  return features.subarray(bin * CHANNELS, (bin + 1) * CHANNELS);
}

/** A monitor that has seen all of it. */
function watch(features: Float32Array, taken: DriftReference = reference): DriftMonitor {
  const monitor = new DriftMonitor(taken);
  for (let bin = 0; bin < features.length / CHANNELS; bin++) monitor.update(rowOf(features, bin));
  return monitor;
}

function drifted(drift: SimulatedArrayOptions['drift'], day: number): Float32Array {
  return simulateRecording({ ...array, day, drift: { ...NONE, ...drift } }, 90, BIN_MS).features;
}

/** The counts of the same day with some channels altered. */
function altered(channels: readonly number[], change: (count: number) => number): Float32Array {
  return sameDay.map((count, i) => (channels.includes(i % CHANNELS) ? change(count) : count));
}

describe('the drift index', () => {
  it('is about 1 on other data of the same day, and advises nothing', () => {
    const report = watch(sameDay).report();
    expect(report.index).toBeGreaterThan(0.6);
    expect(report.index).toBeLessThan(report.threshold);
    expect(report).toMatchObject({ isRecalibrationAdvised: false, reasons: [], lostChannels: [] });
  });

  it('starts at 0 and does not cry out while its window fills', () => {
    const monitor = new DriftMonitor(reference);
    expect(monitor.currentIndex()).toBe(0);
    for (let bin = 0; bin < sameDay.length / CHANNELS; bin++) {
      monitor.update(rowOf(sameDay, bin));
      expect(monitor.currentIndex()).toBeLessThan(monitor.threshold);
    }
  });

  it.each([
    ['lostChannels', { lossPerDay: 0.05 }, 6],
    ['rateChange', { gainSpread: 0.2 }, 6],
    ['rateChange', { offsetSpread: 0.15 }, 6],
    ['tuningChange', { rotationDeg: 25 }, 8],
  ] as const)('names %s first when that is what happened: %j', (reason, drift, day) => {
    const report = watch(drifted(drift, day)).report();
    expect(report.isRecalibrationAdvised).toBe(true);
    expect(report.reasons[0]).toBe(reason);
  });

  it('does not see rates in the tuning part, nor tuning in the rate part', () => {
    const rates = watch(drifted({ gainSpread: 0.2 }, 6)).report().parts;
    const tuning = watch(drifted({ rotationDeg: 25 }, 8)).report().parts;
    expect(rates.rate).toBeGreaterThan(4);
    expect(rates.tuning).toBeLessThan(1.4);
    expect(tuning.rate).toBeLessThan(1.6);
    expect(tuning.tuning).toBeGreaterThan(1.6);
  });

  it('lists exactly the channels that fell silent, or stuck at a value', () => {
    const active = Array.from({ length: CHANNELS }, (_, c) => c).filter((c) => reference.mean[c] > 0.05);
    const lost = [active[0], active[3], active[7]];
    expect(watch(altered(lost, () => 0)).report().lostChannels).toEqual(lost);
    expect(watch(altered(lost, () => 2)).report().lostChannels).toEqual(lost);
  });

  it('names the part that is nearest to its threshold when none is over it and the index is', () => {
    const parts = { rate: 50, spread: 50, tuning: 50, latent: 50 };
    const lenient = { ...reference, blockMax: { ...parts, index: 0.3 } };
    expect(watch(sameDay, lenient).report().reasons).toHaveLength(1);
    const rates = { ...lenient, blockMax: { ...parts, rate: 4, spread: 4, index: 0.3 } };
    expect(watch(sameDay, rates).report().reasons).toEqual(['rateChange']);
    const tuning = { ...lenient, blockMax: { ...parts, tuning: 4, latent: 4, index: 0.3 } };
    expect(watch(sameDay, tuning).report().reasons).toEqual(['tuningChange']);
  });

  it('tells which way rates went', () => {
    const all = Array.from({ length: CHANNELS }, (_, c) => c);
    expect(watch(altered(all, (count) => 2 * count)).report().rateDirection).toBe('up');
    let index = 0;
    const thinned = watch(altered(all, (count) => (index++ % 2 === 0 ? 0 : count))).report();
    expect(thinned.rateDirection).toBe('down');
  });

  it('withdraws the advice only after the index has been low for a while', () => {
    const monitor = watch(drifted({ gainSpread: 0.3 }, 6));
    expect(monitor.isRecalibrationAdvised()).toBe(true);
    const binCount = calibration.length / CHANNELS;
    let bin = 0;
    while (bin < binCount && monitor.isRecalibrationAdvised()) monitor.update(rowOf(calibration, bin++));
    expect(monitor.isRecalibrationAdvised()).toBe(false);
    expect(bin * BIN_MS).toBeGreaterThan(10_000);
  });

  it('needs the index to stay over the threshold for as long as it is told', () => {
    const features = drifted({ gainSpread: 0.3 }, 6);
    const adviceBin = (holdS: number): number => {
      const monitor = new DriftMonitor(reference, { holdS });
      let bin = 0;
      while (!monitor.isRecalibrationAdvised()) monitor.update(rowOf(features, bin++));
      return bin;
    };
    expect((adviceBin(12) - adviceBin(2)) * BIN_MS).toBe(10_000);
  });

  it('passes over bins that are not finite, and counts them', () => {
    const clean = watch(sameDay);
    const monitor = new DriftMonitor(reference);
    const broken = new Float32Array(CHANNELS);
    for (let bin = 0; bin < sameDay.length / CHANNELS; bin++) {
      monitor.update(rowOf(sameDay, bin));
      if (bin % 10 !== 0) continue;
      broken.fill(1);
      broken[bin % CHANNELS] = bin % 20 === 0 ? Number.NaN : -Infinity;
      monitor.update(broken);
    }
    expect(monitor.report()).toEqual({ ...clean.report(), ignoredBinCount: 450 });
  });

  it('is the same after a reset', () => {
    const monitor = watch(drifted({ lossPerDay: 0.1 }, 4));
    monitor.reset();
    for (let bin = 0; bin < sameDay.length / CHANNELS; bin++) monitor.update(rowOf(sameDay, bin));
    expect(monitor.report()).toEqual(watch(sameDay).report());
  });

  it('allocates nothing in an update', () => {
    const monitor = watch(sameDay);
    const rows = Array.from({ length: 16 }, (_, i) => rowOf(sameDay, i));
    const run = (): void => {
      for (let i = 0; i < 5000; i++) monitor.update(rows[i % 16]);
    };
    run();
    expect(runsWithinHeapBytes(run, 40_000)).toBe(true);
  });
});

describe('the drift reference', () => {
  it('leaves out channels that were silent, and bins that were not finite', () => {
    const features = calibration.map((count, i) => (i % CHANNELS === 4 ? 0 : count));
    features[1000 * CHANNELS + 7] = Number.NaN;
    const taken = fitDriftReference(features, CHANNELS, BIN_MS);
    expect(taken.variance[4]).toBe(0);
    expect(taken.mean.every(Number.isFinite)).toBe(true);
    const woken = sameDay.map((count, i) => (i % CHANNELS === 4 ? 3 + (i % 2) : count));
    expect(watch(woken, taken).report().isRecalibrationAdvised).toBe(false);
  });

  it('shortens its window where the data are short, and refuses what is too short', () => {
    expect(reference.windowS).toBe(30);
    expect(reference.blockCount).toBe(4);
    const short = fitDriftReference(calibration.subarray(0, 2000 * CHANNELS), CHANNELS, BIN_MS);
    expect(short.windowS).toBe(5);
    const tooShort = calibration.subarray(0, 900 * CHANNELS);
    expect(betzErrorOf(() => fitDriftReference(tooShort, CHANNELS, BIN_MS)).code).toBe(
      'CAL_DRIFT_REFERENCE_SHORT',
    );
    const silent = new Float32Array(2000 * CHANNELS);
    expect(betzErrorOf(() => fitDriftReference(silent, CHANNELS, BIN_MS)).code).toBe('CAL_FEATURES_CONSTANT');
  });

  it('watches latents that it is given, and wants the same map again', () => {
    const weight = Float32Array.from({ length: 2 * CHANNELS }, (_, i) => Math.sin(i));
    const latents = linearLatents(weight, 2);
    const taken = fitDriftReference(calibration, CHANNELS, BIN_MS, { latents });
    expect(taken.directions).toBeUndefined();
    expect(betzErrorOf(() => new DriftMonitor(taken)).code).toBe('CAL_DRIFT_LATENTS_MISSING');
    const monitor = new DriftMonitor(taken, { latents });
    for (let bin = 0; bin < sameDay.length / CHANNELS; bin++) monitor.update(rowOf(sameDay, bin));
    expect(monitor.currentIndex()).toBeLessThan(monitor.threshold);
  });

  it('divides by nothing that is 0, as float32 too, where blocks do not differ at all', () => {
    const periodic = Float32Array.from({ length: 3000 * 6 }, (_, i) => (Math.floor(i / 6) + i) % 5);
    const taken = fitDriftReference(periodic, 6, BIN_MS);
    for (const spread of [taken.meanSpread, taken.logVarianceSpread, taken.loadingSpread])
      expect(spread.every((value) => value > 0)).toBe(true);
    const monitor = new DriftMonitor(taken);
    for (let bin = 0; bin < 500; bin++) monitor.update(periodic.subarray(bin * 6, (bin + 1) * 6));
    expect(monitor.currentIndex()).not.toBeNaN();
  });

  it('says 1 where blocks differ as usual: the mean of each part over blocks is its unit', () => {
    for (const part of ['rate', 'spread', 'tuning', 'latent'] as const) {
      expect(reference.blockMax[part]).toBeGreaterThanOrEqual(1);
      expect(reference.typical[part]).toBeGreaterThan(0);
    }
  });
});
