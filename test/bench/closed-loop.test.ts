import { describe, expect, it } from 'vitest';
import { benchClosedLoop, summarise } from '../../src/bench/closed-loop.ts';
import type { ClosedLoopOptions, ClosedLoopRow } from '../../src/bench/closed-loop.ts';
import { runLoopSession } from '../../src/bench/loop-session.ts';
import type { LoopControl, LoopOptions, LoopSession } from '../../src/bench/loop-session.ts';
import { calibrate } from '../../src/calibration/calibrate.ts';
import { BetzError } from '../../src/core/errors.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { taskMetrics } from '../../src/task/metrics.ts';
import { taskNames } from '../../src/task/target-sequence.ts';

const host = createCalibrationHost(1);
const kalman = async (recording: BinnedRecording): Promise<Model> =>
  (await calibrate(recording, { kind: 'kalman' }, host)).model;

function session(control: LoopControl, options: Partial<LoopOptions> = {}): Promise<LoopSession> {
  const defaults: LoopOptions = {
    task: 'centre-out',
    array: { seed: 3 },
    user: {},
    control,
    assist: { level: 0, fade: { by: 'time', overS: 1 } },
    sessionS: 60,
    collectS: 20,
    fitS: 1,
  };
  return runLoopSession({ ...defaults, ...options }, host.clock);
}

describe('a closed-loop session', () => {
  it.each(taskNames)(
    '%s: the intention itself wins nearly all targets, a cursor that nobody moves none',
    async (task) => {
      const intended = taskMetrics((await session({ by: 'intention' }, { task })).trials);
      expect(intended.trialCount).toBeGreaterThan(20);
      expect(intended.successRate).toBeGreaterThan(0.97);
      expect(intended.pathEfficiency).toBeGreaterThan(0.95);
      const still = taskMetrics((await session({ by: 'nobody' }, { task })).trials);
      expect(still.trialCount).toBeGreaterThan(5);
      expect(still.successRate).toBe(0);
    },
  );

  it('takes a decoder from the spikes of a user who sees what it does: another array ends its control', async () => {
    const fits: LoopControl = { by: 'fits', fit: kalman, refitsAtS: [] };
    let own: Model | undefined;
    const keeping: LoopControl = { ...fits, fit: async (recording) => (own = await kalman(recording)) };
    const controlled = await session(keeping);
    expect(taskMetrics(controlled.trials).successRate).toBeGreaterThan(0.8);
    const model: LoopControl = { by: 'model', model: own! };
    const again = await session(model, { sessionS: 40 });
    const foreign = await session(model, { sessionS: 40, array: { seed: 4 } });
    expect(taskMetrics(again.trials).successRate).toBeGreaterThan(0.8);
    expect(taskMetrics(foreign.trials).successRate).toBeLessThan(0.5);
  });

  it('fits when it is time, lets the fit take its time, and then swaps', async () => {
    const ends: number[] = [];
    const fit = (recording: BinnedRecording): Promise<Model> => {
      ends.push(recording.binCount * 0.02);
      return kalman(recording);
    };
    const { controlS, fits, trials } = await session(
      { by: 'fits', fit, refitsAtS: [30, 30.5] },
      { fitS: 2, sessionS: 40 },
    );
    expect(ends.map((s) => Math.round(s * 1000) / 1000)).toEqual([20, 30, 32]); // one fit at a time: the third waits for the second
    expect(fits.map(({ atS, tookS }) => [Math.round(atS * 1000) / 1000, tookS])).toEqual([
      [20, 2],
      [30, 2],
      [32, 2],
    ]);
    expect(controlS).toBeCloseTo(22, 9);
    expect(trials[0].startS).toBeCloseTo(22.3, 9);
  });

  it('counts the time that fits took, unless it is given', async () => {
    let nowNs = 0;
    const clock = { nowNs: () => nowNs };
    const slow = async (recording: BinnedRecording): Promise<Model> => {
      nowNs += 5e9;
      return kalman(recording);
    };
    const options: LoopOptions = {
      task: 'centre-out',
      array: { seed: 1, channelCount: 24 },
      user: {},
      control: { by: 'fits', fit: slow, refitsAtS: [] },
      assist: { level: 0, fade: { by: 'time', overS: 1 } },
      sessionS: 30,
      collectS: 10,
    };
    expect((await runLoopSession(options, clock)).controlS).toBeCloseTo(15, 9);
  });

  it('goes on collecting where there was too little to fit on, and lets other errors through', async () => {
    let failures = 2;
    const picky =
      (code: BetzError['code']) =>
      async (recording: BinnedRecording): Promise<Model> => {
        if (failures-- > 0) throw new BetzError(code, 'refused', { tip: 'none' });
        return kalman(recording);
      };
    const control = (code: BetzError['code']): LoopControl => ({
      by: 'fits',
      fit: picky(code),
      refitsAtS: [],
    });
    expect((await session(control('CAL_TARGET_CONSTANT'), { sessionS: 30 })).fits[0].atS).toBeCloseTo(24, 9);
    failures = 1;
    await expect(session(control('CAL_DIVERGED'), { sessionS: 30 })).rejects.toThrow('refused');
  });

  it('says how much help each trial had', async () => {
    const assist: LoopOptions['assist'] = { level: 0.5, fade: { by: 'time', overS: 5 } };
    const { controlS, trials } = await session(
      { by: 'fits', fit: kalman, refitsAtS: [] },
      { assist, sessionS: 40 },
    );
    expect(trials[0].assistMax).toBeGreaterThan(0.4);
    for (const { startS, assistMax } of trials) expect(assistMax > 0).toBe(startS < controlS + 5 - 1e-6);
  });

  it('is the same again with the same seed and fit times', async () => {
    const once = await session({ by: 'fits', fit: kalman, refitsAtS: [] }, { sessionS: 40 });
    expect(await session({ by: 'fits', fit: kalman, refitsAtS: [] }, { sessionS: 40 })).toEqual(once);
    const otherSeed = await session({ by: 'intention' }, { array: { seed: 4 }, sessionS: 10 });
    expect(otherSeed.trials).not.toEqual((await session({ by: 'intention' }, { sessionS: 10 })).trials);
  });
});

describe('benchClosedLoop', () => {
  const options: ClosedLoopOptions = {
    task: 'random-target',
    decoder: 'kalman',
    seeds: [1],
    channelCount: 96,
    day: 8,
    sessionS: 240,
    collectS: 20,
    refitsAtS: [60, 120],
    user: {},
    fitS: 1,
  };

  it('reaches a first target within 40 s and a plateau within 3 min, ReFIT ahead, on a day when the old decoder fails', async () => {
    const rows = await benchClosedLoop(options, host);
    const names = ['intention itself', 'kalman, ReFIT', 'kalman, no ReFIT', 'nobody', 'kalman of day 0'];
    expect(rows.map(({ contestant }) => contestant)).toEqual(names);
    const [intended, refit, noRefit, nobody, stale] = rows;
    expect(refit.firstUnaidedS).toBeLessThan(40);
    expect(refit.plateauS).toBeLessThan(180);
    expect(refit.late.successRate).toBeGreaterThanOrEqual(0.95);
    expect(refit.late.achievedBitPerS).toBeGreaterThan(noRefit.late.achievedBitPerS);
    expect(intended.late.achievedBitPerS).toBeGreaterThan(refit.late.achievedBitPerS);
    expect(nobody.firstAcquiredS).toBeNaN();
    expect(stale.late.achievedBitPerS).toBeLessThan(refit.late.achievedBitPerS);
    expect(refit.fits.map(({ atS }) => atS)).toEqual(
      [20, 60, 120].map((s) => expect.closeTo(s, 6) as number),
    );
    expect(refit.successByMinute).toHaveLength(4);
  });
});

describe('a decoder of earlier days', () => {
  it('takes part as it is and calibrated to the day, quickly', async () => {
    const options: ClosedLoopOptions = {
      task: 'random-target',
      decoder: 'gru',
      decoderConfig: { hiddenCount: 8 },
      pretrained: 'readout',
      seeds: [1],
      channelCount: 16,
      day: 1,
      sessionS: 60,
      collectS: 20,
      refitsAtS: [],
      user: {},
      fitS: 1,
    };
    const rows = await benchClosedLoop(options, host);
    expect(rows.map(({ contestant }) => contestant).slice(-2)).toEqual([
      'gru, pretrained, as it is',
      'gru, pretrained, readout',
    ]);
    const [asItIs, adapted] = rows.slice(-2);
    expect([asItIs.controlS, asItIs.fits]).toEqual([0, []]);
    expect(adapted.fits).toHaveLength(1);
    expect(adapted.controlS).toBeCloseTo(21, 6);
  });
});

describe('summarise', () => {
  const row = (contestant: string, plateauS: number, successRate: number): ClosedLoopRow => ({
    contestant,
    seed: 1,
    controlS: 1,
    firstAcquiredS: 2,
    firstUnaidedS: 3,
    plateauS,
    successByMinute: [],
    late: {
      trialCount: 1,
      successRate,
      timeToTargetS: NaN,
      pathEfficiency: NaN,
      throughputBitPerS: NaN,
      achievedBitPerS: 0,
    },
    fits: [],
  });

  it('gives medians and extremes per contestant; what was never reached counts as worst', () => {
    const [a, b] = summarise([row('a', 100, 0.5), row('b', 50, 1), row('a', NaN, 1), row('a', 60, 0.9)]);
    expect([a.contestant, b.contestant]).toEqual(['a', 'b']);
    expect(a.plateauS).toEqual({ median: 100, min: 60, max: Infinity });
    expect(a.lateSuccess).toEqual({ median: 0.9, min: 0.5, max: 1 });
    expect(a.pathEfficiency).toEqual({ median: 0, min: 0, max: 0 });
    expect(b.plateauS).toEqual({ median: 50, min: 50, max: 50 });
  });
});
