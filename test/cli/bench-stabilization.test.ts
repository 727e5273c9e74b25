import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runHere } from '../support/cli-in-process.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { writeMat } from '../support/recording-mat-writer.ts';
import { stevensonVariables } from '../support/recording-stevenson.ts';

const REAL = '../shared/data/degenhart-stabilizer/20160325.mat';
const report = z.object({
  rows: z.array(
    z.object({
      decoder: z.literal('ridge'),
      seed: z.int(),
      newDayS: z.number(),
      r2Before: z.array(z.number()).length(2),
      r2Unstable: z.array(z.number()).length(2),
      r2Stabilized: z.array(z.number()).length(2),
      recoveredShare: z.number(),
      stabilizeS: z.number(),
      dropped: z.array(z.object({ label: z.string(), reason: z.enum(['silent', 'unstable']) })),
    }),
  ),
});

describe('betz bench stabilization', () => {
  const folder = temporaryFolder();

  it('refuses a recording without an instability, an unknown decoder, and seconds that are none', async () => {
    const path = join(folder, 'reaching.mat');
    writeFileSync(path, writeMat(stevensonVariables()));
    const run = (...more: string[]): ReturnType<typeof runHere> =>
      runHere(['bench', 'stabilization', '--recording', path, ...more, '--json']);
    const failed = await run();
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining('LOG_VARIABLE_MISSING')]);
    expect(failed.stdout).toContain('pertParams');
    for (const wrong of [
      ['--decoder', 'kalman'],
      ['--seconds', '0'],
      ['--lag-ms', 'soon'],
    ]) {
      const { code, stdout } = await run(...wrong);
      expect([code, stdout]).toEqual([2, expect.stringContaining('CFG_USAGE')]);
    }
  });

  it.skipIf(!existsSync(REAL))('reports rows as JSON and as a table (needs ../shared/data)', async () => {
    const args = ['bench', 'stabilization', '--recording', REAL, '--seeds', '1', '--seconds', '60'];
    const json = await runHere([...args, '--json']);
    expect(json.code, json.stderr).toBe(0);
    const { rows } = report.parse(JSON.parse(json.stdout));
    expect(rows).toHaveLength(1);
    expect(rows[0].dropped).toHaveLength(15);
    const lagged = await runHere([...args, '--json', '--lag-ms', '90']);
    expect(report.parse(JSON.parse(lagged.stdout)).rows[0].r2Before).not.toEqual(rows[0].r2Before);
    const table = await runHere([...args, '--oldest']);
    expect(table.stdout).toMatch(/ridge +1 +\d+ +0\.\d{3} \/ 0\.\d{3} /);
    expect(table.stdout).not.toContain(`${(100 * rows[0].recoveredShare).toFixed(1)} %`); // other bins
  });
});
