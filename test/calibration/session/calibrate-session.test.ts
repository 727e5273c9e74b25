import { beforeAll, describe, expect, it } from 'vitest';
import type { CalibrationHost } from '../../../src/calibration/calibrate.ts';
import { calibrateSession } from '../../../src/calibration/session/calibrate-session.ts';
import { SESSION_METHODS } from '../../../src/calibration/session/session-methods.ts';
import type { SessionCalibration } from '../../../src/calibration/session/session-task.ts';
import type { SessionMethod } from '../../../src/calibration/session/session-methods.ts';
import { isEarlierBetter } from '../../../src/calibration/session/preference.ts';
import { fitDriftReference } from '../../../src/calibration/drift/drift-reference.ts';
import { pretrain } from '../../../src/calibration/session/pretrain.ts';
import { ridgeBaseline } from '../../../src/calibration/session/ridge-baseline.ts';
import { sessionProvenance } from '../../../src/calibration/session/session-provenance.ts';
import { decodeSession, scoreBlocks } from '../../../src/calibration/session/session-scores.ts';
import { BetzError } from '../../../src/core/errors.ts';
import type { Model } from '../../../src/decoders/decoder.ts';
import { kalman } from '../../../src/decoders/kalman/index.ts';
import { decodeModel, encodeModel } from '../../../src/decoders/model-file.ts';
import { quantiseModel } from '../../../src/decoders/quantise-model.ts';
import { createCalibrationHost } from '../../../src/host/calibration-host.ts';
import { loadKernels } from '../../../src/host/load-kernels.ts';
import { expectClose } from '../../support/cases.ts';
import { randomModel, withHugeReadout } from '../../support/decoder-models.ts';
import { betzErrorOfAsync } from '../../support/recording-errors.ts';
import { simulatedSession, withChannels } from '../../support/session-days.ts';

const host = createCalibrationHost(1);
const QUICK = { stepCount: 12, batchCount: 4, windowBins: 30, checkCount: 2 };
/** Another day, two channels lost and the others in another order. */
const session = withChannels(
  simulatedSession(8, 12),
  Array.from({ length: 18 }, (_, i) => (7 * i + 3) % 20),
);
let base: Model;
beforeAll(async () => {
  const training = { stepCount: 120, batchCount: 8, windowBins: 40 };
  const days = [simulatedSession(0, 30), simulatedSession(1, 30)];
  const pretrained = await pretrain(
    days,
    { kind: 'gru', config: { hiddenCount: 16 }, latentCount: 8, training },
    host,
  );
  base = pretrained.model;
});

const calibrate = (method: SessionMethod, recording = session, on: CalibrationHost = host) =>
  calibrateSession(base, recording, { method, training: QUICK }, on);

describe('calibrateSession', () => {
  it('gives every candidate the drift reference of the session where that is long enough', async () => {
    const long = simulatedSession(8, 24);
    const { tried } = await calibrate('auto', long);
    const expected = fitDriftReference(long.features, 20, 20);
    expect(tried.map(({ model }) => model.drift)).toEqual([expected, expected]);
  });

  // `stabilize` takes a model of latents: test/calibration/calibrate-latents.test.ts
  it.each(SESSION_METHODS.filter((method) => method !== 'stabilize'))(
    '%s: gives a finite model of the session that a file keeps, and leaves the base as it was',
    async (method) => {
      const before = structuredClone(base);
      const result = await calibrate(method);
      expect(base).toEqual(before);
      const { model, scores } = result.candidate;
      expect(model.features.channelLabels).toEqual(session.channels.map(({ label }) => label));
      expect(model.shape).toEqual({ inputCount: 18, outputCount: 2 });
      for (const { data } of Object.values(model.tensors)) expect(data.every(Number.isFinite)).toBe(true);
      expect(base.drift).toBeDefined();
      expect(model.drift, 'too few seconds, and that of the base is of another day').toBeUndefined();
      const origin = { seed: 1, version: '0', baseName: 'base', baseSha256: 'ff' };
      const provenance = sessionProvenance(base, session, result, origin);
      const restored = decodeModel(encodeModel({ ...model, provenance }));
      const outputs = decodeSession(model, session, loadKernels());
      expect(outputs.every(Number.isFinite)).toBe(true);
      expect(decodeSession(restored, session, loadKernels())).toEqual(outputs);
      expect(restored.provenance).toMatchObject({
        recording: session.name,
        binCount: session.binCount,
        seconds: 12,
        method: result.candidate.method,
        heldOutBlocks: result.blocks.heldOut,
        heldOutR2: scores.metrics.r2Mean,
        inServiceR2: result.inService.metrics.r2Mean,
        baselineR2: result.baseline.metrics.r2Mean,
        seed: 1,
        version: '0',
        replaces: 'base',
        replacesSha256: 'ff',
        base: { recording: 'simulated array, seed 5, day 1' },
      });
      expect(scores.blockR2).toHaveLength(result.blocks.heldOut.length);
      expect(result.inService.blockR2).toHaveLength(result.blocks.heldOut.length);
      expect(result.tried.map((each) => each.method)).toEqual(
        method === 'auto' ? ['readout', 'ends'] : [method],
      );
      const [first, last = first] = result.tried;
      const chosen = isEarlierBetter(first.scores, last.scores) ? first : last;
      expect(result.candidate).toBe(chosen);
    },
  );

  it.each(['readout', 'read-in', 'ends', 'lora', 'full'] as const)(
    '%s: is better after it than before it',
    async (method) => {
      const training = { ...QUICK, stepCount: 40, batchCount: 16 };
      const result = await calibrateSession(base, session, { method, training }, host);
      const unlabelled = await calibrate('normalise');
      const start = unlabelled.candidate.scores.metrics.r2Mean;
      expect(result.candidate.scores.metrics.r2Mean).toBeGreaterThan(start);
      const whole = (model: Model): number =>
        scoreBlocks(session, decodeSession(model, session, loadKernels()), session.segments).metrics.r2Mean;
      expect(whole(result.candidate.model)).toBeGreaterThan(whole(unlabelled.candidate.model) + 0.02);
    },
  );

  it.each(['readout', 'rls', 'ends'] as const)(
    '%s: learns from the held-out blocks too, once they have judged',
    async (method) => {
      const first = await calibrate(method);
      const { values, labels } = session.target;
      const moved = values.slice();
      for (const { startBin, endBin } of first.blocks.heldOut)
        for (let i = startBin * labels.length; i < endBin * labels.length; i++) moved[i] *= 1.001; // no other choice
      const second = await calibrate(method, { ...session, target: { ...session.target, values: moved } });
      expect(second.candidate.model.tensors['readout.weight'].data).not.toEqual(
        first.candidate.model.tensors['readout.weight'].data,
      );
    },
  );

  it('refuses an int8 model, whose rounded weights are no place to begin', async () => {
    const int8 = quantiseModel(base);
    const error = await betzErrorOfAsync(() =>
      calibrateSession(
        int8,
        withChannels(
          session,
          base.features.channelLabels
            .map((label) => session.channels.findIndex((c) => c.label === label))
            .filter((i) => i >= 0),
        ),
        { method: 'readout', training: QUICK },
        host,
      ),
    );
    expect(error).toMatchObject({ code: 'CAL_METHOD_UNSUPPORTED', value: 'int8' });
  });

  it('read-in leaves the core alone, and readout all but the readout', async () => {
    const readIn = (await calibrate('read-in')).candidate.model;
    expect(readIn.tensors).toEqual(base.tensors);
    const changed = Object.entries((await calibrate('readout')).candidate.model.tensors)
      .filter(([name, { data }]) => data.some((x, i) => x !== base.tensors[name].data[i]))
      .map(([name]) => name);
    expect(changed).toHaveLength(2);
  });

  it('ends: the read-in of read-in, and a readout besides', async () => {
    const readIn = (await calibrate('read-in')).candidate.model;
    const { model } = (await calibrate('ends')).candidate;
    expect(model.readIn).toEqual(readIn.readIn);
    const changed = Object.keys(base.tensors).filter((name) =>
      model.tensors[name].data.some((x, i) => x !== base.tensors[name].data[i]),
    );
    expect(changed).toEqual(['readout.weight', 'readout.bias']);
  });

  it.each(['read-in', 'ends', 'full'] as const)(
    '%s: is judged as it was before its second cycle, which learns from the held-out blocks',
    async (method) => {
      const scoresOf = async (refitStepCount: number): Promise<unknown> => {
        const training = { ...QUICK, stepCount: 10 + refitStepCount, refitStepCount };
        const { candidate } = await calibrateSession(base, session, { method, training }, host);
        return candidate.scores;
      };
      expect(await scoresOf(6)).toEqual(await scoresOf(0));
    },
  );

  it('judges a candidate on bins that it has not learned from: what they hold changes nothing of it', async () => {
    const { blocks } = await calibrate('normalise');
    const values = session.target.values.map((v, i) =>
      blocks.heldOut.some(({ startBin, endBin }) => i >= 2 * startBin && i < 2 * endBin) ? -v : v,
    );
    const flipped = { ...session, target: { ...session.target, values } };
    for (const method of ['normalise', 'rls', 'scratch'] as const) {
      const straight = await calibrate(method);
      const against = await calibrate(method, flipped);
      // The same outputs beside the truth and beside its opposite.
      for (const of of ['candidate', 'baseline'] as const) {
        const rOf = (result: SessionCalibration): readonly number[] =>
          (of === 'baseline' ? result.baseline : result.candidate.scores).metrics.pearsonR;
        expectClose(
          rOf(against).map((r) => -r),
          rOf(straight),
          () => 1e-6,
        );
        expect(Math.abs(rOf(straight)[0])).toBeGreaterThan(0.01);
      }
      const changes = ({ candidate: { model } }: SessionCalibration): unknown => model.tensors;
      // In the end a readout learns from all.
      if (method === 'rls') expect(changes(against)).not.toEqual(changes(straight));
    }
  });

  it('refuses sessions that nothing can be learned from', async () => {
    const constant = {
      ...session,
      target: { ...session.target, values: session.target.values.map(() => 0.1) },
    };
    const silent = { ...session, features: new Float32Array(session.features.length) };
    const short = simulatedSession(8, 7);
    for (const method of ['full', 'readout'] as const) {
      expect((await betzErrorOfAsync(() => calibrate(method, constant))).code).toBe('CAL_TARGET_CONSTANT');
      expect((await betzErrorOfAsync(() => calibrate(method, silent))).code).toBe('CAL_FEATURES_CONSTANT');
      expect((await betzErrorOfAsync(() => calibrate(method, short))).code).toBe('CAL_SESSION_TOO_SHORT');
    }
  });

  it('judges beside what the decoder in service said, where that is known, and does not run it again', async () => {
    const inServiceOutputs = session.target.values.map((value, i) => value + Math.sin(i));
    let decoders = 0;
    const counting = { ...host, makeKernels: () => (decoders++, host.makeKernels()) };
    const options = { method: 'normalise', inServiceOutputs } as const;
    const { inService, blocks } = await calibrateSession(base, session, options, counting);
    expect(inService).toEqual(scoreBlocks(session, inServiceOutputs, blocks.heldOut));
    expect(decoders, 'the candidate and the baseline').toBe(2);
  });

  it('gives the host turns also while it describes what was fitted', async () => {
    let turns = 0;
    const counting: CalibrationHost = {
      ...host,
      yieldToHost: () => {
        turns++;
        return Promise.resolve();
      },
    };
    const long = simulatedSession(8, 24);
    const { blocks } = await calibrate('normalise', long, counting);
    const ofNormalise = turns;
    turns = 0;
    await ridgeBaseline(long, blocks.fit, counting);
    expect(ofNormalise - turns, 'before each part').toBe(5);
    const options = { method: 'full', training: QUICK, onProgress: () => (turns = 0) } as const;
    await calibrateSession(base, long, options, counting);
    expect(turns - ofNormalise, 'five starts of factor analysis at least').toBeGreaterThan(5);
  });

  it('auto: a fine-tune that fails does not cost the readout', async () => {
    const huge = withHugeReadout(base);
    const by = (method: SessionMethod): Promise<SessionCalibration> =>
      calibrateSession(huge, session, { method, training: QUICK }, host);
    const { candidate, tried, failed, inService } = await by('auto');
    const { fitSeconds, ...readout } = (await by('readout')).candidate;
    expect(candidate).toEqual({ ...readout, fitSeconds: expect.any(Number) as number });
    expect(fitSeconds).toBeGreaterThan(0);
    expect(tried).toEqual([candidate]);
    expect(failed).toEqual({
      ...{ method: 'ends', code: 'CAL_DIVERGED' },
      reason: expect.stringContaining('training diverged at step') as string,
    });
    expect(candidate.scores.metrics.r2Mean).toBeGreaterThan(inService.metrics.r2Mean);
    expect((await betzErrorOfAsync(() => by('ends'))).code, 'nothing else was fitted').toBe('CAL_DIVERGED');
    expect(await calibrate('auto')).not.toHaveProperty('failed');
  });

  it.each([
    ['is cancelled', new BetzError('CAL_FIT_CANCELLED', 'the fit was cancelled', { tip: 'Wait.' })],
    ['meets a fault of ours', new Error('assertion failed')],
  ])('auto: ends when the fine-tune %s', async (_, error) => {
    const stopping = { ...host, makePool: () => Promise.reject(error) };
    await expect(calibrate('auto', session, stopping)).rejects.toBe(error);
  });

  it('does not adapt kinds that are fitted in closed form', async () => {
    const closed = {
      ...randomModel(kalman, { inputCount: 18, outputCount: 2 }, {}, 1),
      output: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
    };
    closed.features.channelLabels = session.channels.map(({ label }) => label);
    for (const method of ['readout', 'rls', 'read-in', 'ends', 'lora', 'full', 'scratch'] as const) {
      const error = await betzErrorOfAsync(() => calibrateSession(closed, session, { method }, host));
      expect(error).toMatchObject({ code: 'CAL_METHOD_UNSUPPORTED', value: method });
    }
  });

  it.each(['full', 'read-in', 'scratch'] as const)(
    '%s: closes its threads when it is stopped between steps',
    async (method) => {
      let open = 0;
      let runs = 0;
      const stopping: CalibrationHost = {
        ...host,
        makePool: async (...args) => {
          const pool = await host.makePool(...args);
          open++;
          return {
            threadCount: pool.threadCount,
            run: (...step) => {
              runs++;
              return pool.run(...step);
            },
            close: () => {
              open--;
              pool.close();
            },
          };
        },
        yieldToHost: () => (runs < 3 ? Promise.resolve() : Promise.reject(new Error('stopped'))),
      };
      const before = structuredClone(base);
      await expect(calibrate(method, session, stopping)).rejects.toThrow('stopped');
      expect({ open, runs }).toEqual({ open: 0, runs: 3 });
      expect(base).toEqual(before);
    },
  );
});
