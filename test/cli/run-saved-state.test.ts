/** `betz run --save-state`: a state that is there is replaced only when told to, or when it is the one to go on from. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeUntrainedModel } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';
import { failureOf, jsonOf, listing, runCli } from '../support/cli.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-saved-state-'));
  writeUntrainedModel(join(folder, 'model'), { channelCount: 8 });
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (...options: string[]): string[] => [
  ...['run', '--model', 'model', '--channels', '8', '--speed', 'max', '--duration', '2', '--no-record'],
  ...['--json', ...options],
];
const contentOf = (name: string): Buffer => readFileSync(join(folder, name));

/** A state file that is there, and its content. */
async function saveState(name: string): Promise<Buffer> {
  const { code, stderr } = await runCli(run('--save-state', name), folder);
  expect(code, stderr).toBe(0);
  return contentOf(name);
}

describe('a state that is there already', () => {
  it('is refused before anything runs, and kept beside the new one with --replace', async () => {
    const first = await saveState('a.state');
    const refused = await runHere(run('--save-state', 'a.state', '--day', '3'), folder);
    expect(refused.code).toBe(1);
    expect(failureOf(refused).tip).toContain('a.state.previous-1');
    expect(jsonOf(refused)).toMatchObject({ error: { code: 'CFG_FILE_EXISTS', value: 'a.state' } });
    expect(listing(folder)).toEqual(['a.state', 'model']);
    expect(contentOf('a.state')).toEqual(first);

    const replaced = await runCli(run('--save-state', 'a.state', '--day', '3', '--replace'), folder);
    expect(replaced.code, replaced.stderr).toBe(0);
    expect(jsonOf(replaced)).toMatchObject({ state: 'a.state' });
    expect(replaced.stderr).toMatch(/^state {5}a\.state; what was there is kept as a\.state\.previous-1$/m);
    expect(contentOf('a.state.previous-1')).toEqual(first);
    expect(contentOf('a.state')).not.toEqual(first);
  });

  it('is brought up to date when the session goes on from it, through a link too', async () => {
    const first = await saveState('a.state');
    symlinkSync('a.state', join(folder, 'latest'));
    const result = await runCli(run('--load-state', './latest', '--save-state', 'a.state'), folder);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/^state {5}a\.state$/m);
    expect(contentOf('a.state')).not.toEqual(first);
    expect(listing(folder), 'no copy of every day').toEqual(['a.state', 'latest', 'model']);
  });

  it('is kept when the session goes on from it with --replace', async () => {
    const first = await saveState('a.state');
    const both = ['--load-state', 'a.state', '--save-state', 'a.state'];
    const result = await runCli(run(...both, '--replace'), folder);
    expect(result.code, result.stderr).toBe(0);
    expect(contentOf('a.state.previous-1')).toEqual(first);
  });

  it('is refused when the session goes on from another one', async () => {
    writeFileSync(join(folder, 'a.state'), 'of another day');
    writeFileSync(join(folder, 'b.state'), 'of this day');
    const result = await runHere(run('--load-state', 'b.state', '--save-state', 'a.state'), folder);
    expect(jsonOf(result)).toMatchObject({ error: { code: 'CFG_FILE_EXISTS', value: 'a.state' } });
    expect(contentOf('a.state').toString()).toBe('of another day');
  });
});
