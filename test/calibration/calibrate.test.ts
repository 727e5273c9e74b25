/** Calibration as a whole, for every kind, on real kernels and threads. */
import { describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { calibrate } from '../../src/calibration/calibrate.ts';
import type { CalibrationHost, CalibrationOptions } from '../../src/calibration/calibrate.ts';
import { withDriftReference } from '../../src/calibration/drift/model-drift.ts';
import { fitWiener } from '../../src/calibration/closed-form-wiener.ts';
import { decodingMetrics } from '../../src/calibration/metrics.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import type { TrainingOptions, TrainingProgress } from '../../src/calibration/training.ts';
import type { BinnedRecording, Segment } from '../../src/core/recording.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { decoderKinds } from '../../src/decoders/registry.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { offlineOutputs } from '../support/sessions.ts';
import { TickingClock } from '../support/ticking-clock.ts';

const host = createCalibrationHost(1);
const small = linearRecording({ binCount: 600, channelCount: 8, seed: 1 });
const QUICK: Omit<CalibrationOptions, 'kind'> = {
  config: { hiddenCount: 6 },
  training: { stepCount: 20, batchCount: 4, windowBins: 20, peakRate: 1e-2 },
};
/** Settings that make a calibration of any kind short. */
const quickSettings = new Map(
  decoderKinds
    .filter(({ training }) => training === 'gradient')
    .map(({ name }) => [name, name === 'gru' ? QUICK : { ...QUICK, config: { width: 8 } }]),
);

function quickly(kind: string, recording = small, options: Partial<CalibrationOptions> = {}) {
  return calibrate(recording, { kind, ...quickSettings.get(kind), ...options }, host);
}

describe('calibrate', () => {
  it.each(['wiener', 'kalman', 'gru'])(
    '%s: keeps what drift is measured from, of what it learned from',
    async (kind) => {
      const recording = linearRecording({ binCount: 600, channelCount: 12, seed: 1 });
      const { model } = await quickly(kind, recording);
      const { fit } = splitBins(recording.binCount);
      expect(model.drift?.mean).toHaveLength(12);
      expect(model.drift).toEqual(withDriftReference(model, recording, fit).drift);
      expect(decodeModel(encodeModel(model)).drift).toEqual(model.drift);
    },
  );

  it.each(decoderKinds.map(({ name }) => name))(
    '%s: reports the R2 that its model has when it is read from a file and run anew',
    async (kind) => {
      const { model, test, baseline, parameterCount } = await quickly(kind);
      const restored = decodeModel(encodeModel(model));
      expect(restored.kind).toBe(kind);
      expect(restored.binMs).toBe(small.binMs);
      expect(restored.features.channelLabels).toEqual(small.channels.map(({ label }) => label));
      expect(restored.output).toMatchObject({ name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' });
      const range = splitBins(small.binCount).test;
      const outputs = Float32Array.from(offlineOutputs(restored, small, range).flat());
      expect(decodingMetrics(small.target, outputs, range)).toEqual(test);
      expect(model.provenance).toMatchObject({
        recording: small.name,
        binCount: 600,
        splits: splitBins(600),
        testR2: test.r2,
        testR2Mean: test.r2Mean,
        baselineR2Mean: baseline.r2Mean,
      });
      const tensors = Object.values(model.tensors);
      expect(parameterCount).toBe(tensors.reduce((sum, { data }) => sum + data.length, 0));
    },
  );

  it.each(decoderKinds.map(({ name }) => name))('%s: never looks at the test part', async (kind) => {
    const { test } = splitBins(small.binCount);
    const changed = { ...small, features: small.features.slice(), target: { ...small.target } };
    changed.target.values = small.target.values.slice();
    changed.features.fill(9, test.startBin * 8);
    for (let i = test.startBin * 2; i < test.endBin * 2; i++) changed.target.values[i] = i % 7;
    const { tensors, normalisation, config } = (await quickly(kind, changed)).model;
    const expected = (await quickly(kind)).model;
    expect({ tensors, normalisation, config }).toEqual({
      tensors: expected.tensors,
      normalisation: expected.normalisation,
      config: expected.config,
    });
  });

  it('compares with ridge regression, also when it is ridge regression', async () => {
    const wiener = await quickly('wiener');
    expect(wiener.baseline).toBe(wiener.test);
    expect((await quickly('kalman')).baseline).toEqual(wiener.test);
    expect(wiener.model.tensors).toEqual(fitWiener(small, splitBins(600)).model.tensors);
    expect(wiener.stepCount).toBe(0);
  });

  it.each(['wiener', 'kalman'])(
    '%s: the host gets a turn within a fit, and may end it there',
    async (kind) => {
      const count = async (limit: number): Promise<number> => {
        let turns = 0;
        const yieldToHost = (): Promise<void> =>
          ++turns === limit ? Promise.reject(new Error('enough')) : Promise.resolve();
        await calibrate(small, { kind }, { ...host, yieldToHost }).catch((error: unknown) => {
          expect(error).toEqual(new Error('enough'));
        });
        return turns;
      };
      // A Wiener filter for every lag, twice, every output, twice, and every penalty; a Kalman filter for every lag and smoothing.
      expect(await count(Infinity)).toBeGreaterThan(kind === 'wiener' ? 36 : 8 + 36);
      expect(await count(4)).toBe(4);
    },
  );

  it('teaches a small GRU to decode a curved tuning better than ridge, and so than a constant', async () => {
    const recording = simulateRecording({ seed: 1, channelCount: 32 }, 120, 20);
    const progress: TrainingProgress[] = [];
    const { test, baseline, model, stepCount } = await calibrate(
      recording,
      {
        kind: 'gru',
        config: { hiddenCount: 24 },
        training: { stepCount: 290, batchCount: 16, windowBins: 50, peakRate: 1e-2 },
        onProgress: (step) => progress.push(step),
      },
      createCalibrationHost(2),
    );
    expect(baseline.r2Mean).toBeGreaterThan(0.5); // a constant has 0
    expect(test.r2Mean).toBeGreaterThan(baseline.r2Mean + 0.05);
    expect(stepCount).toBe(290);
    expect(progress).toHaveLength(290);
    expect(model.provenance).toMatchObject({
      threadCount: 2,
      training: { stepCount: 290, refitStepCount: 40, seed: 1 },
    });
  });

  it('takes its time from the clock of the host, and the number of steps from the amount of data', async () => {
    const clock = new TickingClock(0, 3e9);
    const options = { ...QUICK, training: { batchCount: 4, windowBins: 20 } };
    const { trainSeconds, stepCount, model } = await calibrate(
      small,
      { kind: 'gru', ...options },
      { ...host, clock },
    );
    expect(trainSeconds).toBe(3);
    const { refitStepCount } = model.provenance['training'] as TrainingOptions;
    // 215 passes over 408 bins, 4 windows of 20 bins at a time, of which 5 warm up; the refit is 13.8 % of all
    expect(stepCount - refitStepCount).toBe(Math.round((215 * 408) / (4 * 15)));
    expect(refitStepCount / stepCount).toBeCloseTo(0.138, 3);
    expect(model.provenance['training']).toMatchObject({ stepCount, windowBins: 20, clipNorm: 1 });
  });

  it('never learns across joins or from the test part, in either cycle', async () => {
    // Long trials fill four fifths of the training part, and short ones the rest and all of the validation part: over both
    // together the windows that suited the training part are too long for most trials.
    const lengths = [...Array<number>(17).fill(20), ...Array<number>(28).fill(9), 8];
    let endBin = 0;
    const segments: Segment[] = lengths.map((length) => ({ startBin: endBin, endBin: (endBin += length) }));
    expect(endBin).toBe(small.binCount);
    const { fit } = splitBins(small.binCount);
    const windows: { start: number; end: number }[] = [];
    const watched: CalibrationHost = {
      ...host,
      makePool: async (kind, plan, data) => {
        const pool = await host.makePool(kind, plan, data);
        const run: typeof pool.run = (step, parameters, starts, gradient) => {
          for (const start of starts) windows.push({ start, end: start + plan.windowBins });
          return pool.run(step, parameters, starts, gradient);
        };
        return {
          threadCount: 1,
          run,
          close: () => {
            pool.close();
          },
        };
      },
    };
    await calibrate({ ...small, segments }, { kind: 'gru', ...QUICK }, watched);
    expect(windows).toHaveLength(20 * 4);
    for (const { start, end } of windows) {
      expect(end).toBeLessThanOrEqual(fit.endBin);
      expect(segments.some(({ startBin, endBin }) => startBin <= start && end <= endBin)).toBe(true);
    }
  });

  it('learns from the validation part when the choice is made, and not before', async () => {
    const lastBins: number[] = [];
    const watched: CalibrationHost = {
      ...host,
      makePool: async (kind, plan, data) => {
        const pool = await host.makePool(kind, plan, data);
        const run: typeof pool.run = (step, parameters, starts, gradient) => {
          lastBins[step] = Math.max(...starts) + plan.windowBins;
          return pool.run(step, parameters, starts, gradient);
        };
        return {
          threadCount: 1,
          run,
          close: () => {
            pool.close();
          },
        };
      },
    };
    const training = { ...QUICK.training, stepCount: 100 };
    const { model } = await calibrate(small, { kind: 'gru', ...QUICK, training }, watched);
    const { refitStepCount } = model.provenance['training'] as TrainingOptions;
    const { train, fit } = splitBins(small.binCount);
    const firstCycle = lastBins.slice(1, 101 - refitStepCount);
    const secondCycle = lastBins.slice(101 - refitStepCount);
    expect(Math.max(...firstCycle)).toBeLessThanOrEqual(train.endBin);
    expect(Math.max(...secondCycle)).toBeGreaterThan(train.endBin);
    expect(Math.max(...secondCycle)).toBeLessThanOrEqual(fit.endBin);
  });

  it('trains on windows no longer than the trials', async () => {
    const segments = Array.from({ length: 30 }, (_, i) => ({ startBin: i * 20, endBin: i * 20 + 20 }));
    const { model } = await quickly('gru', { ...small, segments }, { training: { stepCount: 20 } });
    expect(model.provenance['training']).toMatchObject({ windowBins: 20 });
  });
});

describe('calibrate refuses', () => {
  const trialsOf = (bins: number): BinnedRecording => ({
    ...small,
    segments: Array.from({ length: 600 / bins }, (_, i) => ({ startBin: i * bins, endBin: (i + 1) * bins })),
  });
  const still = (startBin: number, endBin: number): BinnedRecording => ({
    ...small,
    target: { ...small.target, values: small.target.values.slice().fill(1, startBin * 2, endBin * 2) },
  });
  const cases: readonly [string, string, string, BinnedRecording, Partial<CalibrationOptions>][] = [
    ['an unknown kind', 'lstm', 'DEC_KIND_UNKNOWN', small, {}],
    ['a setting out of range', 'gru', 'DEC_CONFIG_INVALID', small, { config: { hiddenCount: 0 } }],
    ['a setting that does not exist', 'gru', 'DEC_CONFIG_INVALID', small, { config: { hidden: 8 } }],
    [
      '99 bins',
      'wiener',
      'CAL_RECORDING_TOO_SHORT',
      linearRecording({ binCount: 99, channelCount: 8, seed: 1 }),
      {},
    ],
    ['trials of 5 bins', 'gru', 'CAL_SEGMENTS_TOO_SHORT', trialsOf(5), {}],
    [
      'spikes that never change',
      'gru',
      'CAL_FEATURES_CONSTANT',
      { ...small, features: new Float32Array(4800) },
      {},
    ],
    ['a hand at rest in the training part', 'gru', 'CAL_TARGET_CONSTANT', still(0, 408), {}],
    ['a hand at rest in the validation part', 'gru', 'CAL_TARGET_CONSTANT', still(408, 480), {}],
    ['a hand at rest in the test part', 'wiener', 'CAL_TARGET_CONSTANT', still(480, 600), {}],
    [
      'a learning rate beyond all measure',
      'gru',
      'CAL_DIVERGED',
      small,
      { training: { ...QUICK.training, peakRate: 1e30 } },
    ],
  ];
  it.each(cases)('%s (%s): %s', async (_what, kind, code, recording, options) => {
    expect((await betzErrorOfAsync(() => quickly(kind, recording, options))).code).toBe(code);
  });

  it('what it could not score before it trains', async () => {
    const progress: TrainingProgress[] = [];
    const onProgress = (step: TrainingProgress): void => void progress.push(step);
    await betzErrorOfAsync(() => quickly('gru', still(480, 600), { onProgress }));
    expect(progress).toEqual([]);
  });

  it('only what a kind cannot do: trials of 5 bins are enough for wiener and kalman', async () => {
    for (const kind of ['wiener', 'kalman']) {
      expect((await quickly(kind, trialsOf(5))).test.r2Mean).toBeGreaterThan(0);
    }
  });

  it('without leaving its threads behind', async () => {
    const ends: string[] = [];
    const watched: CalibrationHost = {
      ...host,
      makePool: async (...args) => {
        const pool = await host.makePool(...args);
        return { ...pool, close: () => ends.push('closed') };
      },
    };
    await calibrate(small, { kind: 'gru', ...QUICK }, watched);
    const diverging = { ...QUICK, training: { ...QUICK.training, peakRate: 1e30 } };
    await betzErrorOfAsync(() => calibrate(small, { kind: 'gru', ...diverging }, watched));
    expect(ends).toEqual(['closed', 'closed']);
  });
});
