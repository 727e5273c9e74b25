import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compiledPath } from '../../src/host/compiled.ts';
import { failureOf, startCli } from '../support/cli.ts';

describe('output that nobody takes', () => {
  it('is no failure when the reader has left (betz --help | head)', async () => {
    const running = startCli(['--help'], process.cwd());
    running.process.stdout?.destroy();
    expect(await running.done).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.skipIf(process.platform !== 'linux')('is an error when the disk behind it is full', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [compiledPath('cli/main.js'), '--version'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(status).toBe(1);
    expect(failureOf({ code: status, stdout: '', stderr }).code).toBe('CFG_OUTPUT_LOST');
  });
});
