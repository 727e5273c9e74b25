/** Drift at the command line: a model of one day, sessions of that day and of another. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { withDriftReference } from '../../src/calibration/drift/model-drift.ts';
import { readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { readSession } from '../../src/recording/session-recording.ts';
import { jsonOf, runCli } from '../support/cli.ts';
import { writeSmallRecording } from '../support/cli-files.ts';
import { calibrateReport, infoReport, runReport } from '../support/cli-reports.ts';
import { wienerModel } from '../support/sessions.ts';

const CHANNELS = 16;
let folder = '';
let model = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-drift-'));
  model = join(folder, 'monday.model');
  const recording = simulateRecording({ seed: 1, channelCount: CHANNELS }, 60, 20);
  writeModelFile(model, withDriftReference(wienerModel(recording), recording));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (...options: string[]): string[] => [
  'run',
  ...['--model', model, '--channels', String(CHANNELS), '--speed', 'max', '--duration', '40'],
  ...options,
];

describe('betz run with a model that keeps what drift is measured from', () => {
  it.concurrent('shows the index of the day of calibration, and advises nothing', async () => {
    const result = await runCli(run('--plain'), folder);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/^drift {5}index \d\.\d\d, threshold \d\.\d\d$/m);
    expect(result.stdout).not.toContain('recalibrate');
  });

  it.concurrent(
    'advises on another day, with the reason and what to do: as text, as JSON, in the recording',
    async () => {
      const result = await runCli(run('--day', '30', '--record', 'day30.mcap', '--json'), folder);
      expect(result.code, result.stderr).toBe(0);
      const { drift } = runReport.parse(jsonOf(result));
      expect(drift).toMatchObject({ isRecalibrationAdvised: true });
      expect(drift?.reasons.length).toBeGreaterThan(0);
      expect(drift?.index).toBeGreaterThan(drift?.threshold ?? NaN);
      expect(result.stderr).toMatch(/^event {2}recalibrate: .+ \(drift index .+\)$/m);
      expect(result.stderr).toMatch(/^drift {5}index .+ {2}recalibrate, since 00:\d\d\n {10}\w/m);
      expect(result.stderr).toContain('event  to do: betz calibrate --decoder wiener');
      expect(result.stderr).toMatch(/^to do {5}betz calibrate --decoder wiener/m);
      const session = readSession(join(folder, 'day30.mcap'));
      const [told] = session.events.filter(({ kind }) => kind === 'drift');
      expect(told.detail).toMatchObject({
        isRecalibrationAdvised: true,
        binIndex: drift?.advisedSinceBin,
        threshold: drift?.threshold,
      });
      expect(JSON.parse(session.summary?.get('drift') ?? '')).toEqual(drift);
    },
  );
});

describe('a model at the command line', () => {
  it.concurrent('is shown with its drift reference, or that it keeps none', async () => {
    const drift = { windowS: 7.5, blockCount: 4, threshold: expect.any(Number) as number };
    expect(infoReport.parse(jsonOf(await runCli(['info', model, '--json'], folder))).drift).toEqual(drift);
    const told = await runCli(['info', model], folder);
    expect(told.stdout).toMatch(
      /^drift reference +4 blocks of calibration data, window of 7\.5 s, threshold \d/m,
    );
  });

  it.concurrent('keeps one when it is calibrated, and the command says so where it cannot', async () => {
    writeSmallRecording(join(folder, 'short.mat'), { binCount: 400 });
    writeSmallRecording(join(folder, 'long.mat'), { binCount: 600 });
    const calibrate = (name: string, ...options: string[]): string[] => [
      'calibrate',
      ...['--recording', `${name}.mat`, '--decoder', 'wiener', '--out', `${name}.model`],
      ...options,
    ];
    const short = await runCli(calibrate('short'), folder);
    expect(short.stdout).toMatch(/^no drift reference, .+\nmodel written to/m);
    expect(readModelFile(join(folder, 'short.model')).model.drift).toBeUndefined();
    const long = calibrateReport.parse(jsonOf(await runCli(calibrate('long', '--json'), folder)));
    expect(long.drift).toMatchObject({ windowS: 3, blockCount: 4 });
    expect(readModelFile(join(folder, 'long.model')).model.drift).toBeDefined();
    expect((await runCli(['info', 'short.model'], folder)).stdout).toMatch(/^drift reference +none/m);
  });
});
