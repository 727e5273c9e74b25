import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/decoders/decoder.ts';
import { readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { failureOf, inFolder, jsonOf, listing, runCli } from '../support/cli.ts';
import type { CliFailure, CliResult } from '../support/cli.ts';
import {
  SMALL,
  writeDamagedModels,
  writeDamagedRecordings,
  writeSimulatedModel,
  writeSmallRecording,
} from '../support/cli-files.ts';
import type { DamagedFiles } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';

/** Recordings and models, good and bad; nothing is ever written here. */
let data = '';
let changed = '';
let damagedRecordings: DamagedFiles = {};
let damagedModels: DamagedFiles = {};
let filesBefore: string[] = [];
const goodRecording = (): string => join(data, 'good.mat');
const goodModel = (): string => join(data, 'good.model');
const otherModel = (): string => join(data, 'other.model');

/** A copy of the good model with something changed. */
function changedModel(name: string, changes: Partial<Model>): string {
  const path = join(changed, name);
  writeModelFile(path, { ...readModelFile(goodModel()).model, ...changes });
  return path;
}

beforeAll(async () => {
  changed = mkdtempSync(join(tmpdir(), 'betz-bad-model-'));
  data = mkdtempSync(join(tmpdir(), 'betz-bad-input-'));
  writeSmallRecording(goodRecording());
  const args = ['--recording', goodRecording(), '--decoder', 'wiener', '--out', goodModel()];
  expect((await runHere(['calibrate', ...args], data)).code).toBe(0);
  writeSimulatedModel(otherModel(), { channelCount: SMALL.channelCount + 1 });
  damagedRecordings = writeDamagedRecordings(data);
  damagedModels = writeDamagedModels(data, goodModel());
  filesBefore = listing(data);
});
afterAll(() => {
  expect(listing(data), 'input is not touched').toEqual(filesBefore);
  for (const folder of [data, changed]) rmSync(folder, { recursive: true, force: true });
});

/** One error in the agreed form, on stderr and as one object on stdout, and nothing before it. */
function refusalOf(result: CliResult): CliFailure {
  const { error } = jsonOf(result) as { error: CliFailure };
  const { code, message, tip } = failureOf(result);
  expect({ code, message, tip }).toEqual({ code: error.code, message: error.message, tip: error.tip });
  expect(result.stderr, 'nothing was begun').not.toContain('calibrating');
  expect(result.stderr).not.toContain('    at '); // a stack
  return error;
}

/** The command runs in an empty folder, and leaves it so. */
async function expectRefused(args: readonly string[], exitCode: number, code: string): Promise<CliFailure> {
  return inFolder(async (cwd) => {
    const result = await runHere([...args, '--json'], cwd);
    const refusal = refusalOf(result);
    expect({ code: refusal.code, exitCode: result.code }).toEqual({ code, exitCode });
    expect(listing(cwd)).toEqual([]);
    return refusal;
  });
}

/** What happens to files of all kinds. */
const COMMON = ['absent', 'truncated', 'version', 'nan'];

describe('a bad recording', () => {
  const COMMANDS: [string, (recording: string) => string[]][] = [
    ['calibrate', (recording) => ['calibrate', '--recording', recording, '--decoder', 'wiener']],
    ['evaluate', (recording) => ['evaluate', '--recording', recording, '--model', goodModel()]],
    ['info', (recording) => ['info', goodModel(), '--recording', recording]],
    ['run', (recording) => ['run', '--recording', recording, '--model', goodModel()]],
  ];
  it.each(COMMANDS)('is refused by betz %s', async (name, command) => {
    const files = Object.keys(damagedRecordings);
    expect(files).toHaveLength(9);
    // The commands share one way in: one of them tries all.
    for (const file of name === 'calibrate' ? files : COMMON.map((state) => `${state}.mat`))
      await expectRefused(command(join(data, file)), 1, damagedRecordings[file]);
  });

  it('is refused by the program as by its parts', () =>
    inFolder(async (cwd) => {
      const absent = join(data, 'absent.mat');
      const commands = COMMANDS.map(([, command]) => runCli([...command(absent), '--json'], cwd));
      for (const result of await Promise.all(commands)) {
        expect(result.code).toBe(1);
        expect(refusalOf(result)).toMatchObject({ code: 'LOG_FILE_MISSING', value: absent });
      }
      expect(listing(cwd)).toEqual([]);
    }));

  it('is named where it is wrong: variable, row and column', async () => {
    const command = ['calibrate', '--recording', join(data, 'nan.mat'), '--decoder', 'kalman'];
    const { message } = await expectRefused(command, 1, 'LOG_VALUE_INVALID');
    expect(message).toContain('handVel(2,4)');
  });

  it('is one without the behaviour or the bins that are asked for', async () => {
    const command = ['calibrate', '--recording', goodRecording(), '--decoder', 'wiener'];
    await expectRefused([...command, '--target', 'gaze'], 1, 'LOG_TARGET_UNKNOWN');
    await expectRefused([...command, '--bin-ms', '30'], 1, 'LOG_BIN_WIDTH');
    await expectRefused([...command, '--bin-ms', '5000'], 1, 'CAL_RECORDING_TOO_SHORT');
    const run = ['run', '--recording', goodRecording(), '--model', goodModel()];
    await expectRefused([...run, '--target', 'gaze'], 1, 'LOG_TARGET_UNKNOWN');
  });
});

describe('a bad model', () => {
  const COMMANDS: [string, (model: string) => string[]][] = [
    ['evaluate', (model) => ['evaluate', '--recording', goodRecording(), '--model', model]],
    ['info', (model) => ['info', model, '--recording', goodRecording()]],
    ['run, replay', (model) => ['run', '--recording', goodRecording(), '--model', model]],
    ['run, simulated', (model) => ['run', '--model', model]],
  ];
  it.each(COMMANDS)('is refused by betz %s', async (name, command) => {
    const files = Object.keys(damagedModels);
    expect(files).toHaveLength(7);
    for (const file of name === 'evaluate' ? files : COMMON.map((state) => `${state}.model`))
      await expectRefused(command(join(data, file)), 1, damagedModels[file]);
  });

  it.each(COMMANDS)('is one for another array: betz %s', async (_name, command) => {
    const { message } = await expectRefused(command(otherModel()), 1, 'DEC_CHANNEL_COUNT_MISMATCH');
    expect(message).toContain(String(SMALL.channelCount + 1));
  });

  it.each(COMMANDS.slice(0, 3))('is one for other bins: betz %s', async (_name, command) => {
    const { drift } = readModelFile(goodModel()).model;
    const changes = { binMs: 20, ...(drift === undefined ? {} : { drift: { ...drift, binMs: 20 } }) };
    const { message } = await expectRefused(command(changedModel('bins', changes)), 1, 'DEC_BIN_MISMATCH');
    expect(message).toMatch(/20 ms.* 50 ms/);
  });

  it('has nothing to be compared with in a recording of something else', async () => {
    const [[, evaluate]] = COMMANDS;
    const { output } = readModelFile(goodModel()).model;
    const turned = changedModel('turned', { output: { ...output, labels: ['y', 'x'] } });
    await expectRefused(evaluate(turned), 1, 'DEC_OUTPUT_MISMATCH');
    const other = changedModel('other', { output: { ...output, name: 'gaze' } });
    const { message } = await expectRefused(evaluate(other), 1, 'DEC_OUTPUT_MISMATCH');
    expect(message).toMatch(/decodes gaze, and the recording '.+' has handVelocity, handPosition$/);
  });
});

describe('a bad state', () => {
  const load = (state: string, model = goodModel()): string[] => [
    ...['run', '--recording', goodRecording(), '--model', model],
    ...['--load-state', state, '--speed', 'max'],
  ];

  it('is one that is absent, no file, cut short, damaged, or of another model', () =>
    inFolder(async (cwd) => {
      const whole = join(cwd, 'whole.state');
      const saving = ['run', '--recording', goodRecording(), '--model', goodModel(), '--speed', 'max'];
      expect((await runHere([...saving, '--save-state', whole], cwd)).code).toBe(0);
      const bytes = readFileSync(whole);
      const state = (name: string, content: Uint8Array): string => {
        writeFileSync(join(cwd, name), content);
        return join(cwd, name);
      };
      await expectRefused(load(join(cwd, 'absent')), 1, 'DEC_STATE_FILE_MISSING');
      await expectRefused(load(cwd), 1, 'DEC_STATE_FILE_UNREADABLE');
      await expectRefused(load(state('short', bytes.subarray(0, 40))), 1, 'DEC_STATE_TRUNCATED');
      await expectRefused(
        load(
          state(
            'flipped',
            bytes.map((b, i) => (i === 80 ? ~b : b)),
          ),
        ),
        1,
        'DEC_STATE_DAMAGED',
      );
      await expectRefused(load(goodModel()), 1, 'DEC_STATE_FORMAT_UNKNOWN');
      const changedCopy = changedModel('noted', { provenance: { note: 'another file' } });
      await expectRefused(load(whole, changedCopy), 1, 'DEC_STATE_MODEL_MISMATCH');
    }));
});

describe('a bad place for output', () => {
  const calibrate = (...options: string[]): string[] => [
    'calibrate',
    '--recording',
    goodRecording(),
    ...options,
  ];
  const run = (...options: string[]): string[] => ['run', '--recording', goodRecording(), ...options];

  it('is refused before anything is computed', async () => {
    await expectRefused(calibrate('--out', 'absent/a.model'), 1, 'DEC_MODEL_FILE_UNWRITABLE');
    await expectRefused(calibrate('--out', '.'), 1, 'DEC_MODEL_FILE_UNWRITABLE');
    await expectRefused(calibrate('--out', ''), 1, 'DEC_MODEL_FILE_UNWRITABLE');
    await expectRefused(run('--record', 'absent/a.mcap'), 1, 'LOG_FOLDER_MISSING');
    await expectRefused(run('--record', '.'), 1, 'LOG_FILE_EXISTS');
    await expectRefused(run('--record', ''), 1, 'LOG_FOLDER_MISSING');
    const model = ['--model', goodModel()];
    await expectRefused(run(...model, '--save-state', 'absent/a.state'), 1, 'DEC_STATE_FILE_UNWRITABLE');
    await expectRefused(run(...model, '--save-state', '.'), 1, 'DEC_STATE_FILE_UNWRITABLE');
  });

  it('is a recording that is there: it is kept', () =>
    inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'old.mcap'), 'an older session');
      for (const model of [[], ['--model', goodModel()]]) {
        const result = await runHere(run('--record', 'old.mcap', '--json', ...model), cwd);
        expect(result.code).toBe(1);
        expect(refusalOf(result)).toMatchObject({ code: 'LOG_FILE_EXISTS', value: 'old.mcap' });
        expect(readFileSync(join(cwd, 'old.mcap'), 'utf8')).toBe('an older session');
        expect(listing(cwd)).toEqual(['old.mcap']);
      }
    }));

  it('is a file where our own folder should be', () =>
    inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'models'), '');
      writeFileSync(join(cwd, 'recordings'), '');
      const calibrated = await runHere(calibrate('--json'), cwd);
      expect(refusalOf(calibrated).code).toBe('DEC_MODEL_FILE_UNWRITABLE');
      expect(refusalOf(await runHere(run('--json'), cwd)).code).toBe('LOG_FOLDER_MISSING');
      expect(listing(cwd)).toEqual(['models', 'recordings']);
    }));

  it.each([
    ['the model', (): string[] => run('--model', goodModel(), '--save-state', goodModel())],
    ['the recording', (): string[] => run('--model', goodModel(), '--save-state', goodRecording())],
    [
      'the session recording',
      (): string[] => run('--model', goodModel(), '--record', 'a', '--save-state', './a'),
    ],
    ['the recording', (): string[] => calibrate('--decoder', 'wiener', '--out', goodRecording())],
    [
      'the recording',
      (): string[] => [
        ...['quantize', '--model', goodModel()],
        ...['--recording', goodRecording(), '--out', goodRecording()],
      ],
    ],
    [
      'the config file',
      (): string[] => [
        ...['import', '--kind', 'gru', '--from', goodModel()],
        ...['--config', goodRecording(), '--out', goodRecording()],
      ],
    ],
  ])('is one that is read: nothing replaces %s', async (what, command) => {
    const { message } = await expectRefused(command(), 2, 'CFG_USAGE');
    expect(message).toContain(`would replace ${what}`);
  });

  it('leaves folders alone that were there before', () =>
    inFolder(async (cwd) => {
      mkdirSync(join(cwd, 'recordings'));
      const result = await runHere(['run', '--model', otherModel(), '--json'], cwd);
      expect(refusalOf(result).code).toBe('DEC_CHANNEL_COUNT_MISMATCH');
      expect(listing(cwd)).toEqual(['recordings']);
    }));
});

describe('a mistake that shows only in what it means', () => {
  it('is refused all the same', async () => {
    await expectRefused(['run', '--bin-ms', '0.5'], 1, 'CFG_SIMULATION_BIN_WIDTH');
    const calibrate = ['calibrate', '--recording', goodRecording()];
    const set = async (setting: string): Promise<unknown> =>
      (await expectRefused([...calibrate, '--set', setting], 1, 'DEC_CONFIG_INVALID')).value;
    expect(await set('hiddenCount=100000')).toBe('hiddenCount in {"hiddenCount":100000}');
    expect(await set('hidden=8')).toBe('{"hidden":8}');
    const replay = ['run', '--recording', goodRecording(), '--model', goodModel()];
    const short = await expectRefused([...replay, '--duration', '0.04'], 2, 'CFG_USAGE');
    expect(short).toMatchObject({ message: '--duration is shorter than a bin of 50 ms', value: 0.04 });
    const shortest = await expectRefused(['run', '--duration', '0.019'], 2, 'CFG_USAGE');
    expect(shortest.message).toBe('--duration is shorter than a bin of 20 ms');
    const evaluate = ['evaluate', '--recording', goodRecording(), '--model', goodModel()];
    await expectRefused([...evaluate, '--from', '99.99%'], 1, 'CAL_TARGET_CONSTANT');
  });
});
