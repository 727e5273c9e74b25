/** `betz run --calibrate` and `betz calibrate --model` that end early: by Ctrl-C while they fit, or because the disk is full. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readModelFile } from '../../src/host/model-store.ts';
import { readSession } from '../../src/recording/session-recording.ts';
import { failureOf, jsonOf, listing, runCli, runCliOnSmallDisk, startCli } from '../support/cli.ts';
import { writeSimulatedModel, writeUntrainedModel } from '../support/cli-files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-calibration-ends-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (channelCount: number, ...options: string[]): string[] => [
  ...['run', '--model', 'base', '--channels', String(channelCount), '--speed', 'max', '--json'],
  ...['--auto-promote', '--candidate-out', 'candidate', ...options],
];

interface Story {
  states: { state: string; reason: string }[];
  promotedBin: number | null;
  candidateOut: string | null;
}

describe('Ctrl-C while a fit is running', () => {
  beforeEach(() => {
    writeUntrainedModel(join(folder, 'base'), { channelCount: 96 });
  });

  it.each<[string, string[]]>([
    ['by gradient', ['--calibrate', '30', '--duration', '60', '--method', 'full']],
    ['in closed form', ['--calibrate', '300', '--duration', '330', '--method', 'readout']],
  ])('%s ends the session whole', async (_, options) => {
    const cli = startCli(run(96, '--record', 'session.mcap', ...options), folder);
    await cli.printed(/ fitting: /);
    await new Promise((resolve) => setTimeout(resolve, 600)); // so that the fit is well under way
    cli.kill('SIGINT');
    const killedAt = performance.now();
    const result = await cli.done;
    // Some 2 s on a machine that has nothing else to do.
    expect(performance.now() - killedAt).toBeLessThan(6000);
    expect(result.code, result.stderr).toBe(0);
    const { bins, calibration } = jsonOf(result) as { bins: number; calibration: Story };
    expect(calibration.states.map(({ state }) => state)).toEqual(['collecting', 'fitting', 'cancelled']);
    expect(calibration).toMatchObject({ candidateOut: null, promotedBin: null });
    expect(result.stderr).toContain('calibrated cancelled: the session was stopped');
    expect(listing(folder)).toEqual(['base', 'session.mcap']);
    const recording = readSession(join(folder, 'session.mcap'));
    expect(recording).toMatchObject({ isComplete: true, damage: undefined });
    expect(recording.outputs.count).toBe(bins);
  });

  it('and once more ends the process, and leaves no part of a candidate', async () => {
    const options = ['--calibrate', '300', '--duration', '330', '--method', 'readout', '--no-record'];
    const cli = startCli(run(96, ...options), folder);
    await cli.printed(/ fitting: /);
    await new Promise((resolve) => setTimeout(resolve, 600)); // so that the fit is well under way
    cli.interruptTwice();
    expect((await cli.done).code).toBe(130);
    expect(listing(folder)).toEqual(['base']);
  });
});

describe.skipIf(process.platform === 'win32')('a full disk', () => {
  /** So that a model has some 60 KiB, and a report more. */
  const FEW = 20;
  beforeEach(() => {
    writeUntrainedModel(join(folder, 'base'), { channelCount: FEW });
  });

  it('costs the candidate its file, not the session, which is told at once and at the end', async () => {
    const result = await runCliOnSmallDisk(
      16,
      run(FEW, '--calibrate', '30', '--duration', '70', '--method', 'readout', '--no-record'),
      folder,
    );
    expect(result.code).toBe(1);
    expect(failureOf(result).code).toBe('DEC_MODEL_FILE_UNWRITABLE');
    expect(failureOf(result).tip).toContain('Free some space');
    expect(jsonOf(result)).toMatchObject({ error: { code: 'DEC_MODEL_FILE_UNWRITABLE' } });
    expect(result.stderr).toMatch(/candidate not written: .*\n(.*\n)*.* promoted: /);
    expect(result.stderr).toContain('calibrated promoted');
    expect(result.stderr).toMatch(/samples +produced (\d+) {2}received \1 {2}lost 0 {2}processed \1 /);
    expect(result.stderr).not.toMatch(/^candidate /m);
    expect(listing(folder)).toEqual(['base']);
  });

  const calibrate = [
    ...['calibrate', '--model', 'base', '--source', 'simulated', '--channels', String(FEW)],
    ...['--seconds', '15', '--method', 'readout', '--out', 'model', '--report', 'report.html', '--json'],
  ];

  it('costs `betz calibrate` its model, and no part of a file is left', async () => {
    const result = await runCliOnSmallDisk(16, calibrate, folder);
    expect(result.code).toBe(1);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'DEC_MODEL_FILE_UNWRITABLE' } });
    expect(listing(folder)).toEqual(['base']);
  });

  it('costs `betz calibrate` its report, and not the model', async () => {
    const result = await runCliOnSmallDisk(76, calibrate, folder);
    expect(result.code).toBe(1);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'CFG_REPORT_UNWRITABLE', value: 'report.html' } });
    expect(failureOf(result).tip).toContain('Free some space');
    expect(listing(folder)).toEqual(['base', 'model']);
    expect(readModelFile(join(folder, 'model')).model.provenance).toMatchObject({ method: 'readout' });
  });
});

describe('a session that calibration refuses', () => {
  it('leaves no recording behind', async () => {
    writeSimulatedModel(join(folder, 'wiener'), { channelCount: 20 });
    const result = await runCli(
      [...run(20, '--calibrate', '30', '--record', 'session.mcap'), '--model', 'wiener'],
      folder,
    );
    expect(result.code).toBe(1);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'CAL_METHOD_UNSUPPORTED' } });
    expect(existsSync(join(folder, 'session.mcap'))).toBe(false);
  });
});
