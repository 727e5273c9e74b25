import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { precisionOf, quantiseModel } from '../../src/decoders/quantise-model.ts';
import { decoderKinds } from '../../src/decoders/registry.ts';
import { modelHash, readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { failureOf, jsonOf, listing, runCli } from '../support/cli.ts';
import { SMALL, writeSmallRecording } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';
import { calibrateReport, evaluateReport, quantizeReport } from '../support/cli-reports.ts';
import { randomModel } from '../support/decoder-models.ts';

const QUICK = ['--seconds', '0.01'];
const SHAPE = { inputCount: 5, outputCount: 2 };

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-quantize-'));
  writeSmallRecording(join(folder, 'small.mat'));
  for (const kind of decoderKinds) {
    const model = randomModel(kind, SHAPE, {}, 1);
    writeModelFile(join(folder, kind.name), model);
    if (kind.name === 'gru') writeModelFile(join(folder, 'int8'), quantiseModel(model));
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs, removes what was written, and sees that nothing else changed. @returns code of the error */
async function refusalOf(...args: string[]): Promise<string> {
  const before = listing(folder);
  const result = await runHere(['quantize', ...args, ...QUICK, '--json'], folder);
  expect(result.code).not.toBe(0);
  expect(listing(folder)).toEqual(before);
  expect(jsonOf(result)).toMatchObject({ error: { code: failureOf(result).code } });
  expect(result.stderr, 'nothing was begun').not.toContain('timing');
  return failureOf(result).code;
}

describe('betz quantize', () => {
  it.each(decoderKinds.filter(({ training }) => training === 'gradient').map(({ name }) => name))(
    'makes an int8 model of a %s, and says from which',
    async (name) => {
      const args = ['--model', name, '--out', `${name}.int8`, '--json', ...QUICK];
      const result = await runHere(['quantize', ...args], folder);
      expect(result.code, result.stderr).toBe(0);
      const out = join(folder, `${name}.int8`);
      const report = quantizeReport.parse(jsonOf(result));
      expect(report).toMatchObject({
        decoder: name,
        bytes: { before: statSync(join(folder, name)).size, after: statSync(out).size },
        r2: null,
        recording: null,
        out: `${name}.int8`,
      });
      expect(report.bytes.after).toBeLessThan(report.bytes.before);
      const { before, after, speedup } = report.latency;
      expect([before.warmUs.count, after.pacedUs.count, after.pacedWarmedUs.count]).toEqual([20_000, 1, 1]);
      expect(speedup.warm).toBeCloseTo(before.warmUs.p50 / after.warmUs.p50, 12);
      const { model, hash } = readModelFile(out);
      expect(hash).toBe(report.hash);
      expect(precisionOf(model)).toBe('int8');
      const { model: original } = readModelFile(join(folder, name));
      expect(model.tensors).toEqual(quantiseModel(original).tensors);
      expect(model.provenance).toEqual({
        ...original.provenance,
        quantisedFrom: name,
        quantisedSha256: modelHash(readFileSync(join(folder, name))),
      });
    },
    60_000,
  );

  it('finds the R2 that calibrate reported before, and that evaluate finds after', async () => {
    const gru = ['--decoder', 'gru', '--set', 'hiddenCount=8', '--steps', '10', '--threads', '1'];
    const calibrated = await runCli(
      ['calibrate', '--recording', 'small.mat', '--out', 'trained', '--json', ...gru],
      folder,
    );
    const args = ['--model', 'trained', '--out', 'smaller', '--recording', 'small.mat', ...QUICK];
    const json = await runCli(['quantize', ...args, '--json'], folder);
    expect(json.code, json.stderr).toBe(0);
    const { r2 } = quantizeReport.parse(jsonOf(json));
    const part = ['--recording', 'small.mat', '--from', '80%', '--json'];
    const evaluated = evaluateReport.parse(
      jsonOf(await runHere(['evaluate', '--model', 'smaller', ...part], folder)),
    );
    expect(evaluated.bins).toBe(0.2 * SMALL.binCount);
    expect(r2).toMatchObject({
      before: calibrateReport.parse(jsonOf(calibrated)).r2,
      after: evaluated.r2,
    });
    expect(r2?.after).not.toEqual(r2?.before);
    expect(r2?.lost).toBe((r2?.before.mean ?? 0) - (r2?.after.mean ?? 0));

    const told = await runCli(['quantize', ...args, '--replace'], folder);
    expect(told.code, told.stderr).toBe(0);
    expect(told.stdout).toMatch(
      /^gru in int8: \d+ -> \d+ bytes \(\d+ %\)\nR2 of handVelocity on the last 20 %/,
    );
    for (const mode of ['warm', 'paced', 'warmed'])
      expect(told.stdout).toMatch(new RegExp(`^ {2}${mode} +\\S+ -> \\S+ \\(\\S+ times as fast\\)$`, 'm'));
    expect(told.stdout).toMatch(
      /\nmodel written to smaller\nwhat was there is kept as smaller\.previous-1\n$/,
    );
  });

  it.each([
    ['wiener', 'DEC_QUANTISE_KIND'],
    ['kalman', 'DEC_QUANTISE_KIND'],
    ['int8', 'DEC_QUANTISE_PRECISION'],
    ['absent', 'DEC_MODEL_FILE_MISSING'],
    ['small.mat', 'DEC_MODEL_FORMAT_UNKNOWN'],
  ])('refuses %s: %s', async (model, code) => {
    expect(await refusalOf('--model', model, '--out', 'new')).toBe(code);
  });

  it('refuses to replace the model, a place that cannot be written, and a recording that does not fit', async () => {
    copyFileSync(join(folder, 'gru'), join(folder, 'precious'));
    expect(await refusalOf('--model', 'precious', '--out', './precious')).toBe('CFG_USAGE');
    symlinkSync('precious', join(folder, 'link'));
    expect(await refusalOf('--model', 'precious', '--out', 'link')).toBe('CFG_USAGE');
    expect(await refusalOf('--model', 'gru', '--out', 'absent/new')).toBe('DEC_MODEL_FILE_UNWRITABLE');
    expect(await refusalOf('--model', 'gru', '--out', '.')).toBe('DEC_MODEL_FILE_UNWRITABLE');
    const recording = ['--recording', 'small.mat'];
    expect(await refusalOf('--model', 'gru', '--out', 'new', ...recording)).toBe(
      'DEC_CHANNEL_COUNT_MISMATCH',
    );
    const absent = ['--recording', 'absent.mat'];
    expect(await refusalOf('--model', 'gru', '--out', 'new', ...absent)).toBe('LOG_FILE_MISSING');
  });

  it('keeps what was at the place when the model is refused', async () => {
    writeFileSync(join(folder, 'old'), 'an older model');
    expect(await refusalOf('--model', 'wiener', '--out', 'old')).toBe('DEC_QUANTISE_KIND');
    expect(readFileSync(join(folder, 'old'), 'utf8')).toBe('an older model');
  });

  it('needs a model, a place, and a time', async () => {
    const mistakes = [
      ['--out', 'new'],
      ['--model', 'gru'],
      ['--model', 'gru', '--out', 'new', '--seconds', 'x'],
    ];
    for (const args of mistakes) {
      const result = await runHere(['quantize', ...args], folder);
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(failureOf(result).code).toBe('CFG_USAGE');
    }
  });
});
