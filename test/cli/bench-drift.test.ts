/** `betz bench drift`: what it says of few channels, and the lag of a recording. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runHere } from '../support/cli-in-process.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { writeMat } from '../support/recording-mat-writer.ts';
import { stevensonVariables } from '../support/recording-stevenson.ts';

const small = (channels: number): string[] => [
  ...['bench', 'drift', '--channels', String(channels), '--seconds', '30', '--test-seconds', '20'],
  ...['--days', '0', '--kinds', 'all', '--same-day', '0', '--hidden', '4', '--seeds', '1', '--threads', '1'],
];

describe('betz bench drift', () => {
  const folder = temporaryFolder();

  it('says where no session would watch, as of fewer than 8 channels', async () => {
    const few = await runHere(small(7));
    expect(few.code, few.stderr).toBe(0);
    expect(few.stdout).toMatch(/^fewer than 8 channels vary: no session would watch/m);
    const json = await runHere([...small(7), '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ isWatched: false });
    const enough = await runHere(small(16));
    expect(enough.stdout).not.toContain('fewer than');
  });

  it('pairs the bins of a recording with behaviour a lag later', async () => {
    const path = join(folder, 'reaching.mat');
    writeFileSync(path, writeMat(stevensonVariables()));
    const args = ['bench', 'drift', '--recording', path, '--reference-share', '50%', '--json'];
    const longer = await runHere([...args, '--lag-ms', '1000']);
    expect([longer.code, longer.stdout]).toEqual([1, expect.stringContaining('LOG_LAG_TOO_LONG')]);
    const wrong = await runHere([...args, '--lag-ms', 'soon']);
    expect([wrong.code, wrong.stdout]).toEqual([2, expect.stringContaining('CFG_USAGE')]);
  });
});
