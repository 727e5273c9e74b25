import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelFile } from '../../src/host/model-store.ts';
import { failureOf, inFolder, jsonOf, listing, runCli, startCli } from '../support/cli.ts';
import { SMALL, writeSmallRecording } from '../support/cli-files.ts';
import { calibrateReport, seededReport } from '../support/cli-reports.ts';

let folder = '';
let recording = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-calibrate-'));
  recording = join(folder, 'small.mat');
  writeSmallRecording(recording);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Enough to learn something, in a second. */
const SHORT_GRU = ['--set', 'hiddenCount=16', '--steps', '40', '--threads', '2'];
/** Slow steps, so that a test can get in between. */
const SLOW_GRU = ['--set', 'hiddenCount=512', '--steps', '12', '--threads', '1'];

describe('betz calibrate', () => {
  it.concurrent.each([
    { decoder: 'wiener', options: [], steps: 0, r2Min: 0.6 },
    { decoder: 'kalman', options: [], steps: 0, r2Min: 0.6 },
    { decoder: 'gru', options: SHORT_GRU, steps: 40, r2Min: 0.4 },
  ])('makes a $decoder model that decodes, and reports it', ({ decoder, options, steps, r2Min }) =>
    inFolder(async (cwd) => {
      const out = 'model.safetensors';
      const args = ['--recording', recording, '--decoder', decoder, '--out', out, '--json', ...options];
      const result = await runCli(['calibrate', ...args], cwd);
      expect(result.code).toBe(0);
      const { r2, ...report } = calibrateReport.parse(jsonOf(result));
      const { model } = readModelFile(join(cwd, out));
      const parameters = Object.values(model.tensors).reduce((sum, { data }) => sum + data.length, 0);
      expect(report).toMatchObject({ decoder, parameters, steps, out });
      expect(r2.mean).toBeCloseTo((r2.x + r2.y) / 2, 12);
      expect(r2.mean).toBeGreaterThan(r2Min);
      expect(model).toMatchObject({
        kind: decoder,
        binMs: 50,
        output: { name: 'handVelocity', unit: 'm/s' },
      });
      expect(model.shape).toEqual({ inputCount: SMALL.channelCount, outputCount: 2 });
      expect(listing(cwd)).toEqual([out]);
    }),
  );

  it.concurrent('gives the same model from the same seed and threads, but for the time it took', () =>
    inFolder(async (cwd) => {
      const make = async (out: string, seed: string): Promise<ReturnType<typeof readModelFile>['model']> => {
        const args = ['--recording', recording, '--out', out, '--seed', seed, ...SHORT_GRU];
        expect((await runCli(['calibrate', ...args], cwd)).code).toBe(0);
        return readModelFile(join(cwd, out)).model;
      };
      const [first, second, other] = [await make('a', '7'), await make('b', '7'), await make('c', '8')];
      const timeless = ({ provenance, ...model }: typeof first): unknown => ({
        ...model,
        provenance: { ...provenance, trainSeconds: 0 },
      });
      expect(timeless(second)).toEqual(timeless(first));
      for (const [name, { data }] of Object.entries(first.tensors))
        expect(Buffer.from(second.tensors[name].data.buffer).equals(Buffer.from(data.buffer)), name).toBe(
          true,
        );
      expect(other.tensors).not.toEqual(first.tensors);
    }),
  );

  it.concurrent('trains from several seeds, keeps the best on held-out data, and tells the spread', () =>
    inFolder(async (cwd) => {
      const args = [
        '--recording',
        recording,
        '--out',
        'model',
        '--seed',
        '7',
        '--seeds',
        '3',
        '--json',
        ...SHORT_GRU,
      ];
      const result = await runCli(['calibrate', ...args], cwd);
      expect(result.code).toBe(0);
      const { r2, seeds, spread, chosenSeed } = seededReport.parse(jsonOf(result));
      expect(seeds.map(({ seed }) => seed)).toEqual([7, 8, 9]);
      const best = seeds.reduce((a, b) => (b.validationR2 > a.validationR2 ? b : a));
      expect(chosenSeed).toBe(best.seed);
      expect(r2).toEqual(best.r2);
      const means = seeds.map((run) => run.r2.mean);
      expect(spread.mean).toBeCloseTo((means[0] + means[1] + means[2]) / 3, 12);
      expect([spread.min, spread.max]).toEqual([Math.min(...means), Math.max(...means)]);
      expect(new Set(means).size).toBe(3);
      expect(readModelFile(join(cwd, 'model')).model.provenance).toMatchObject({
        training: { seed: chosenSeed },
      });
    }),
  );

  it.concurrent('names the model after recording and decoder, in models/, and shows it to people', () =>
    inFolder(async (cwd) => {
      const { code, stdout, stderr } = await runCli(
        ['calibrate', '--recording', recording, '--decoder', 'wiener'],
        cwd,
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(
        /^wiener: \d+ parameters, trained in \d+\.\d s\nR2 of handVelocity on the last 20 %: {2}x 0\.\d{3} {2}y 0\.\d{3} {2}mean 0\.\d{3}\nridge baseline there: .+\nmodel written to models\/small-wiener\.safetensors\n$/,
      );
      expect(existsSync(join(cwd, 'models/small-wiener.safetensors'))).toBe(true);
    }),
  );

  it.concurrent('learns the behaviour and the bins that it is told to', () =>
    inFolder(async (cwd) => {
      const args = ['--decoder', 'wiener', '--target', 'handPosition', '--bin-ms', '100', '--out', 'm'];
      const result = await runCli(['calibrate', '--recording', recording, ...args], cwd);
      expect(result.code).toBe(0);
      const { binMs, output } = readModelFile(join(cwd, 'm')).model;
      expect({ binMs, name: output.name, unit: output.unit }).toEqual({
        binMs: 100,
        name: 'handPosition',
        unit: 'm',
      });
    }),
  );

  it.concurrent('ends at Ctrl-C with an error, and writes nothing', () =>
    inFolder(async (cwd) => {
      const running = startCli(['calibrate', '--recording', recording, '--json', ...SLOW_GRU], cwd);
      await running.printed(/calibrating gru \d+ %/);
      running.kill('SIGINT');
      const result = await running.done;
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('stopping; no model will be written');
      expect(failureOf(result).code).toBe('CFG_INTERRUPTED');
      expect(jsonOf(result)).toMatchObject({ error: { code: 'CFG_INTERRUPTED' } });
      expect(listing(cwd), 'not even the folder for models').toEqual([]);
    }),
  );

  it.concurrent('ends at once when it is told twice', () =>
    inFolder(async (cwd) => {
      const running = startCli(['calibrate', '--recording', recording, '--out', 'm', ...SLOW_GRU], cwd);
      await running.printed(/calibrating gru \d+ %/);
      // Signals are heard between two steps: in the midst of one, which takes far longer, both are there before the next.
      await new Promise((resolve) => setTimeout(resolve, 100));
      running.interruptTwice();
      const { code, stdout, stderr } = await running.done;
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(stderr).not.toMatch(/^error /m);
      expect(listing(cwd)).toEqual([]);
    }),
  );
});
