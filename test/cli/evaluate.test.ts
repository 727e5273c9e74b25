import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LearnedData } from '../../src/calibration/learned-data.ts';
import { readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { jsonOf, runCli } from '../support/cli.ts';
import { SMALL, writeSmallRecording } from '../support/cli-files.ts';
import { calibrateReport, evaluateReport } from '../support/cli-reports.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-evaluate-'));
  writeSmallRecording(join(folder, 'small.mat'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Calibrates into `out`. @returns the R2 that it reported */
async function calibrate(out: string, options: readonly string[]): Promise<unknown> {
  const args = ['--recording', 'small.mat', '--out', out, '--json', ...options];
  return calibrateReport.parse(jsonOf(await runCli(['calibrate', ...args], folder))).r2;
}

describe('betz evaluate', () => {
  it.concurrent.each([
    { decoder: 'wiener', options: [] },
    { decoder: 'kalman', options: ['--bin-ms', '100'] },
    { decoder: 'gru', options: ['--set', 'hiddenCount=8', '--steps', '10', '--threads', '1'] },
  ])('finds what calibrate reported of a $decoder model', async ({ decoder, options }) => {
    const r2 = await calibrate(decoder, ['--decoder', decoder, ...options]);
    const args = ['--recording', 'small.mat', '--model', decoder, '--from', '80%', '--json'];
    const result = await runCli(['evaluate', ...args], folder);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    const bins = (0.2 * SMALL.binCount) / (options.includes('--bin-ms') ? 2 : 1);
    const report = evaluateReport.parse(jsonOf(result));
    expect(report).toMatchObject({ decoder, bins, trainedBins: 0, r2, recording: 'small.mat' });
    expect(report.model).toBe(decoder);
  });

  it('pairs bins with behaviour as the model was trained, unless told otherwise, and so does a replay', async () => {
    const r2 = await calibrate('lagged', ['--decoder', 'wiener', '--lag-ms', '-75']);
    const evaluate = async (...options: string[]): Promise<unknown> => {
      const args = ['--recording', 'small.mat', '--model', 'lagged', '--from', '80%', '--json', ...options];
      return evaluateReport.parse(jsonOf(await runCli(['evaluate', ...args], folder)));
    };
    expect(await evaluate()).toMatchObject({ r2, lagMs: -75 });
    const straight = await evaluate('--lag-ms', '0');
    expect(straight).toMatchObject({ lagMs: 0 });
    expect(straight).not.toMatchObject({ r2 });
    const words = ['evaluate', '--recording', 'small.mat', '--model', 'lagged', '--from', '80%'];
    expect((await runCli(words, folder)).stdout).toMatch(
      / 50 ms \(behaviour 75 ms earlier\)\nR2 .*\nPearson .*\n$/,
    );
    expect((await runCli([...words, '--lag-ms', '0'], folder)).stdout).toMatch(
      /\nnote: the model was trained with another lag \(behaviour 75 ms earlier\)\n$/,
    );
    const told = (await runCli(['info', 'lagged'], folder)).stdout;
    expect(told).toMatch(/^output .* in m\/s \(behaviour 75 ms earlier\)$/m);
    const replay = ['run', '--recording', 'small.mat', '--model', 'lagged', '--speed', 'max', '--json'];
    const { code, stdout } = await runCli([...replay, '--no-record'], folder);
    expect(code).toBe(0);
    // Two bins of each side of its join.
    expect(JSON.parse(stdout)).toMatchObject({ bins: SMALL.binCount - 4 });
    const tooLong = ['calibrate', '--recording', 'small.mat', '--lag-ms', '1e9', '--out', 'none', '--json'];
    expect((await runCli(tooLong, folder)).stdout).toContain('LOG_LAG_TOO_LONG');
  });

  it('takes the whole recording unless told otherwise, and tells people', async () => {
    const args = ['evaluate', '--recording', 'small.mat', '--model', 'wiener'];
    const { code, stdout, stderr } = await runCli(args, folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      new RegExp(
        `^wiener on small, ${SMALL.binCount} bins of 50 ms\\n` +
          'R2 +x \\S+ {2}y \\S+ {2}mean \\S+ {2}variance-weighted \\S+\\n' +
          'Pearson r +x \\S+ {2}y \\S+\\n' +
          'note: the model was trained on 1200 of these bins: these figures say little about new data; --from 80% leaves them out\\n$',
      ),
    );
  });

  it('advises no position behind which there is nothing', async () => {
    const known = readModelFile(join(folder, 'wiener')).model;
    const [data] = known.provenance['learnedFrom'] as LearnedData[];
    const provenance = { learnedFrom: [{ ...data, binCount: SMALL.binCount - 1 }] };
    writeModelFile(join(folder, 'nearly-all'), { ...known, provenance });
    const args = ['evaluate', '--recording', 'small.mat', '--model', 'nearly-all'];
    expect((await runCli(args, folder)).stdout).toMatch(
      /note: the model was trained on 1499 of these bins: these figures say little about new data\n$/,
    );
  });
});
