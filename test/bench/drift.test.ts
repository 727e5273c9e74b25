import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { pearson, spearman } from '../../src/bench/correlation.ts';
import { benchDrift } from '../../src/bench/drift.ts';
import { driftRecordingData, hasInstability } from '../../src/bench/drift-recording-data.ts';
import { driftOfRecording } from '../../src/bench/drift-recording.ts';
import type { RecordingDrift, RecordingDriftOptions } from '../../src/bench/drift-recording.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { openRecording } from '../../src/recording/open-recording.ts';
import { openRecordedInstability } from '../../src/recording/recorded-instability.ts';
import { linearRecording } from '../support/linear-recording.ts';

describe('correlation', () => {
  it('is that of hand-computed cases', () => {
    expect(pearson([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12);
    expect(pearson([1, 2, 3, 4], [1, 3, 2, 4])).toBeCloseTo(0.8, 12);
    expect(pearson([1, 1, 1], [1, 2, 3])).toBeNaN();
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 3, 4], [8, 4, 2, 1])).toBeCloseTo(-1, 12);
    // ranks 1.5, 1.5, 3 and 1, 2, 3: 1.5 / sqrt(1.5 x 2)
    expect(spearman([5, 5, 9], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(3), 12);
  });
});

describe('betz bench drift', () => {
  it('measures index, reason and R2 with and without adaptation, the same from the same seed', async () => {
    const options = {
      seeds: [1],
      days: [0, 8],
      drifts: ['gain', 'loss'] as const,
      channelCount: 24,
      calibrationS: 60,
      testS: 45,
      hiddenCount: 8,
      sameDayCount: 1,
      onProgress: (): void => undefined,
    };
    const host = createCalibrationHost(1);
    const bench = await benchDrift(options, host);
    expect(bench.rows.map(({ drift, day }) => [drift, day])).toEqual([
      ['gain', 0],
      ['gain', 8],
      ['loss', 0],
      ['loss', 8],
    ]);
    const [sameDay, gain, , loss] = bench.rows;
    expect(sameDay.isAdvised).toBe(false);
    expect([gain.reason, loss.reason]).toEqual(['rateChange', 'lostChannels']);
    expect(loss.index).toBeGreaterThan(sameDay.index);
    expect(loss.r2.wiener).toBeLessThan(sameDay.r2.wiener);
    expect(sameDay.r2.gru).toBeGreaterThan(0.3);
    expect(bench.isWatched).toBe(true);
    expect(bench.sameDay).toMatchObject({ stretchCount: 1, alarmCount: 0 });
    expect(bench.correlations[0].wiener.pearson).toBeLessThan(0);
    expect(bench.reasons).toEqual([
      { drift: 'gain', rowCount: 1, advisedCount: 1, fittingCount: 1 },
      { drift: 'loss', rowCount: 1, advisedCount: 1, fittingCount: 1 },
    ]);
  });

  it('goes through a recording block by block, and scores only the bins it is told to', () => {
    const recording = simulateRecording({ seed: 2, channelCount: 24 }, 120, 20);
    const all = driftOfRecording(recording, { referenceShare: 0.5, blockS: 15 });
    expect(all.blocks.map(({ startS, endS }) => [startS, endS])).toEqual([
      [60, 75],
      [75, 90],
      [90, 105],
      [105, 120],
    ]);
    for (const { index, r2, r2Normalised, isAdvised } of all.blocks) {
      expect(Math.abs(r2Normalised - r2)).toBeLessThan(0.1);
      expect(index).toBeLessThan(all.threshold);
      expect(r2).toBeGreaterThan(0.2);
      expect(isAdvised).toBe(false);
    }
    const raised = recording.features.map((count, i) =>
      i < recording.features.length / 2 ? count : count + 1,
    );
    const { blocks } = driftOfRecording(
      { ...recording, features: raised },
      { referenceShare: 0.5, blockS: 15 },
    );
    expect(blocks[3].r2Normalised).toBeGreaterThan(blocks[3].r2 + 0.3);
    const even = driftOfRecording(recording, {
      referenceShare: 0.5,
      blockS: 15,
      isScored: (bin) => bin % 2 === 0,
    });
    expect(even.blocks[0].index).toBe(all.blocks[0].index);
    expect(even.blocks[0].r2).not.toBe(all.blocks[0].r2);
  });
});

describe('the drift of a recording whose spikes run ahead of the movement', () => {
  const LEAD_BINS = 6;
  const recording = linearRecording({
    binCount: 2400,
    channelCount: 12,
    seed: 3,
    leadBins: LEAD_BINS,
    segments: [
      { startBin: 0, endBin: 1150 },
      { startBin: 1150, endBin: 2400 },
    ],
  });
  const lagMs = LEAD_BINS * recording.binMs;
  const of = (options: Partial<RecordingDriftOptions> = {}, from = recording): RecordingDrift =>
    driftOfRecording(from, { referenceShare: 0.5, blockS: 20, ...options });

  it('is decoded with the lag, and has the same index, of all bins', () => {
    const [plain, lagged] = [of(), of({ lagMs })];
    expect(lagged.blocks.map(({ startS, endS, index }) => [startS, endS, index])).toEqual(
      plain.blocks.map(({ startS, endS, index }) => [startS, endS, index]),
    );
    // As if the behaviour had been moved by hand, but for a few bins of the reference.
    const values = recording.target.values.map(
      (_, i, all) => all[Math.min(i + 2 * LEAD_BINS, all.length - 1)],
    );
    const moved = of({}, { ...recording, target: { ...recording.target, values } });
    lagged.blocks.forEach(({ r2, r2Normalised }, i) => {
      expect(Math.abs(r2 - moved.blocks[i].r2)).toBeLessThan(0.02);
      expect(Math.abs(r2Normalised - moved.blocks[i].r2Normalised)).toBeLessThan(0.02);
      expect(Math.abs(r2 - plain.blocks[i].r2)).toBeGreaterThan(0.05);
    });
    expect(of({ lagMs: 0 })).toEqual(plain);
  });

  it('is scored in the bins of the behaviour that are told', () => {
    const told = new Set<number>();
    of({
      lagMs,
      isScored: (bin) => {
        told.add(bin);
        return true;
      },
    });
    // From the reference's end on, each so much later than its features.
    expect([Math.min(...told), Math.max(...told), told.size]).toEqual([1206, 2399, 1194]);
  });

  it('is fitted on nothing of what comes after the reference, neither features nor behaviour', () => {
    const { target } = recording;
    // Features of the reference go with this behaviour, and nothing that is scored does.
    const isNext = (i: number): boolean => i >= 2 * 1200 && i < 2 * (1200 + LEAD_BINS);
    const values = target.values.map((value, i) => (isNext(i) ? 100 : value));
    expect(of({ lagMs }, { ...recording, target: { ...target, values } })).toEqual(of({ lagMs }));
    const features = recording.features.map((value, i) => (i < 12 * 1200 ? value : 0));
    expect(of({ lagMs }, { ...recording, features }).threshold).toBe(of({ lagMs }).threshold);
  });

  it('says whether sessions would watch by its reference', () => {
    expect(of().isWatched).toBe(true);
    const few = linearRecording({ binCount: 2400, channelCount: 8, seed: 3 });
    expect(of({}, few).isWatched, 'the second channel is silent').toBe(false);
  });
});

const REAL = '../shared/data/degenhart-stabilizer/20160325.mat';

describe.skipIf(!existsSync(REAL))('the drift index on 20160325.mat (needs ../shared/data)', () => {
  it('rises with the recorded instability, names the silenced channels, and falls when it ends', () => {
    const recording = openRecording(REAL);
    expect(hasInstability(recording)).toBe(true);
    const { binned, isScored } = driftRecordingData(
      recording,
      'targetDirection',
      openRecordedInstability(REAL),
    );
    expect(binned.channels).toHaveLength(75);
    const {
      blocks,
      threshold,
      spearman: rho,
    } = driftOfRecording(binned, {
      referenceShare: 0.174,
      blockS: 60,
      isScored,
    });
    const during = blocks.filter(({ startS, endS }) => startS > 300 && endS < 1350);
    expect(during.length).toBeGreaterThan(10);
    for (const { index, isAdvised, lostCount, r2, r2Normalised } of during) {
      expect(r2Normalised).toBeGreaterThan(r2 + 0.3);
      expect(index).toBeGreaterThan(2 * threshold);
      expect(isAdvised).toBe(true);
      expect(lostCount).toBe(5);
    }
    const after = blocks.filter(({ startS }) => startS > 1430);
    for (const { index, r2, lostCount } of after) {
      expect(index).toBeLessThan(1.3 * threshold);
      expect(r2).toBeGreaterThan(0.3);
      expect(lostCount).toBe(0);
    }
    expect(rho).toBeLessThan(-0.8);
  });
});
