/** `betz run` in a terminal of its own: keys steer the session, and the terminal is as it was afterwards. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiledPath } from '../../src/host/compiled.ts';
import { writeUntrainedModel } from '../support/cli-files.ts';
import { interruptTwice } from '../support/cli.ts';

/** That of util-linux runs a command in a terminal, whose keyboard is its own input. */
const hasScript = String(spawnSync('script', ['--version']).stdout).includes('util-linux'); // 'null' without it

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-keys-'));
  writeUntrainedModel(join(folder, 'base'), { channelCount: 48 });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What a person does: types a text, or something with the process of betz. */
type Act = string | ((pid: number) => void);

/** Does each when the screen has shown what it waits for, since the one before. @returns all that was shown */
async function inTerminal(options: string, acts: readonly [RegExp, Act][]): Promise<string> {
  const betz = `'${process.execPath}' '${compiledPath('cli/main.js')}' run --model base --channels 48 --speed 10 --duration 500 --no-record`;
  // A shell that becomes betz tells its process.
  const command = `stty cols 80 rows 24; sh -c 'echo "process $$"; exec "$@"' - ${betz} ${options}; echo "exit code $?"; stty -a`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = [...acts];
  let shown = '';
  let sinceAct = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    sinceAct += text;
    if (waiting.length === 0 || !waiting[0][0].test(sinceAct)) return;
    const act = waiting.shift()?.[1];
    if (typeof act === 'function') act(Number(/process (\d+)/.exec(shown)?.[1]));
    else child.stdin.write(act);
    sinceAct = '';
  });
  await new Promise((resolve) => child.once('close', resolve));
  expect(waiting, shown.slice(-2000)).toEqual([]);
  return shown;
}

function expectRestored(shown: string): void {
  const settings = shown.slice(shown.lastIndexOf('exit code'));
  for (const setting of ['icanon', 'echo', 'isig']) expect(settings).toMatch(new RegExp(`\\s${setting}\\b`));
  const cursor = /\u001b\[\?25[lh]/g;
  expect(shown.match(cursor)?.at(-1), 'the cursor is shown').toBe('\u001b[?25h');
}

describe.skipIf(!hasScript)('betz run in a terminal', () => {
  it('takes single keys, and no paste, shows what cannot be done, and stops', async () => {
    const shown = await inTerminal('--calibrate 450', [
      [/calibrate collecting, \d+ of 450 s/, 'r'],
      [/event {5}not rolled back: there is no decoder before/, 'p and r are pasted'],
      [/keys {6}c cancel the calibration {3}q stop/, 'c'],
      [/calibrate cancelled: asked for/, 'q'],
    ]);
    expect(shown, 'p was no key').not.toContain('not promoted');
    expect(shown).toContain('calibrated cancelled: asked for');
    expect(shown).toContain('exit code 0');
    expectRestored(shown);
  });

  it('cancels the fit by a key and goes on, until Ctrl-C', async () => {
    const shown = await inTerminal('--calibrate 20 --method full --auto-promote', [
      [/calibrate fitting/, 'c'],
      [/calibrate cancelled: asked for/, '\u0003'],
    ]);
    expect(shown).toContain('calibrated cancelled: asked for');
    expect(shown).toContain('exit code 0');
    expectRestored(shown);
  });

  it('gives the terminal back when it is ended at once', async () => {
    const shown = await inTerminal('--calibrate 20 --method full --auto-promote', [
      [/calibrate fitting/, interruptTwice],
    ]);
    expect(shown).toContain('exit code 130');
    expectRestored(shown);
  });

  it('leaves the terminal alone in the background, and is not stopped for touching it', async () => {
    const betz = `'${process.execPath}' '${compiledPath('cli/main.js')}' run --model base --channels 48 --duration 1 --no-record`;
    // Job control; a job that is stopped stays, and wait tells of its stop.
    const command = `bash -c 'set -m; eval "$1" & wait -n; echo "exit code $?"; kill -9 %1' - "${betz}"`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    await new Promise((resolve) => child.once('close', resolve));
    expect(shown).toContain('exit code 0');
    expect(shown).toContain('Ctrl-C ends the session.');
  });
});
