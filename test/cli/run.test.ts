import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeRange } from '../../src/calibration/decode-range.ts';
import { smoothFeatures } from '../../src/calibration/feature-matrix.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { readModelFile } from '../../src/host/model-store.ts';
import { readSession } from '../../src/recording/session-recording.ts';
import { expectClose } from '../support/cases.ts';
import { inFolder, jsonOf, listing, runCli, startCli } from '../support/cli.ts';
import type { CliResult } from '../support/cli.ts';
import { SMALL, writeSimulatedModel, writeSmallRecording } from '../support/cli-files.ts';
import { evaluateReport, runReport } from '../support/cli-reports.ts';

const CHANNELS = 8;
const BINS_PER_S = 50;

let folder = '';
let recording = '';
let recorded: BinnedRecording;
let recordingModel = '';
let simulatedModel = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-'));
  recording = join(folder, 'small.mat');
  recordingModel = join(folder, 'small.model');
  simulatedModel = join(folder, 'simulated.model');
  recorded = writeSmallRecording(recording);
  writeSimulatedModel(simulatedModel, { channelCount: CHANNELS });
  const args = ['--recording', recording, '--decoder', 'wiener', '--out', recordingModel];
  expect((await runCli(['calibrate', ...args], folder)).code).toBe(0);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type RunReport = ReturnType<typeof runReport.parse>;

/** Of a session that went well: exit code 0, one JSON object, and books that balance. */
function reportOf(result: CliResult): RunReport {
  expect(result.code, result.stderr).toBe(0);
  const report = runReport.parse(jsonOf(result));
  const { produced, received, lost, processed, dropped } = report.samples;
  expect(produced).toBe(received + lost);
  expect(received).toBe(processed + dropped);
  return report;
}

const simulated = (...options: string[]): string[] => [
  'run',
  ...['--model', simulatedModel, '--channels', String(CHANNELS)],
  ...options,
];
const replay = (...options: string[]): string[] => [
  'run',
  ...['--recording', recording, '--model', recordingModel],
  ...options,
];

describe('betz run, as fast as possible', () => {
  it.concurrent('decodes the simulated array for as long as told, and reports one object', () =>
    inFolder(async (cwd) => {
      const report = reportOf(
        await runCli(simulated('--speed', 'max', '--duration', '20', '--json', '--seed', '1'), cwd),
      );
      expect(report).toMatchObject({
        bins: 20 * BINS_PER_S,
        latencyOf: 'computeTime',
        deadlineMisses: 0,
        joins: 0,
        model: simulatedModel,
        source: `simulated array, ${CHANNELS} channels, seed 1, day 0`,
        recording: null,
      });
      expect(report.samples).toMatchObject({ produced: 20_000 * CHANNELS, lost: 0, dropped: 0 });
      expect(report.r2?.mean).toBeLessThan(1);
      const { p50, p90, p99, p999, max } = report.latencyUs;
      expect([p50, p90, p99, p999, max]).toEqual([p50, p90, p99, p999, max].sort((a, b) => a - b));
      expect(listing(cwd), 'nothing is recorded unless told').toEqual([]);
    }),
  );

  it.concurrent('decodes the same from the same seed, and something else on another day', () =>
    inFolder(async (cwd) => {
      const r2Of = async (...options: string[]): Promise<unknown> => {
        const args = simulated('--speed', 'max', '--duration', '5', '--json', ...options);
        return reportOf(await runCli(args, cwd)).r2;
      };
      const r2 = await r2Of();
      expect(await r2Of()).toEqual(r2);
      expect(await r2Of('--day', '5')).not.toEqual(r2);
    }),
  );

  it.concurrent('replays a recording with the R2 that evaluate finds', () =>
    inFolder(async (cwd) => {
      const args = ['--recording', recording, '--model', recordingModel, '--from', '30%', '--json'];
      const evaluated = evaluateReport.parse(jsonOf(await runCli(['evaluate', ...args], cwd)));
      const report = reportOf(await runCli(['run', ...args, '--speed', 'max'], cwd));
      expect(report.bins).toBe(evaluated.bins);
      expect(report.joins).toBe(1);
      for (const name of ['x', 'y', 'mean'] as const)
        expect(Math.abs((report.r2?.[name] ?? NaN) - evaluated.r2[name])).toBeLessThan(0.002);
    }),
  );

  it.concurrent('replays no more than the duration asks for', () =>
    inFolder(async (cwd) => {
      const options = ['--from', '0.5', '--duration', '10', '--speed', 'max', '--json'];
      expect(reportOf(await runCli(replay(...options), cwd)).bins).toBe(200);
    }),
  );

  it.concurrent('goes on from the state that it saved, replacing it as a whole', () =>
    inFolder(async (cwd) => {
      const part = (...options: string[]): string[] =>
        replay('--duration', '10', '--speed', 'max', '--json', ...options);
      const saved = reportOf(await runCli(part('--from', '0', '--save-state', 'a.state'), cwd));
      expect(saved.state).toBe('a.state');
      const first = readFileSync(join(cwd, 'a.state'));
      const both = ['--load-state', 'a.state', '--save-state', 'a.state'];
      const loaded = reportOf(await runCli(part('--from', '0.5', ...both), cwd));
      const anew = reportOf(await runCli(part('--from', '0.5'), cwd));
      expect(anew.state).toBeNull();
      expect(loaded.r2).not.toEqual(anew.r2);
      expect(readFileSync(join(cwd, 'a.state'))).not.toEqual(first);
      expect(listing(cwd)).toEqual(['a.state']);
    }),
  );

  it.concurrent('records every bin as it was decoded', () =>
    inFolder(async (cwd) => {
      const report = reportOf(
        await runCli(replay('--speed', 'max', '--record', 'session.mcap', '--json'), cwd),
      );
      expect(report.recording).toBe('session.mcap');
      expect(report.sinks['recording']).toEqual({ written: SMALL.binCount, lost: 0 });
      expect(listing(cwd)).toEqual(['session.mcap']);

      const session = readSession(join(cwd, 'session.mcap'));
      expect(session).toMatchObject({ isComplete: true, damage: undefined });
      expect(session.info).toMatchObject({
        model: recordingModel,
        modelHash: readModelFile(recordingModel).hash,
        source: recording,
        binMs: 50,
        isPaced: false,
      });
      expect(JSON.parse(session.summary?.get('r2') ?? '')).toEqual(report.r2);
      expect(session.bins.count).toBe(SMALL.binCount);
      expect([...session.bins.binIndex]).toEqual(Array.from({ length: SMALL.binCount }, (_, i) => i));

      const { model } = readModelFile(recordingModel);
      const { features, segments, target } = recorded;
      const counts = smoothFeatures(features, SMALL.channelCount, segments, model.features.smoothing);
      expectClose(session.bins.features, counts, () => 1e-5);
      const decoder = findDecoderKind(model.kind).createDecoder(model, loadKernels());
      const whole = { startBin: 0, endBin: SMALL.binCount };
      expectClose(session.outputs.output, decodeRange(decoder, model, recorded, whole), () => 1e-5);
      expectClose(session.outputs.truth, target.values, () => 1e-6);
    }),
  );
});

describe('betz run without a model', () => {
  it.concurrent.each([
    { decoder: 'wiener', binCount: 600, channelCount: 6 },
    { decoder: undefined, binCount: 150, channelCount: 4 },
  ])('calibrates one first, and decodes what that has not seen: $decoder', ({ decoder, ...size }) =>
    inFolder(async (cwd) => {
      writeSmallRecording(join(cwd, 'tiny.mat'), size);
      const options = decoder === undefined ? ['--threads', '1'] : ['--decoder', decoder];
      const result = await runCli(
        ['run', '--recording', 'tiny.mat', '--speed', 'max', '--json', ...options],
        cwd,
      );
      const report = reportOf(result);
      expect(report.bins).toBe(0.2 * size.binCount);
      expect(report.model).toBe(`${decoder ?? 'gru'}, calibrated for this run`);
      expect(result.stderr).toMatch(
        new RegExp(`^No model: calibrating on \\d+ s of tiny, ${size.channelCount} channels\\.\n`),
      );
      const [, heldOut] = /^held-out R2 .* mean (\S+) /m.exec(result.stderr) ?? [];
      expect(report.r2?.mean.toFixed(3)).toBe(heldOut);
      expect(listing(cwd)).toEqual(['tiny.mat']);
    }),
  );

  it.concurrent('calibrates on the simulated array, and decodes what follows there', () =>
    inFolder(async (cwd) => {
      const options = ['--channels', '16', '--decoder', 'wiener', '--bin-ms', '50', '--duration', '20'];
      const result = await runCli(['run', '--speed', 'max', '--json', ...options], cwd);
      const report = reportOf(result);
      expect(report.bins).toBe(400);
      expect(report.r2?.mean).toBeGreaterThan(0.2);
      expect(result.stderr).toMatch(/^No model: calibrating on 120 s of simulated array/);
    }),
  );
});

/** One line a second: time, decoded and true values, accuracy, latency, misses, losses. */
const STATUS_LINE =
  /^00:\d\d {2}x [ +-]\d\.\d\d \(true [ +-]\d\.\d\d\) {2}y [ +-]\d\.\d\d \(true [ +-]\d\.\d\d\) m\/s {2}R2 .+ {2}latency p50 .+ {2}\d+ missed {2}\d+ lost$/;

/** Longer than any of these tests: they end it, and a broken one leaves nothing running for ever. */
const LONG = ['--duration', '60'];

describe('betz run, in real time', () => {
  it.concurrent('tells a line a second and then the summary, and records', () =>
    inFolder(async (cwd) => {
      const { code, stdout, stderr } = await runCli(simulated('--duration', '2.5'), cwd);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const lines = stdout.trimEnd().split('\n');
      const end = lines.findIndex((line) => line.startsWith('decoded '));
      expect(end).toBeGreaterThanOrEqual(1);
      for (const line of lines.slice(0, end)) expect(line).toMatch(STATUS_LINE);
      const [, binCount] = /^decoded {3}(\d+) bins of 20 ms in \d+\.\d s$/.exec(lines[end]) ?? [];
      expect(lines.slice(end).map((line) => line.split(' ')[0])).toEqual(
        'decoded source model accuracy latency deadline samples recording'.split(' '),
      );
      const [, path] = /^recording (recordings\/\S+\.mcap)$/.exec(lines[lines.length - 1]) ?? [];
      expect(listing(cwd)).toEqual(['recordings', path]);
      const session = readSession(join(cwd, path));
      expect(session).toMatchObject({ isComplete: true, info: { isPaced: true } });
      expect(session.bins.count).toBe(Number(binCount));
    }),
  );

  it.concurrent('ends in order at Ctrl-C: summary, and a recording that is whole', () =>
    inFolder(async (cwd) => {
      const running = startCli(simulated(...LONG, '--record', 'session.mcap', '--json'), cwd);
      await running.printed(/^\d\d:\d\d /m);
      running.kill('SIGINT');
      const result = await running.done;
      const report = reportOf(result);
      expect(result.stderr).toContain('stopping (Ctrl-C again to end at once)');
      expect(result.stderr).toMatch(/^decoded .*\n(?:.+\n)*recording session\.mcap\n$/m);
      expect(report.bins).toBeGreaterThan(0);
      const session = readSession(join(cwd, 'session.mcap'));
      expect(session).toMatchObject({ isComplete: true, damage: undefined });
      expect(session.bins.count).toBe(report.bins);
      expect(listing(cwd)).toEqual(['session.mcap']);
    }),
  );

  it.concurrent('ends at once when it is told twice', () =>
    inFolder(async (cwd) => {
      const running = startCli(simulated(...LONG, '--record', 'session.mcap', '--json'), cwd);
      await running.printed(/^\d\d:\d\d /m);
      running.interruptTwice();
      const { code, stdout } = await running.done;
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(readSession(join(cwd, 'session.mcap')).damage).toBeUndefined();
    }),
  );

  it.concurrent('ends in order when nobody reads any more (betz run | head)', () =>
    inFolder(async (cwd) => {
      const running = startCli(simulated(...LONG, '--record', 'session.mcap'), cwd);
      await running.printed(/^\d\d:\d\d /m);
      running.process.stdout?.destroy();
      expect(await running.done).toMatchObject({ code: 0, stderr: '' });
      expect(readSession(join(cwd, 'session.mcap')).isComplete).toBe(true);
    }),
  );

  it.concurrent('leaves a recording up to its last whole chunk when it is killed', () =>
    inFolder(async (cwd) => {
      const running = startCli(simulated(...LONG, '--record', 'session.mcap'), cwd);
      await running.printed(/^(?!00:0[01])\d\d:\d\d /m); // the first chunk ends after a second
      running.kill('SIGKILL');
      expect((await running.done).code).toBeNull();
      const session = readSession(join(cwd, 'session.mcap'));
      expect(session).toMatchObject({ isComplete: false, damage: undefined, summary: undefined });
      const { binIndex, count } = session.bins;
      expect(count).toBeGreaterThan(0);
      expect([...binIndex]).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(session.outputs.count).toBe(count);
      expect(session.latency.count).toBe(count);
    }),
  );
});
