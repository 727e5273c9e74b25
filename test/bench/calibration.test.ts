import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { benchCalibration } from '../../src/bench/calibration.ts';
import type { CalibrationBenchRow } from '../../src/bench/calibration.ts';
import { firstSeconds, recordedBenchData, simulatedBenchData } from '../../src/bench/calibration-data.ts';
import type { CalibrationBenchData } from '../../src/bench/calibration-data.ts';
import { calibrateSession } from '../../src/calibration/session/calibrate-session.ts';
import { pretrain } from '../../src/calibration/session/pretrain.ts';
import { onlySegments, ridgeBaseline } from '../../src/calibration/session/ridge-baseline.ts';
import { decodeSession, scoreBlocks } from '../../src/calibration/session/session-scores.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { binRecording } from '../../src/recording/bin-recording.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { openRecording } from '../../src/recording/open-recording.ts';
import { randomRecording } from '../support/random-recording.ts';
import { betzErrorOf, betzErrorOfAsync } from '../support/recording-errors.ts';
import { simulatedSession } from '../support/session-days.ts';

describe('recordedBenchData', () => {
  // Bin by bin the number of the bin, so that a part says where it is from.
  const whole = randomRecording(1, { binCount: 100, channelCount: 1, segmentStarts: [0, 50, 70] });
  for (let bin = 0; bin < 100; bin++) whole.features[bin] = bin;
  const { training, session, test } = recordedBenchData(whole);

  it('is what came before, the session and the test, in time order and without a bin in two of them', () => {
    expect(training).toHaveLength(1);
    const all = [training[0], session, test].flatMap(({ features }) => [...features]);
    expect(all).toEqual(Array.from({ length: 100 }, (_, bin) => bin));
    expect([training[0].binCount, session.binCount, test.binCount]).toEqual([60, 20, 20]);
  });

  it('keeps joins, and makes none', () => {
    expect(training[0].segments).toEqual([
      { startBin: 0, endBin: 50 },
      { startBin: 50, endBin: 60 },
    ]);
    expect(session.segments).toEqual([
      { startBin: 0, endBin: 10 },
      { startBin: 10, endBin: 20 },
    ]);
    expect(test.segments).toEqual([{ startBin: 0, endBin: 20 }]);
  });

  it.skipIf(!existsSync('../shared/data/degenhart-stabilizer/20160325.mat'))(
    'holds trials of a real recording apart (needs ../shared/data)',
    () => {
      const recording = binRecording(openRecording('../shared/data/degenhart-stabilizer/20160325.mat'), {
        targetName: 'targetDirection',
      });
      const parts = recordedBenchData(recording);
      expect(parts.training[0].segments.length).toBeGreaterThan(500);
      expect(parts.session.segments.length).toBeGreaterThan(50);
    },
  );
});

describe('firstSeconds', () => {
  const recording = randomRecording(2, { binCount: 100, binMs: 50, segmentStarts: [0, 30] });

  it('is the beginning, with its joins', () => {
    const first = firstSeconds(recording, 2);
    expect(first.binCount).toBe(40);
    expect(first.features).toEqual(recording.features.subarray(0, 160));
    expect(first.target.values).toEqual(recording.target.values.subarray(0, 80));
    expect(first.segments).toEqual([
      { startBin: 0, endBin: 30 },
      { startBin: 30, endBin: 40 },
    ]);
    expect(firstSeconds(recording, 5).binCount).toBe(100);
  });

  it('refuses more than there is', () => {
    const error = betzErrorOf(() => firstSeconds(recording, 5.1));
    expect(error).toMatchObject({ code: 'CAL_SESSION_TOO_SHORT', value: 5 });
  });
});

describe('simulatedBenchData', () => {
  it('tests on what follows the session, on the same day', () => {
    const options = { channelCount: 12, trainingDays: 2, trainingSeconds: 4, newDay: 5, sessionSeconds: 6 };
    const { training, session, test } = simulatedBenchData(3, options);
    expect(training.map(({ name }) => name)).toEqual([
      'simulated array, seed 3, day 0',
      'simulated array, seed 3, day 1',
    ]);
    expect([training[0].binCount, session.binCount, test.binCount]).toEqual([200, 300, 6000]);
    // In one go.
    const whole = simulateRecording({ seed: 3, day: 5, channelCount: 12 }, 126, 20).features;
    const joined = [...session.features, ...test.features];
    expect(joined).toHaveLength(whole.length);
    expect(whole.every((count, i) => count === joined[i])).toBe(true);
  });
});

describe('benchCalibration', () => {
  const day = simulatedSession(8, 30);
  const session = firstSeconds(day, 20);
  const data: CalibrationBenchData = {
    name: 'day 8',
    training: [simulatedSession(0, 20), simulatedSession(1, 20)],
    session,
    test: onlySegments(day, [{ startBin: session.binCount, endBin: day.binCount }]),
  };
  const opposite = (recording: BinnedRecording): BinnedRecording => ({
    ...recording,
    target: { ...recording.target, values: recording.target.values.map((v) => -v) },
  });
  /** The same, where all that the test says is the opposite. */
  const backwards: CalibrationBenchData = { ...data, name: 'backwards', test: opposite(data.test) };
  /** And where the session says so too, and can teach it. */
  const mirrored: CalibrationBenchData = { ...backwards, name: 'mirrored', session: opposite(session) };
  let rows: CalibrationBenchRow[];
  const lines: string[] = [];
  beforeAll(async () => {
    const options = {
      decoder: 'gru',
      config: { hiddenCount: 8 },
      seed: 1,
      methods: ['normalise', 'readout'] as const,
      secondsList: [10],
      onProgress: (line: string) => lines.push(line),
    };
    rows = await benchCalibration([data, backwards, mirrored], options, createCalibrationHost(1));
  });

  it('has a base and fits of its seed, lists the whole session once, and adds up what auto tries', async () => {
    let quarters = 0;
    const clock = { nowNs: () => 0.25e9 * quarters++ };
    const host = { ...createCalibrationHost(1), clock };
    const kind = { kind: 'gru', config: { hiddenCount: 8 }, training: { seed: 2 } };
    const { model: base, trainSeconds } = await pretrain(data.training, kind, host);
    const scoreOn = (model: Model): number =>
      scoreBlocks(data.test, decodeSession(model, data.test, host.makeKernels()), data.test.segments).metrics
        .r2Mean;
    const tune = async (seconds: number): Promise<number> => {
      const part = firstSeconds(session, seconds);
      const { candidate } = await calibrateSession(base, part, { method: 'auto', seed: 2 }, host);
      return scoreOn(candidate.model);
    };
    const ridge = async (seconds: number): Promise<number> => {
      const part = firstSeconds(session, seconds);
      return scoreOn(await ridgeBaseline(part, part.segments, host));
    };
    const options = {
      ...{ decoder: 'gru', config: { hiddenCount: 8 }, seed: 2, onProgress: (): void => undefined },
      ...{ methods: ['auto'] as const, secondsList: [10, 20] },
    };
    const found = await benchCalibration([data], options, host);
    expect(found.map(({ method, seconds, r2 }) => [method, seconds, r2])).toEqual([
      ['none', 0, scoreOn(base)],
      ['ridge', 10, await ridge(10)],
      ['auto', 10, await tune(10)],
      ['ridge', 20, await ridge(20)],
      ['auto', 20, await tune(20)],
    ]);
    expect(found[0].fitSeconds).toBe(trainSeconds);
    expect(found[2].fitSeconds, 'of readout and of ends').toBe(0.5);
  });

  it.each([20.1, 1])('refuses a session that is too short for %s s before it pretrains', async (seconds) => {
    const told: string[] = [];
    const options = {
      ...{
        decoder: 'gru',
        config: { hiddenCount: 8 },
        seed: 1,
        onProgress: (line: string) => told.push(line),
      },
      ...{ methods: ['readout'] as const, secondsList: [10, seconds] },
    };
    const error = await betzErrorOfAsync(() => benchCalibration([data], options, createCalibrationHost(1)));
    expect(error.code).toBe('CAL_SESSION_TOO_SHORT');
    expect(error.value).toBe(Math.min(seconds, 20));
    expect(told).toEqual([]);
  });

  it('has a row for the base, and for every method and amount of data; all of the session goes to full', () => {
    const expected = [
      ['none', 0],
      ['ridge', 10],
      ['normalise', 10],
      ['readout', 10],
      ['ridge', 20],
      ['full', 20],
    ];
    for (const name of ['day 8', 'backwards', 'mirrored']) {
      const own = rows.filter((row) => row.data === name);
      expect(own.map(({ method, seconds }) => [method, seconds])).toEqual(expected);
      expect(new Set(own.map(({ r2 }) => r2)).size, 'every one is another model').toBe(6);
    }
    for (const { decoder, seed } of rows) expect({ decoder, seed }).toEqual({ decoder: 'gru', seed: 1 });
    expect(lines).toHaveLength(7);
  });

  it('scores what is in service after the verdict: the candidate, or the base that is kept', () => {
    const [base, ...kept] = rows.filter((row) => row.data === 'day 8' && row.method !== 'ridge');
    for (const { decidedR2 } of [base, ...kept]) expect(decidedR2).toBe(base.r2);
    for (const { r2 } of kept) expect(r2).not.toBe(base.r2);
    const [wrong, , readout] = rows.filter((row) => row.data === 'mirrored' && row.method !== 'ridge');
    expect(readout.method).toBe('readout');
    expect(readout.decidedR2).toBe(readout.r2);
    expect(readout.r2).toBeGreaterThan(wrong.r2);
    for (const { method, decidedR2 } of rows) if (method === 'ridge') expect(decidedR2).toBeNaN();
  });

  it('times every fit but that of the ridge baseline', () => {
    for (const { method, fitSeconds } of rows) {
      if (method === 'ridge') expect(fitSeconds).toBeNaN();
      else expect(fitSeconds).toBeGreaterThan(0);
    }
  });

  it('scores on the test, which no method has seen', () => {
    const own = rows.filter((row) => row.data === 'day 8');
    const against = rows.filter((row) => row.data === 'backwards');
    own.forEach(({ r2 }, i) => {
      expect(r2).toBeGreaterThan(0.1);
      expect(r2).toBeLessThan(1);
      expect(against[i].r2).toBeLessThan(0);
    });
  });
});
