/** `betz run --calibrate`: what is refused before anything runs, and the story that is told at the end. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { writeUntrainedModel } from '../support/cli-files.ts';
import { jsonOf, runCli, startCli } from '../support/cli.ts';

const CHANNELS = 96;
let folder = '';
let model = '';
let int8 = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-calibration-'));
  model = join(folder, 'random.model');
  writeUntrainedModel(model, { channelCount: CHANNELS });
  int8 = join(folder, 'int8.model');
  writeModelFile(int8, quantiseModel(readModelFile(model).model));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (...options: string[]): string[] => [
  'run',
  ...['--model', model, '--channels', String(CHANNELS), '--no-record'],
  ...options,
];
const fast = (...options: string[]): string[] =>
  run('--speed', 'max', '--duration', '70', '--json', '--calibrate', '30', '--method', 'readout', ...options);

interface Story {
  state: string;
  states: { state: string }[];
  promotedBin: number | null;
  r2ByGeneration: { generation: number; bins: number; r2: { mean: number } }[];
  candidateOut: string | null;
}

describe('betz run --calibrate', () => {
  it('promotes, and tells of the states, the bin and the R2 before and after; the candidate is a file', async () => {
    const out = join(folder, 'candidate.model');
    const result = await runCli(fast('--auto-promote', '--candidate-out', out), folder);
    expect(result.code, result.stderr).toBe(0);
    const story = jsonOf(result)['calibration'] as Story;
    expect(story.states.map(({ state }) => state)).toEqual([
      'collecting',
      'fitting',
      'evaluating',
      'proposed',
      'promoted',
    ]);
    const [before, after] = story.r2ByGeneration;
    expect(before.bins).toBe(story.promotedBin);
    expect(before.bins + after.bins).toBe(3500);
    expect(after.r2.mean).toBeGreaterThan(before.r2.mean + 0.1);
    expect(result.stderr.match(/from bin \d+ on/g), 'told once, and in the summary').toHaveLength(3);
    for (const { state } of story.states.slice(1))
      expect(result.stderr).toMatch(new RegExp(`^event {2}calibration .*${state}: `, 'm'));
    expect(result.stderr).toContain(`from bin ${story.promotedBin}`);
    expect(story.candidateOut).toBe(out);
    expect(readModelFile(out).model.provenance).toMatchObject({ method: 'readout', seconds: 30 });
  });

  it('only proposes without --auto-promote', async () => {
    const out = join(folder, 'proposed.model');
    copyFileSync(int8, out);
    const result = await runCli(fast('--candidate-out', out, '--replace'), folder);
    const story = jsonOf(result)['calibration'] as Story;
    expect(story).toMatchObject({ state: 'proposed', promotedBin: null, candidateOut: out });
    expect(story.r2ByGeneration.map(({ generation }) => generation)).toEqual([0]);
    expect(result.stderr).toContain(`candidate written to ${out}`);
    expect(result.stderr).toContain(`what was there is kept as ${out}.previous-1`);
    expect(readModelFile(`${out}.previous-1`).hash).toBe(readModelFile(int8).hash);
    expect(readModelFile(out).model.provenance).toMatchObject({ method: 'readout' });
  });

  it('goes back by SIGUSR2', async () => {
    const options = ['--calibrate', '30', '--method', 'readout', '--auto-promote', '--speed', '10', '--json'];
    const cli = startCli(run(...options), folder);
    await cli.printed(/ promoted: /);
    cli.kill('SIGUSR2');
    await cli.printed(/ rolledBack: .*asked for$/m);
    cli.kill('SIGINT');
    const result = await cli.done;
    expect(result.code, result.stderr).toBe(0);
    expect((jsonOf(result)['calibration'] as Story).state).toBe('rolledBack');
    expect(result.stderr).toContain(`to go back to the decoder before: kill -USR2 ${cli.process.pid}\n`);
    expect(result.stderr.match(/^verdict .*$/gm)).toEqual([
      expect.stringMatching(/^verdict {3}Use the new decoder/) as string,
    ]);
  });

  it('tells how far it is, and by SIGUSR2 that there is nothing to go back to, and ends whole with Ctrl-C', async () => {
    const cli = startCli(run('--calibrate', '600', '--auto-promote', '--json'), folder);
    await cli.printed(/^\d\d:\d\d {2}calibration: collecting, \d+ of 600 s {2}/m);
    cli.kill('SIGUSR2');
    await cli.printed(/^event {2}not rolled back: there is no decoder before this one/m);
    cli.kill('SIGINT');
    const result = await cli.done;
    expect(result.code).toBe(0);
    const story = jsonOf(result)['calibration'] as Story;
    expect(story.states.map(({ state }) => state)).toEqual(['collecting', 'cancelled']);
  });

  it.each<[string, string, (out: string) => string[]]>([
    ['CFG_USAGE', 'needs --model', () => ['run', '--calibrate', '10', '--auto-promote', '--json']],
    ['CFG_USAGE', 'nowhere', () => run('--calibrate', '10', '--json')],
    ['CFG_USAGE', '--method', () => run('--method', 'full', '--json')],
    ['CFG_USAGE', '--auto-promote', () => run('--auto-promote', '--json')],
    ['CFG_USAGE', '--candidate-out', (out) => run('--candidate-out', out, '--json')],
    ['CFG_USAGE', '3600 s at most', () => run('--calibrate', '3601', '--auto-promote', '--json')],
    ['CAL_SESSION_TOO_SHORT', '7.9 s', () => run('--calibrate', '7.9', '--auto-promote', '--json')],
    [
      'CAL_HEBBIAN_REFERENCE_SHORT',
      '9 s',
      () => run('--calibrate', '9', '--auto-promote', '--adapt', 'hebbian', '--json'),
    ],
    [
      'CFG_USAGE',
      'scratch has none',
      () => run('--calibrate', '30', '--auto-promote', '--adapt', 'hebbian', '--method', 'scratch', '--json'),
    ],
    [
      'CFG_USAGE',
      'leaves nothing of a session of 30 s',
      () => run('--calibrate', '30', '--auto-promote', '--duration', '30', '--json'),
    ],
    [
      'CFG_USAGE',
      'at --speed max a session of 55 s is over',
      () => run('--calibrate', '30', '--auto-promote', '--duration', '55', '--speed', 'max', '--json'),
    ],
    [
      'CAL_STABILIZE_REFERENCE',
      'no latents',
      () => run('--calibrate', '30', '--auto-promote', '--method', 'stabilize', '--json'),
    ],
    [
      'CAL_METHOD_UNSUPPORTED',
      'int8',
      () => [...run('--calibrate', '30', '--auto-promote', '--json'), '--model', int8],
    ],
    ['CFG_USAGE', 'replace', () => run('--calibrate', '10', '--candidate-out', model, '--json')],
    ...['record', 'recording', 'load-state', 'save-state'].map(
      (option): [string, string, (out: string) => string[]] => [
        'CFG_USAGE',
        `the candidate would replace another file of this run (--${option})`,
        (out) => run('--calibrate', '10', '--candidate-out', out, `--${option}`, out, '--json'),
      ],
    ),
    [
      'CFG_FILE_EXISTS',
      'is there already',
      () => run('--calibrate', '10', '--candidate-out', int8, '--json'),
    ],
    [
      'DEC_MODEL_FILE_UNWRITABLE',
      'no model can be written',
      (out) => run('--calibrate', '10', '--candidate-out', join(out, 'none', 'x'), '--json'),
    ],
  ])('refuses with %s: %s', async (code, text, args) => {
    const result = await runCli(args(join(folder, 'refused')), folder);
    expect(result.code).not.toBe(0);
    const { error } = jsonOf(result) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).toContain(text.replace(/ \(--.*/, ''));
  });
});
