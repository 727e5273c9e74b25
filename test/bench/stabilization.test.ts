import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { benchStabilization } from '../../src/bench/stabilization.ts';
import type { StabilizationBenchOptions } from '../../src/bench/stabilization.ts';
import { stabilizationData } from '../../src/bench/stabilization-data.ts';
import type { TrialSet } from '../../src/bench/stabilization-data.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { openMatlabFile } from '../../src/recording/matlab-v5.ts';
import { readDegenhartRecording } from '../../src/recording/degenhart-recording.ts';
import { openRecording } from '../../src/recording/open-recording.ts';
import {
  openRecordedInstability,
  readRecordedInstability,
} from '../../src/recording/recorded-instability.ts';
import { degenhartVariables } from '../support/recording-degenhart.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { writeMat } from '../support/recording-mat-writer.ts';

const ALL = { seconds: Infinity, part: 'newest' } as const;

const sameBytes = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.compare(Buffer.from(a.slice().buffer), Buffer.from(b.slice().buffer)) === 0;

const REAL = '../shared/data/degenhart-stabilizer/20160325.mat';

it('a recording without the kinds of trials is refused', () => {
  const file = openMatlabFile(writeMat(degenhartVariables()));
  const recording = readDegenhartRecording(file, 'small');
  const error = betzErrorOf(() => stabilizationData(recording, readRecordedInstability(file), ALL));
  expect(error).toMatchObject({ code: 'LOG_TRIALS_MISSING', value: 1 });
});

describe.skipIf(!existsSync(REAL))('the recorded instability of 20160325.mat (needs ../shared/data)', () => {
  const recording = existsSync(REAL) ? openRecording(REAL) : undefined;
  const optionsOf = (decoders: string[]): StabilizationBenchOptions => {
    if (recording === undefined) throw new Error('the recording is absent');
    return {
      recording,
      instability: openRecordedInstability(REAL),
      decoders,
      inputs: 'latents',
      seeds: [1],
      newDaySeconds: [Infinity],
      newDayPart: 'newest',
      host: createCalibrationHost(1),
    };
  };

  it('calibration, new day and evaluation share no trial, and movement is what is scored', () => {
    const { recording: real, instability } = optionsOf([]);
    const { calibration, newDay, evaluation, channelLabels } = stabilizationData(real, instability, ALL);
    expect(channelLabels).toHaveLength(75);
    const lengths = [calibration, newDay, evaluation.before].map((set) => set.binned.segments.length);
    expect(lengths).toEqual([362, 308, 135]);
    const { segments, binCount, features } = evaluation.after.binned;
    expect(segments[134].endBin).toBe(binCount);
    evaluation.after.movement.forEach(({ startBin, endBin }, i) => {
      expect([startBin - segments[i].startBin, endBin]).toEqual([6, segments[i].endBin]);
    });
    // Electrode 1 has its offset, electrode 3 the counts of one that the decoder did not use.
    const before = evaluation.before.binned.features;
    expect(features[0] - before[0]).toBeCloseTo(0.5124922, 6);
    const ofMinute = (part: 'newest' | 'oldest'): TrialSet =>
      stabilizationData(real, instability, { seconds: 60, part }).newDay;
    const minute = ofMinute('newest').binned;
    expect(minute.binCount * 0.045).toBeGreaterThan(50);
    expect(minute.binCount * 0.045).toBeLessThanOrEqual(60);
    const all = newDay.binned.features;
    expect(sameBytes(minute.features, all.subarray(all.length - minute.features.length))).toBe(true);
    const oldest = ofMinute('oldest').binned.features;
    expect(sameBytes(oldest, all.subarray(0, oldest.length))).toBe(true);
  });

  it('pairs what has labels with the behaviour a lag later, in trials that stay whole', () => {
    const { recording: real, instability } = optionsOf([]);
    const plain = stabilizationData(real, instability, ALL);
    const binMs = real.spikes.kind === 'counts' ? real.spikes.binMs : Number.NaN;
    const lagged = stabilizationData(real, instability, ALL, 2 * binMs);
    expect(sameBytes(lagged.newDay.binned.features, plain.newDay.binned.features)).toBe(true);
    for (const [of, from] of [
      [lagged.calibration, plain.calibration],
      [lagged.evaluation.before, plain.evaluation.before],
      [lagged.evaluation.after, plain.evaluation.after],
    ]) {
      expect(of.binned.lagMs).toBe(2 * binMs);
      const width = of.binned.channels.length;
      of.binned.segments.forEach(({ startBin, endBin }, trial) => {
        const whole = from.binned.segments[trial];
        expect(endBin - startBin).toBe(whole.endBin - whole.startBin - 2);
        const features = of.binned.features.subarray(startBin * width, endBin * width);
        const rows = from.binned.features.subarray(whole.startBin * width, (whole.endBin - 2) * width);
        expect(sameBytes(features, rows), `trial ${trial}`).toBe(true);
        const { values } = of.binned.target;
        const later = from.binned.target.values.subarray((whole.startBin + 2) * 2, whole.endBin * 2);
        expect(sameBytes(values.subarray(startBin * 2, endBin * 2), later), `trial ${trial}`).toBe(true);
        // The movement is that of the behaviour.
        const movement = from.movement[trial].startBin - whole.startBin - 2;
        expect(of.movement[trial]).toEqual({ startBin: startBin + movement, endBin });
      });
    }
  });

  it('costs a linear decoder more than half its R2, of which >= 90 % comes back without labels in <= 1 s', async () => {
    const rows = await benchStabilization({ ...optionsOf(['ridge']), seeds: [1, 2, 3] });
    expect(rows).toHaveLength(3);
    for (const { r2Before, r2Unstable, r2Stabilized, recoveredShare, stabilizeS } of rows) {
      for (const axis of [0, 1]) {
        expect(r2Before[axis]).toBeGreaterThan(0.6);
        expect(r2Unstable[axis]).toBeLessThan(0.3);
        expect(r2Stabilized[axis]).toBeGreaterThan(0.6);
      }
      expect(recoveredShare).toBeGreaterThanOrEqual(0.9);
      expect(stabilizeS).toBeLessThanOrEqual(1);
    }
  });

  it('costs a GRU less, of which >= 80 % comes back through its read-in', async () => {
    // Small and trained for a moment: docs/stabilization.md has the figures of the usual one.
    const [row] = await benchStabilization({
      ...optionsOf(['gru']),
      config: { hiddenCount: 64 },
      stepCount: 150,
      newDaySeconds: [60],
    });
    const { r2Before, r2Unstable, recoveredShare, stabilizeS } = row;
    for (const axis of [0, 1]) {
      expect(r2Before[axis]).toBeGreaterThan(0.6);
      expect(r2Unstable[axis]).toBeLessThan(r2Before[axis] - 0.2);
    }
    expect(recoveredShare).toBeGreaterThanOrEqual(0.8);
    expect(stabilizeS).toBeLessThanOrEqual(1);
  });
});
