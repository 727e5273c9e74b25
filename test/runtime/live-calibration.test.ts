/** Calibration inside a running session: the way into service and back, and every way in which it does not get there. */
import { afterEach, describe, expect, it } from 'vitest';
import { holdOutBlocks } from '../../src/calibration/session/held-out-blocks.ts';
import { scoreBlocks } from '../../src/calibration/session/session-scores.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { decodeModel } from '../../src/decoders/model-file.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { LiveBins } from '../../src/runtime/live-bins.ts';
import { LiveCalibration } from '../../src/runtime/live-calibration.ts';
import type { LiveCalibrationOptions } from '../../src/runtime/live-calibration-options.ts';
import type { SessionDescription } from '../../src/runtime/sink.ts';
import {
  BASE,
  expectWhole,
  generationsOf,
  ORIGIN,
  RECORDING,
  SECONDS,
  startCalibrated,
  statesOf,
} from '../support/calibrated-sessions.ts';
import type { CalibratedRun } from '../support/calibrated-sessions.ts';
import { fitWorker, holdFits, letFitsGo, steppedFitWorker } from '../support/held-fits.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { readInModel } from '../support/read-in-models.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { binRecord } from '../support/sessions.ts';
import { runningWorkerCount, workerScript } from '../support/workers.ts';

const { binMs } = RECORDING;

afterEach(() => {
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

describe('a live calibration', () => {
  it('collects, fits, judges, and puts a better decoder into service', async () => {
    const run = await startCalibrated({ autoPromote: true });
    await expectWhole(run);
    const { states, promotedBin, accuracy, verdict, method } = run.calibration.account();
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'promoted']);
    expect(states.slice(0, 4).map(({ seconds }) => seconds)).toEqual([0, SECONDS, SECONDS, SECONDS]);
    expect(states[3].reason).toBe(verdict?.sentence);
    expect(states[4].seconds).toBeCloseTo((promotedBin! * binMs) / 1000);
    expect(method).toBe('readout');
    expect(generationsOf(run)).toEqual(
      run.sink.records.map(({ binIndex }) => (binIndex < promotedBin! ? 0 : 1)),
    );
    expect(accuracy.map(({ generation, firstBin, binCount }) => [generation, firstBin, binCount])).toEqual([
      [0, 0, promotedBin],
      [1, promotedBin, RECORDING.binCount - promotedBin!],
    ]);
    const [before, after] = accuracy.map(({ r2 }) => (r2[0] + r2[1]) / 2);
    expect(before).toBeLessThan(0.2);
    expect(after).toBeGreaterThan(0.5);
  });

  it('judges a candidate beside the decoder in service as it did decode, which may have adapted', async () => {
    const [plain, adapting] = await Promise.all([
      startCalibrated(),
      startCalibrated({}, { adaptations: ['rls'] }),
    ]);
    const inService = await Promise.all(
      [plain, adapting].map(async (run) => {
        await expectWhole(run);
        const records = run.sink.records.slice(0, Math.round((SECONDS * 1000) / binMs));
        const bins = new LiveBins(BASE, records.length);
        for (const record of records) bins.take(record);
        const collected = bins.recording('collected');
        expect(bins.outputs()).toEqual(Float32Array.from(records.flatMap(({ output }) => [...output])));
        return scoreBlocks(collected, bins.outputs(), holdOutBlocks(collected).heldOut).metrics.r2Mean;
      }),
    );
    const [gain, gainOverAdapted] = [plain, adapting].map((run) => run.calibration.account().verdict!.gain);
    expect(inService[1]).toBeGreaterThan(inService[0] + 0.1);
    expect(gain - gainOverAdapted).toBeCloseTo(inService[1] - inService[0], 6);
  });

  it('proposes, and follows what the person decides: into service and back', async () => {
    const holder: { run?: CalibratedRun } = {};
    let proposed: Uint8Array | undefined;
    holder.run = await startCalibrated({
      onProposal: (candidate) => {
        proposed = candidate;
        void holder.run?.session.promote(candidate);
      },
      onTransition: ({ state }) => {
        if (state === 'promoted') void holder.run?.session.rollback();
      },
    });
    const { run } = holder;
    await expectWhole(run);
    expect(statesOf(run).slice(3)).toEqual(['proposed', 'promoted', 'rolledBack']);
    expect(decodeModel(proposed!).provenance).toMatchObject({
      method: 'readout',
      seconds: SECONDS,
      replaces: 'base',
    });
    expect(generationsOf(run).at(-1)).toBe(0);
  });

  it('is promoted, rolled back and promoted again as a person asks, and by nothing else', async () => {
    const holder: { run?: CalibratedRun } = {};
    const refused: string[] = [];
    const told = ({ code }: { code: string }): void => void refused.push(code);
    const data = linearRecording({ binCount: 9000, channelCount: 12, seed: 7 });
    let promotions = 0;
    holder.run = await startCalibrated(
      {
        onTransition: ({ state }) => {
          const { calibration, session } = holder.run!;
          if (state === 'fitting') calibration.promote().catch(told);
          if (state === 'rolledBack' || state === 'proposed')
            setTimeout(() => {
              expect(calibration).toMatchObject({ isPromotable: true, isCancellable: state === 'proposed' });
              calibration.promote().catch(told);
              expect(calibration).toMatchObject({ isPromotable: false, isCancellable: false });
              calibration.cancel('too late');
              calibration.promote().catch(told);
            });
          if (state !== 'promoted') return;
          expect(calibration).toMatchObject({ isPromotable: false, isCancellable: false });
          if (++promotions === 1) void session.rollback();
        },
      },
      { data },
    );
    const { run } = holder;
    await expectWhole(run);
    expect(statesOf(run).slice(3)).toEqual(['proposed', 'promoted', 'rolledBack', 'promoted']);
    expect(refused).toEqual(['CAL_NOTHING_PROPOSED', 'CAL_NOTHING_PROPOSED', 'CAL_NOTHING_PROPOSED']);
    const { accuracy, promotedBin } = run.calibration.account();
    expect(accuracy.map(({ generation }) => generation)).toEqual([0, 1, 2]);
    expect(promotedBin, 'the first time').toBe(accuracy[1].firstBin);
    expect(generationsOf(run).at(-1)).toBe(2);
  });

  it('does not promote by itself over the choice of a person who has rolled back meanwhile', async () => {
    const holder: { run?: CalibratedRun } = {};
    const other = { ...BASE, tensors: { ...BASE.tensors } };
    const told: string[] = [];
    holdFits();
    holder.run = await startCalibrated(
      {
        autoPromote: true,
        fitWorkerUrl: fitWorker('send(interim);'),
        onTransition: ({ state }) => {
          const session = holder.run!.session;
          if (state === 'fitting') void session.promote(other).then(() => session.rollback());
          if (state === 'proposed') setTimeout(() => void session.stop(), 300);
        },
        onOtherChange: ({ kind }) => {
          told.push(kind);
          if (kind === 'rolledBack') letFitsGo(2);
        },
      },
      { source: { kind: 'replay', config: { recording: RECORDING, speed: 5 } } },
    );
    const { run } = holder;
    await run.session.done;
    expect(told).toEqual(['promoted', 'rolledBack']);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed']);
    expect(generationsOf(run).at(-1)).toBe(0);
    expect(new Set(generationsOf(run))).toEqual(new Set([0, 1]));
  });

  it('says how far it is: seconds collected, then the steps of the fit', async () => {
    const holder: { run?: CalibratedRun } = {};
    const shares = new Set<number>();
    holdFits();
    const timer = setInterval(() => {
      const account = holder.run?.calibration.account();
      if (account?.fit?.training !== undefined) {
        expect(account.fit.training.method).toBe('read-in');
        expect(account.fit.elapsedS).toBeGreaterThan(0);
        shares.add(account.fit.training.share);
        letFitsGo(shares.size < 5 ? shares.size : 1e9); // each of the first steps waits until it was seen
      }
    }, 5);
    holder.run = await startCalibrated({ method: 'read-in', fitWorkerUrl: steppedFitWorker() });
    expect(holder.run.calibration.account()).toMatchObject({ collectedSeconds: 0, seconds: SECONDS });
    await expectWhole(holder.run);
    clearInterval(timer);
    const [one, ...more] = [...shares].slice(0, 5);
    expect(Number.isInteger(1 / one), 'of all steps').toBe(true);
    expect(more).toHaveLength(4);
    for (const [i, share] of more.entries()) expect(share).toBeCloseTo((i + 2) * one, 12);
    const after = holder.run.calibration.account();
    expect(after.collectedSeconds).toBe(SECONDS);
    expect(after.fit, 'over').toBeUndefined();
  });

  it('from scratch: one that knows nothing of a pretrained decoder takes its place all the same', async () => {
    const { tensors, config, readIn } = readInModel(
      findDecoderKind('gru'),
      BASE.shape,
      { hiddenCount: 32, inputDropout: 0 },
      3,
    );
    const base: Model = { ...BASE, tensors, config, readIn: readIn!, sessions: [] };
    const run = await startCalibrated({ base, method: 'scratch', autoPromote: true });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'promoted']);
    const { promotedBin, accuracy, method } = run.calibration.account();
    expect(method).toBe('scratch');
    expect(accuracy.map(({ generation, binCount }) => [generation, binCount])).toEqual([
      [0, promotedBin],
      [1, RECORDING.binCount - promotedBin!],
    ]);
    expect(Math.min(...accuracy[1].r2)).toBeGreaterThan(0.4);
  });

  it('stays at the proposal without a decision, and keeps what its listener throws', async () => {
    const error = new Error('disk full');
    const run = await startCalibrated({
      onProposal: () => {
        throw error;
      },
    });
    await expectWhole(run);
    expect(statesOf(run).at(-1)).toBe('proposed');
    expect(run.calibration.proposalError).toBe(error);
    expect(new Set(generationsOf(run))).toEqual(new Set([0]));
  });

  it('rejects a candidate that is no better', async () => {
    const run = await startCalibrated({ method: 'normalise', autoPromote: true });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'rejected']);
    expect(new Set(generationsOf(run))).toEqual(new Set([0]));
  });

  it('is cancelled while it fits, and then again to no effect', async () => {
    const holder: { run?: CalibratedRun } = {};
    holder.run = await startCalibrated({
      method: 'full',
      autoPromote: true,
      onTransition: ({ state }) => {
        if (state !== 'fitting') return;
        setTimeout(() => {
          holder.run?.calibration.cancel('enough');
          holder.run?.calibration.cancel();
        }, 100);
      },
    });
    const { run } = holder;
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'cancelled']);
    expect(run.calibration.account().states.at(-1)?.reason).toBe('enough');
  });

  it('is cancelled by the end of a session that was too short for it', async () => {
    const run = await startCalibrated({ seconds: 1000 });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'cancelled']);
    expect(run.calibration.account().states[1].reason).toContain(`225 of 1000 s`);
  });

  it.each<[string, Partial<LiveCalibrationOptions>, BinnedRecording]>([
    ['CAL_FIT_WORKER_DIED', { fitWorkerUrl: workerScript('process.exit(1)') }, RECORDING],
    ['CAL_SESSION_TOO_SHORT', { seconds: 3 }, RECORDING],
    [
      'CAL_TARGET_CONSTANT',
      {},
      { ...RECORDING, target: { ...RECORDING.target, values: new Float32Array(RECORDING.binCount * 2) } },
    ],
    ['CAL_FEATURES_CONSTANT', {}, { ...RECORDING, features: new Float32Array(RECORDING.features.length) }],
  ])('fails with %s, and the session goes on', async (code, options, data) => {
    const run = await startCalibrated({ ...options, autoPromote: true }, { data });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'failed']);
    expect(run.calibration.account().states[2].code).toBe(code);
    expect(run.calibration.account().states[2].tip).toMatch(/\w\.$/);
  });

  it('refuses a source that does not know what is decoded, and a kind that is fitted in closed form', () => {
    const open = (model: Model, change: Partial<SessionDescription>): void => {
      const { output } = BASE;
      new LiveCalibration({ base: model, seconds: 20, method: 'auto', origin: ORIGIN }).open({
        ...{ source: 's', model: 'm', channels: RECORDING.channels, binMs, isPaced: true, output },
        ...{ truth: output, isTruthComparable: true, anchorUnixMs: 0, anchorNs: 0 },
        ...change,
      });
    };
    open(BASE, {});
    const codeOf = (model: Model, change: Partial<SessionDescription>): string =>
      betzErrorOf(() => {
        open(model, change);
      }).code;
    expect(codeOf(BASE, { isTruthComparable: false })).toBe('CAL_TRUTH_MISSING');
    expect(codeOf(BASE, { truth: { ...BASE.output, name: 'cursorVelocity' } })).toBe('CAL_TRUTH_MISSING');
    const smoothed = { ...BASE, features: { ...BASE.features, smoothing: 0.5 } };
    expect(codeOf(smoothed, {})).toBe('CAL_METHOD_UNSUPPORTED');
  });
});

describe('collected bins', () => {
  it('leave out what is not finite, and begin a segment where time is not continuous', () => {
    const bins = new LiveBins({ ...BASE, shape: { inputCount: 3, outputCount: 2 } }, 6);
    const broken = { ...binRecord(2), features: Float32Array.of(1, Number.NaN, 0) };
    const unknown = { ...binRecord(4), truth: Float32Array.of(Number.NaN, 0) };
    for (const record of [binRecord(0), binRecord(1), broken, binRecord(3), unknown, binRecord(5)])
      bins.take(record);
    bins.take({ ...binRecord(6), isJoin: true });
    expect(bins.isFull).toBe(false);
    bins.take(binRecord(7));
    expect(bins.isFull).toBe(true);
    const { segments, features, target, binCount } = bins.recording('r');
    expect(binCount).toBe(6);
    expect(segments).toEqual([
      { startBin: 0, endBin: 2 },
      { startBin: 2, endBin: 3 },
      { startBin: 3, endBin: 4 },
      { startBin: 4, endBin: 6 },
    ]);
    const kept = [0, 1, 3, 5, 6, 7].map((bin) => binRecord(bin));
    expect([...features]).toEqual(kept.flatMap((record) => [...record.features]));
    expect([...target.values]).toEqual(kept.flatMap((record) => [...record.truth]));
  });
});
