/** `betz run --save-model`: what a session has learned, as the model of the next one. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { modelHash, readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { writeUntrainedModel } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';
import { jsonOf, listing, runCli, runCliOnSmallDisk } from '../support/cli.ts';

const CHANNELS = 20;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-saved-model-'));
  writeUntrainedModel(join(folder, 'base'), { channelCount: CHANNELS });
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (...options: string[]): string[] => [
  ...['run', '--model', 'base', '--channels', String(CHANNELS), '--speed', 'max', '--no-record', '--json'],
  ...options,
];
const adapt = (...options: string[]): string[] =>
  run('--adapt', 'normalise,rls', '--save-model', 'learned', ...options);

interface Result {
  r2: { mean: number };
  adaptation: { learnedBins: number; rollbacks: number } | null;
  savedModel: string | null;
}

const provenanceOf = (name: string): Readonly<Record<string, unknown>> =>
  readModelFile(join(folder, name)).model.provenance;

describe('betz run --save-model', () => {
  it('writes a model that decodes by what was learned from the first bin on, and info says where it is from', async () => {
    const result = await runCli(adapt('--duration', '60', '--model', './base'), folder);
    const adapted = jsonOf(result) as unknown as Result;
    expect(adapted.savedModel).toBe('learned');
    expect(result.stderr).toMatch(/^saved {5}learned$/m);
    expect(provenanceOf('learned')).toMatchObject({
      method: 'adapted (normalise, rls)',
      seconds: (adapted.adaptation?.learnedBins ?? 0) / 50,
      replaces: 'base', // and not its path
      replacesSha256: modelHash(readFileSync(join(folder, 'base'))),
    });
    const [before, after] = await Promise.all(
      ['base', 'learned'].map((model) => runCli(run('--duration', '20', '--model', model), folder)),
    );
    const r2Of = (one: typeof before): number => (jsonOf(one) as unknown as Result).r2.mean;
    expect(r2Of(after)).toBeGreaterThan(r2Of(before) + 0.3);
    expect(jsonOf(after)).toMatchObject({ adaptation: null, savedModel: null });
    const info = await runHere(['info', 'learned'], folder);
    expect(info.stdout).toMatch(/^made .*method adapted \(normalise, rls\).* replaces base,.* seconds 60/m);
  });

  it('writes nothing where nothing has been learned, says so, and leaves what was there', async () => {
    writeUntrainedModel(join(folder, 'learned'), { channelCount: CHANNELS });
    const before = readFileSync(join(folder, 'learned'));
    const result = await runCli(
      run('--adapt', 'rls', '--save-model', 'learned', '--replace', '--duration', '3'),
      folder,
    );
    expect(result.code).toBe(0);
    expect(jsonOf(result)).toMatchObject({ savedModel: null });
    expect(result.stderr).toContain('not saved learned: the readout that learned is not better');
    expect(readFileSync(join(folder, 'learned'))).toEqual(before);
  });

  it('is of the decoder that is in service at the end', async () => {
    const options = ['--duration', '70', '--calibrate', '30', '--method', 'readout', '--auto-promote'];
    const result = await runCli(adapt(...options, '--candidate-out', './candidate'), folder);
    expect(jsonOf(result)).toMatchObject({ calibration: { state: 'promoted' }, savedModel: 'learned' });
    const candidate = readModelFile(join(folder, 'candidate'));
    expect(provenanceOf('learned')).toMatchObject({
      replaces: 'candidate',
      replacesSha256: candidate.hash,
      base: { method: 'readout' },
    });
    expect(provenanceOf('learned')['seconds']).toBeLessThan(41);
    const again = await runCli(adapt(...options, '--replace'), folder);
    expect(again.code, again.stderr).toBe(0);
    expect(provenanceOf('learned')).toMatchObject({ replaces: 'calibrated in this session' });
  });

  it('keeps z-scores of an int8 model, which has no readout that learns', async () => {
    writeModelFile(join(folder, 'int8'), quantiseModel(readModelFile(join(folder, 'base')).model));
    const result = await runCli(
      run('--model', 'int8', '--adapt', 'normalise', '--save-model', 'learned', '--duration', '10'),
      folder,
    );
    expect(result.code, result.stderr).toBe(0);
    expect(provenanceOf('learned')).toMatchObject({ method: 'adapted (normalise)', replaces: 'int8' });
  });

  it.skipIf(process.platform === 'win32')(
    'leaves the state whole where there is no room for the model',
    async () => {
      const both = adapt('--duration', '20', '--save-state', 'evening');
      const noModel = await runCliOnSmallDisk(48, both, folder); // 35 KiB and 67
      expect(jsonOf(noModel)).toMatchObject({ error: { code: 'DEC_MODEL_FILE_UNWRITABLE' } });
      expect(listing(folder)).toEqual(['base', 'evening']);
    },
  );

  it('goes on from a state, and says from which', async () => {
    await runCli(adapt('--duration', '20', '--save-state', 'morning'), folder);
    const result = await runCli(adapt('--duration', '2', '--load-state', './morning', '--replace'), folder);
    expect(jsonOf(result)).toMatchObject({ savedModel: 'learned' });
    expect(result.stderr).toMatch(/^saved {5}learned; what was there is kept as learned.previous-1$/m);
    expect(provenanceOf('learned.previous-1')).toMatchObject({ seconds: 20 });
    expect(provenanceOf('learned')).toMatchObject({
      method: 'adapted (normalise, rls)',
      continuesState: 'morning',
      seconds: 2,
    });
  });

  it.skipIf(process.platform === 'win32')('leaves no part of a file on a full disk', async () => {
    const result = await runCliOnSmallDisk(16, adapt('--duration', '20'), folder);
    expect(result.code).toBe(1);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'DEC_MODEL_FILE_UNWRITABLE' } });
    expect(result.stderr).toMatch(/^adapting {2}normalise, rls/m);
    expect(listing(folder)).toEqual(['base']);
  });

  it.each<[string, string, string[]]>([
    ['CFG_USAGE', 'is for --adapt', run('--save-model', 'learned')],
    [
      'CFG_USAGE',
      'is for --adapt',
      run('--save-model', 'learned', '--calibrate', '10', '--candidate-out', 'candidate'),
    ],
    [
      'CFG_USAGE',
      'is for --candidate-out, --save-model and --save-state',
      run('--adapt', 'rls', '--replace'),
    ],
    ['CFG_FILE_EXISTS', 'is there already', run('--adapt', 'rls', '--save-model', 'int8')],
    ['CFG_USAGE', 'would replace', run('--adapt', 'rls', '--save-model', 'base')],
    ['CFG_USAGE', 'would replace', adapt('--save-state', 'learned')],
    ['CFG_USAGE', 'would replace', adapt('--load-state', 'learned')],
    ['CFG_USAGE', 'would replace', adapt('--record', 'learned')],
    ['CFG_USAGE', 'would replace', adapt('--recording', 'learned')],
    ['CFG_USAGE', 'would replace', adapt('--calibrate', '10', '--candidate-out', 'learned')],
    ['DEC_MODEL_FILE_UNWRITABLE', 'no model can be written', adapt('--save-model', 'none/learned')],
    ['CAL_METHOD_UNSUPPORTED', 'int8', adapt('--model', 'int8')],
  ])('refuses before anything runs with %s: %s', async (code, text, args) => {
    writeModelFile(join(folder, 'int8'), quantiseModel(readModelFile(join(folder, 'base')).model));
    const { error } = jsonOf(await runHere(args, folder)) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(existsSync(join(folder, 'learned'))).toBe(false);
  });
});
