/** `betz pretrain`, `betz calibrate --model` and `betz bench calibration`, on tiny simulated days. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseDays } from '../../src/cli/simulated-days.ts';
import { readModelFile, writeModelFile } from '../../src/host/model-store.ts';
import { failureOf, inFolder, jsonOf, listing, startCli } from '../support/cli.ts';
import type { CliResult } from '../support/cli.ts';
import { writeSmallRecording } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';
import { withHugeReadout } from '../support/decoder-models.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { temporaryFolder } from '../support/recording-folder.ts';
import { driftReference } from '../support/cli-reports.ts';

const accuracy = z.strictObject({ x: z.number(), y: z.number(), mean: z.number() });
const pretrainReport = z.strictObject({
  decoder: z.literal('gru'),
  latents: z.int(),
  steps: z.int(),
  lagMs: z.number(),
  bestStep: z.int(),
  trainSeconds: z.number().positive(),
  heldOutR2: z.array(z.strictObject({ recording: z.string(), r2Mean: z.number() })),
  drift: driftReference,
  out: z.string(),
  previous: z.string().nullable(),
});
const sessionReport = z.strictObject({
  decoder: z.literal('gru'),
  method: z.string(),
  session: z.string(),
  lagMs: z.number(),
  seconds: z.number(),
  tried: z.array(
    z.strictObject({ method: z.string(), fitSeconds: z.number().nonnegative(), heldOutR2: accuracy }),
  ),
  failed: z.strictObject({ method: z.string(), code: z.string(), reason: z.string() }).nullable(),
  heldOutR2: accuracy,
  inServiceR2: accuracy,
  baselineR2: accuracy,
  verdict: z.strictObject({
    decision: z.enum(['use', 'useWithCare', 'keep', 'collectAgain']),
    sentence: z.string(),
    reason: z.string(),
    gain: z.number(),
    betterBlocks: z.int(),
    gainOverBaseline: z.number(),
    betterBlocksThanBaseline: z.int(),
    blockCount: z.int(),
    knownSeconds: z.number(),
    besideBaseline: z.string(),
    rule: z.string(),
  }),
  later: z
    .strictObject({
      seconds: z.number(),
      knownSeconds: z.number(),
      r2: accuracy,
      inServiceR2: accuracy.nullable(),
    })
    .nullable(),
  drift: driftReference,
  out: z.string(),
  previous: z.string().nullable(),
});

const DAY = ['--source', 'simulated', '--channels', '12', '--seconds', '12'];
const TINY = [...DAY, '--steps', '20', '--threads', '1'];
const PRETRAIN = ['pretrain', ...TINY, '--days', '0-1', '--set', 'hiddenCount=8'];
const folder = temporaryFolder();
const core = join(folder, 'core.safetensors');
const calibrate = (...args: string[]): Promise<CliResult> =>
  runHere(['calibrate', '--model', core, '--threads', '1', ...args], folder);
let pretrained: CliResult;
beforeAll(async () => {
  pretrained = await runHere([...PRETRAIN, '--out', core, '--json']);
});

describe('betz pretrain', () => {
  it('writes a core with a read-in for every session, and reports it', () => {
    expect(pretrained.code, pretrained.stderr).toBe(0);
    const report = pretrainReport.parse(jsonOf(pretrained));
    expect(report).toMatchObject({ latents: 12, steps: 20, out: core });
    expect(report.heldOutR2.map(({ recording }) => recording)).toEqual([
      'simulated array, seed 1, day 0',
      'simulated array, seed 1, day 1',
    ]);
    const { model } = readModelFile(core);
    expect(model).toMatchObject({ kind: 'gru', config: { hiddenCount: 8 }, shape: { inputCount: 12 } });
    expect(model.sessions).toHaveLength(1);
    expect(existsSync(`${core}.checkpoint`)).toBe(false);
  });

  it('leaves a checkpoint at Ctrl-C, does not start anew by mistake, and goes on to the same model', () =>
    inFolder(async (cwd) => {
      const slow = [...PRETRAIN, '--set', 'hiddenCount=256', '--seed', '4'];
      const args = [...slow, '--out', 'm'];
      const running = startCli(args, cwd);
      await running.printed(/pretraining gru on 2 sessions \d+ %/);
      running.kill('SIGINT');
      const stopped = await running.done;
      expect(failureOf(stopped)).toMatchObject({
        code: 'CFG_INTERRUPTED',
        tip: expect.stringContaining('--resume') as string,
      });
      expect(listing(cwd)).toEqual(['m.checkpoint']);
      expect(failureOf(await runHere(args, cwd))).toMatchObject({ code: 'CFG_USAGE' });
      const foreign = await runHere([...args, '--latents', '5', '--resume'], cwd);
      expect(failureOf(foreign).code).toBe('CAL_CHECKPOINT_FOREIGN');
      const resumed = await runHere([...args, '--resume'], cwd);
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(resumed.stdout).toMatch(/^gru pretrained on 2 sessions in .* \(20 steps\)\n/);
      expect(listing(cwd)).toEqual(['m']);
      expect((await runHere([...slow, '--out', 'whole'], cwd)).code).toBe(0);
      const tensorsOf = (name: string): unknown => readModelFile(join(cwd, name)).model.tensors;
      expect(tensorsOf('m')).toEqual(tensorsOf('whole'));
    }));

  it.each([
    [['--source', 'simulated', '--recording', 'a.mat'], 'CFG_USAGE'],
    [['--source', 'udp'], 'CFG_USAGE'],
    [['--recording', 'a.mat', '--days', '0'], 'CFG_USAGE'],
    [[], 'CFG_USAGE'],
    [['--recording', 'a.mat'], 'LOG_FILE_MISSING'],
    [
      ['--source', 'simulated', '--decoder', 'wiener', '--days', '0', '--seconds', '12'],
      'CAL_METHOD_UNSUPPORTED',
    ],
    [[...TINY, '--days', '0', '--resume'], 'CAL_CHECKPOINT_MISSING'],
    [[...TINY, '--days', '0', '--target', 'handVelocity'], 'CFG_USAGE'],
  ])('refuses %j', (args, code) =>
    inFolder(async (cwd) => {
      expect(failureOf(await runHere(['pretrain', '--out', 'm', ...args], cwd)).code).toBe(code);
      expect(listing(cwd)).toEqual([]);
    }),
  );

  it.each([
    ['CAL_CHECKPOINT_MISSING', 'there is no checkpoint to go on from', 'm.checkpoint', undefined],
    ['CAL_CHECKPOINT_INVALID', 'the checkpoint cannot be used: it is text', '8 bytes', 'no state'],
    ['CAL_CHECKPOINT_INVALID', 'the checkpoint cannot be used: it is cut short or damaged', '0 bytes', ''],
  ])('says of --resume that %s: %s', (code, message, value, content) =>
    inFolder(async (cwd) => {
      if (content !== undefined) writeFileSync(join(cwd, 'm.checkpoint'), content);
      const result = await runHere(
        ['pretrain', '--out', 'm', ...TINY, '--days', '0', '--resume', '--json'],
        cwd,
      );
      expect(result.code).toBe(1);
      const { tip } = failureOf(result);
      expect(tip).toMatch(/start without --resume\.$/);
      expect(jsonOf(result)).toEqual({ error: { code, message, value, tip } });
      expect(listing(cwd)).toEqual(content === undefined ? [] : ['m.checkpoint']);
    }),
  );

  it('says of a folder in the place of its checkpoint that it is none', () =>
    inFolder(async (cwd) => {
      mkdirSync(join(cwd, 'm.checkpoint'));
      const args = ['pretrain', '--out', 'm', ...TINY, '--days', '0', '--resume', '--json'];
      expect(jsonOf(await runHere(args, cwd))).toMatchObject({
        error: {
          code: 'CAL_CHECKPOINT_INVALID',
          message: 'the checkpoint is not a file',
          value: 'm.checkpoint',
        },
      });
    }));

  it('replaces no model that is there, and keeps it beside the new one with --replace', () =>
    inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'm'), 'in service');
      const args = ['pretrain', '--out', 'm', ...TINY, '--days', '0'];
      expect(failureOf(await runHere(args, cwd)).code).toBe('CFG_FILE_EXISTS');
      expect(listing(cwd)).toEqual(['m']);
      expect(jsonOf(await runHere([...args, '--replace', '--json'], cwd))).toMatchObject({
        previous: 'm.previous-1',
      });
      expect(readFileSync(join(cwd, 'm.previous-1'), 'utf8')).toBe('in service');
    }));

  it('takes every session once, whatever its file is called', () =>
    inFolder(async (cwd) => {
      writeSmallRecording(join(cwd, 'a.mat'), { binCount: 300 });
      copyFileSync(join(cwd, 'a.mat'), join(cwd, 'b.mat'));
      const refused = await runHere(['pretrain', '--recording', 'a.mat', 'b.mat', '--out', 'm'], cwd);
      expect(failureOf(refused)).toMatchObject({
        code: 'CAL_SESSION_REPEATED',
        message: expect.stringContaining("'b'") as string,
      });
      expect(listing(cwd)).toEqual(['a.mat', 'b.mat']);
    }));

  it('takes days as ranges and lists, each once', () => {
    expect(parseDays('0-2, 5')).toEqual([0, 1, 2, 5]);
    for (const wrong of ['3-1', '1,3-2', '1-2-3', '1,1', '0-100', 'x', '', '-1', '1e9', '1,'])
      expect(
        betzErrorOf(() => parseDays(wrong)),
        wrong,
      ).toMatchObject({ code: 'CFG_USAGE', value: wrong });
    expect(parseDays('999-1000')).toEqual([999, 1000]);
    expect(betzErrorOf(() => parseDays('3,999-1001'))).toMatchObject({ code: 'CFG_USAGE', value: '1001' });
  });
});

describe('betz calibrate --model', () => {
  it.each(['readout', 'read-in', 'auto'])(
    '%s: brings the core to another day, and reports it',
    async (method) => {
      const before = readFileSync(core);
      const data = method === 'readout' ? DAY : TINY;
      const day = [...data, '--day', '8', '--method', method, '--out', `${method}.safetensors`];
      const result = await calibrate(...day, '--json');
      expect(result.code, result.stderr).toBe(0);
      const report = sessionReport.parse(jsonOf(result));
      expect(report).toMatchObject({ seconds: 12, session: 'simulated array, seed 1, day 8' });
      expect(report.tried.map((each) => each.method)).toEqual(
        method === 'auto' ? ['readout', 'ends'] : [method],
      );
      expect(report.later).toMatchObject({ seconds: 120 });
      expect(report.heldOutR2.mean).toBeCloseTo((report.heldOutR2.x + report.heldOutR2.y) / 2, 9);
      const { model } = readModelFile(join(folder, report.out));
      expect(model.provenance).toMatchObject({
        method: report.method,
        replaces: 'core.safetensors',
        replacesSha256: readModelFile(core).hash,
      });
      expect(readFileSync(core).equals(before)).toBe(true);
    },
  );

  it('keeps the readout of auto where what was to follow fails, and says so', async () => {
    const { model } = readModelFile(core);
    writeModelFile(join(folder, 'huge'), withHugeReadout(model));
    const args = ['--model', 'huge', ...TINY, '--day', '8', '--out', 'kept', '--report', 'kept.html'];
    const result = await calibrate(...args, '--json');
    expect(result.code, result.stderr).toBe(0);
    const report = sessionReport.parse(jsonOf(result));
    const failed = { method: 'ends', code: 'CAL_DIVERGED' };
    expect(report).toMatchObject({ method: 'readout', failed });
    expect(report.verdict.sentence).toMatch(/But the fit by ends, .* failed and is left out: CAL_DIVERGED, /);
    expect(readModelFile(join(folder, 'kept')).model.provenance).toMatchObject({ method: 'readout' });
    expect(JSON.parse(readFileSync(join(folder, 'kept.json'), 'utf8'))).toMatchObject({ failed });
    // The page has the advice as its heading, and begins the reason with a capital.
    const reason = report.verdict.reason.slice(1).replaceAll('R2', 'R²');
    const page = readFileSync(join(folder, 'kept.html'), 'utf8');
    expect(page).toContain(reason);
    expect(page).toContain('s after these data: R²');
    const words = (await calibrate(...args, '--replace')).stdout.split('\n');
    expect(words).toContain(report.verdict.sentence);
    expect(words).toContain('report written to kept.html');
  });

  it('names the model after the one before it and the method, and shows it to people', async () => {
    const day = [...DAY, '--day', '9', '--method', 'readout'];
    const { code, stdout } = await calibrate(...day);
    expect(code).toBe(0);
    expect(stdout).not.toContain('before');
    expect(stdout).toMatch(/^gru calibrated by readout on 12 s of simulated array, seed 1, day 9 in /);
    expect(stdout).toMatch(/\nmodel written to .*core-readout\.safetensors\n$/);
    expect(existsSync(join(folder, 'core-readout.safetensors'))).toBe(true);
    const again = await calibrate(...day);
    expect(again.stdout).toMatch(/\nmodel written to .*core-readout-2\.safetensors\n$/);
  });

  it('says when the session is one that the model has learned from, and does not plainly say use', async () => {
    const day = [
      ...DAY,
      '--day',
      '1',
      '--method',
      'readout',
      '--out',
      'known.safetensors',
      '--report',
      'known.html',
    ];
    const { code, stdout } = await calibrate(...day);
    expect(code).toBe(0);
    const remark = 'the decoder in service had learned from these very data before';
    expect(stdout).toContain(remark);
    expect(stdout).not.toContain('Use the new decoder:');
    // What comes after the pretraining's 12 s is new.
    expect(stdout).toMatch(/^on the 120 s after: /m);
    const page = readFileSync(join(folder, 'known.html'), 'utf8');
    // As it was typed, so that it can be typed again.
    expect(page).toContain(`<code>betz run --model ${core}</code>`);
    expect(page).toContain(remark);
    expect(page).not.toContain('None of the three learned from the held-out blocks');
    const shorter = DAY.map((word) => (word === '12' ? '8' : word));
    shorter[shorter.indexOf('--channels') + 1] = '12';
    const first = await calibrate(
      ...shorter,
      '--day',
      '1',
      '--method',
      'readout',
      '--out',
      'part.safetensors',
      '--json',
    );
    expect(sessionReport.parse(jsonOf(first))).toMatchObject({
      verdict: { knownSeconds: 8 },
      later: { knownSeconds: 4 },
    });
  });

  it.each([
    [['--source', 'simulated', '--recording', 'a.mat'], 'CFG_USAGE'],
    [['--source', 'udp'], 'CFG_USAGE'],
    [[], 'CFG_USAGE'],
    [['--recording', 'a.mat', '--day', '1'], 'CFG_USAGE'],
    [['--recording', 'a.mat'], 'LOG_FILE_MISSING'],
    [[...TINY, '--method', 'magic'], 'CFG_USAGE'],
    [[...TINY, '--decoder', 'gru'], 'CFG_USAGE'],
    [[...TINY, '--seeds', '2'], 'CFG_USAGE'],
    [[...TINY, '--seconds', '5'], 'CAL_SESSION_TOO_SHORT'],
    [[...DAY, '--method', 'read-in', '--rank', '3'], 'CFG_USAGE'],
    [[...DAY, '--rank', '3'], 'CFG_USAGE'],
    [[...DAY, '--method', 'lora', '--rank', '1000000000'], 'CFG_USAGE'],
    [[...DAY, '--method', 'readout', '--steps', '3'], 'CFG_USAGE'],
    [[...DAY, '--target', 'handVelocity'], 'CFG_USAGE'],
    [[...DAY, '--report', 'a.pdf'], 'CFG_USAGE'],
    [[...DAY, '--report', '.html'], 'CFG_USAGE'],
  ])('refuses %j', async (args, code) => {
    const before = listing(folder);
    expect(failureOf(await calibrate(...args)).code).toBe(code);
    expect(listing(folder)).toEqual(before);
  });

  it('says that the decoder in service cannot be kept on other channels', async () => {
    const fewer = DAY.map((word, at) => (DAY[at - 1] === '--channels' ? '10' : word));
    const { code, stdout } = await calibrate(
      ...fewer,
      '--method',
      'read-in',
      '--steps',
      '3',
      '--out',
      'fewer',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('(12 then, 10 now), so that it cannot run as it is');
    const { stdout: same } = await calibrate(...DAY, '--method', 'readout', '--out', 'same');
    expect(same).not.toContain('cannot run as it is');
  });

  it('does not replace the model in service, and needs one', async () => {
    copyFileSync(core, join(folder, 'copy.safetensors'));
    const result = await calibrate(...TINY, '--out', './core.safetensors');
    expect(result.code).not.toBe(0);
    expect(failureOf(result).message).toContain('the new model would replace the one in service');
    const before = readFileSync(join(folder, 'copy.safetensors'));
    expect(readFileSync(core).equals(before)).toBe(true);
    const missing = await runHere(['calibrate', '--model', join(folder, 'none'), ...TINY]);
    expect(failureOf(missing).code).toBe('DEC_MODEL_FILE_MISSING');
    for (const option of [
      ['--method', 'readout'],
      ['--seconds', '10'],
      ['--day', '1'],
    ])
      expect(failureOf(await runHere(['calibrate', '--recording', 'a.mat', ...option])).code).toBe(
        'CFG_USAGE',
      );
  });
});

describe('betz bench calibration', () => {
  it('scores every method on a recording', async () => {
    const recording = join(folder, 'small.mat');
    writeSmallRecording(recording, { binCount: 1000 });
    const args = ['--recording', recording, '--decoder', 'gru', '--set', 'hiddenCount=4', '--seeds', '1'];
    const methods = ['--methods', 'normalise,readout', '--seconds', '8', '--threads', '1', '--json'];
    const result = await runHere(['bench', 'calibration', ...args, ...methods]);
    expect(result.code, result.stderr).toBe(0);
    const row = z.object({ method: z.string(), seconds: z.number(), r2: z.number(), seed: z.literal(1) });
    const { rows } = z.object({ rows: z.array(row) }).parse(jsonOf(result));
    expect(rows.map(({ method, seconds }) => `${method} ${seconds}`)).toEqual([
      'none 0',
      'ridge 8',
      'normalise 8',
      'readout 8',
      'ridge 10',
      'full 10',
    ]);
    const r2 = new Map(rows.map((each) => [each.method, each.r2]));
    expect(r2.get('full')).toBeGreaterThan(0.1);
  });
});
