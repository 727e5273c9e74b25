/** Calibration inside a running session: the way into service and back, and every way in which it does not get there. */
import { afterEach, describe, expect, it } from 'vitest';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { LiveBins } from '../../src/runtime/live-bins.ts';
import { LiveCalibration } from '../../src/runtime/live-calibration.ts';
import type { LiveCalibrationOptions } from '../../src/runtime/live-calibration.ts';
import { Session } from '../../src/runtime/session.ts';
import type { SessionDescription } from '../../src/runtime/sink.ts';
import { shakenModel } from '../support/decoder-models.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { binRecord, MemorySink } from '../support/sessions.ts';
import { runningWorkerCount, workerScript } from '../support/workers.ts';

const CHANNELS = 12;
const SECONDS = 20;
const recording = linearRecording({ binCount: 4500, channelCount: CHANNELS, seed: 7 });
const { binMs } = recording;
const base: Model = {
  ...shakenModel(findDecoderKind('gru'), { inputCount: CHANNELS, outputCount: 2 }, { hiddenCount: 32 }, 1),
  binMs,
  features: {
    name: 'spikeCounts',
    smoothing: 0,
    channelLabels: recording.channels.map(({ label }) => label),
  },
  output: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
};

afterEach(() => {
  expect(runningWorkerCount(), 'threads left').toBe(0);
});

interface Run {
  calibration: LiveCalibration;
  session: Session;
  sink: MemorySink;
}

async function start(options: Partial<LiveCalibrationOptions> = {}, data = recording): Promise<Run> {
  const origin = { seed: 1, version: '0', baseName: 'base', baseSha256: '00' };
  const calibration = new LiveCalibration({ base, seconds: SECONDS, method: 'readout', origin, ...options });
  const sink = new MemorySink();
  const session = await Session.start({
    source: { kind: 'replay', config: { recording: data, speed: 'max' } },
    modelBytes: encodeModel(base),
    sinks: [sink, calibration],
  });
  calibration.attach(session);
  return { calibration, session, sink };
}

const statesOf = ({ calibration }: Run): string[] => calibration.account().states.map(({ state }) => state);

/** Whatever became of the calibration, the session is whole. */
async function expectWhole({ session, sink }: Run, data: BinnedRecording = recording): Promise<void> {
  const summary = await session.done;
  expect(summary.bins).toBe(data.binCount);
  expect(sink.records).toHaveLength(data.binCount);
  expect(summary.sinks['calibration'].lost).toBe(0);
  expect(sink.events.map(({ event }) => event.kind)).not.toContain('sinkFailed');
}

describe('a live calibration', () => {
  it('collects, fits, judges, and puts a better decoder into service', async () => {
    const run = await start({ autoPromote: true });
    await expectWhole(run);
    const { states, promotedBin, accuracy, verdict, method } = run.calibration.account();
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'proposed', 'promoted']);
    expect(states.slice(0, 4).map(({ seconds }) => seconds)).toEqual([0, SECONDS, SECONDS, SECONDS]);
    expect(states[3].reason).toBe(verdict?.sentence);
    expect(states[4].seconds).toBeCloseTo((promotedBin! * binMs) / 1000);
    expect(method).toBe('readout');
    expect(run.sink.records.map(({ generation }) => generation)).toEqual(
      run.sink.records.map(({ binIndex }) => (binIndex < promotedBin! ? 0 : 1)),
    );
    expect(accuracy.map(({ generation, binCount }) => [generation, binCount])).toEqual([
      [0, promotedBin],
      [1, recording.binCount - promotedBin!],
    ]);
    const [before, after] = accuracy.map(({ r2 }) => (r2[0] + r2[1]) / 2);
    expect(before).toBeLessThan(0.2);
    expect(after).toBeGreaterThan(0.5);
  });

  it('proposes, and follows what the person decides: into service and back', async () => {
    const holder: { run?: Run } = {};
    let proposed: Uint8Array | undefined;
    holder.run = await start({
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
    expect(run.sink.records[run.sink.records.length - 1].generation).toBe(0);
  });

  it('stays at the proposal without a decision, and keeps what its listener throws', async () => {
    const error = new Error('disk full');
    const run = await start({
      onProposal: () => {
        throw error;
      },
    });
    await expectWhole(run);
    expect(statesOf(run).at(-1)).toBe('proposed');
    expect(run.calibration.proposalError).toBe(error);
    expect(run.sink.records.every(({ generation }) => generation === 0)).toBe(true);
  });

  it('rejects a candidate that is no better', async () => {
    const run = await start({ method: 'normalise', autoPromote: true });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'evaluating', 'rejected']);
    expect(run.sink.records.every(({ generation }) => generation === 0)).toBe(true);
  });

  it('is cancelled while it fits, and then again to no effect', async () => {
    const holder: { run?: Run } = {};
    holder.run = await start({
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
    const run = await start({ seconds: 1000 });
    await expectWhole(run);
    expect(statesOf(run)).toEqual(['collecting', 'cancelled']);
    expect(run.calibration.account().states[1].reason).toContain(`225 of 1000 s`);
  });

  it.each<[string, Partial<LiveCalibrationOptions>, BinnedRecording]>([
    ['CAL_FIT_WORKER_DIED', { fitWorkerUrl: workerScript('process.exit(1)') }, recording],
    ['CAL_SESSION_TOO_SHORT', { seconds: 3 }, recording],
    [
      'CAL_TARGET_CONSTANT',
      {},
      { ...recording, target: { ...recording.target, values: new Float32Array(recording.binCount * 2) } },
    ],
    ['CAL_FEATURES_CONSTANT', {}, { ...recording, features: new Float32Array(recording.features.length) }],
  ])('fails with %s, and the session goes on', async (code, options, data) => {
    const run = await start({ ...options, autoPromote: true }, data);
    await expectWhole(run, data);
    expect(statesOf(run)).toEqual(['collecting', 'fitting', 'failed']);
    expect(run.calibration.account().states[2].code).toBe(code);
  });

  it('refuses a source that does not know what is decoded, and a kind that is fitted in closed form', () => {
    const origin = { seed: 1, version: '0', baseName: 'base', baseSha256: '00' };
    const open = (model: Model, change: Partial<SessionDescription>): void => {
      const { output } = base;
      new LiveCalibration({ base: model, seconds: 20, method: 'auto', origin }).open({
        ...{ source: 's', model: 'm', channels: recording.channels, binMs, isPaced: true, output },
        ...{ truth: output, isTruthComparable: true, anchorUnixMs: 0, anchorNs: 0 },
        ...change,
      });
    };
    open(base, {});
    const codeOf = (model: Model, change: Partial<SessionDescription>): string =>
      betzErrorOf(() => {
        open(model, change);
      }).code;
    expect(codeOf(base, { isTruthComparable: false })).toBe('CAL_TRUTH_MISSING');
    expect(codeOf(base, { truth: { ...base.output, name: 'cursorVelocity' } })).toBe('CAL_TRUTH_MISSING');
    const smoothed = { ...base, features: { ...base.features, smoothing: 0.5 } };
    expect(codeOf(smoothed, {})).toBe('CAL_METHOD_UNSUPPORTED');
  });
});

describe('collected bins', () => {
  it('leave out what is not finite, and begin a segment where time is not continuous', () => {
    const bins = new LiveBins({ ...base, shape: { inputCount: 3, outputCount: 2 } }, 6);
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
