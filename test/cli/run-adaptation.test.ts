/** `betz run --adapt`: a decoder that learns while it decodes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeUntrainedModel } from '../support/cli-files.ts';
import { jsonOf, runCli } from '../support/cli.ts';

let folder = '';
let model = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-adaptation-'));
  model = join(folder, 'random.model');
  writeUntrainedModel(model, { channelCount: 96 });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const run = (...options: string[]): string[] => [
  ...['run', '--model', model, '--speed', 'max', '--duration', '60', '--no-record', '--json'],
  ...options,
];

interface Result {
  r2: { mean: number };
  adaptation: { by: string[]; learnedBins: number; usesLearnedReadout: boolean } | null;
}

describe('betz run --adapt', () => {
  it('learns a readout from what the source knows, and says so', async () => {
    const plain = jsonOf(await runCli(run(), folder)) as unknown as Result;
    const result = await runCli(run('--adapt', 'normalise, rls'), folder);
    const adapted = jsonOf(result) as unknown as Result;
    expect(plain.adaptation).toBeNull();
    expect(adapted.adaptation).toMatchObject({ by: ['normalise', 'rls'], usesLearnedReadout: true });
    expect(adapted.adaptation?.learnedBins).toBeGreaterThan(2900);
    expect(adapted.r2.mean).toBeGreaterThan(plain.r2.mean + 0.2);
    expect(result.stderr).toMatch(/adapting {2}normalise, rls .*learned readout in use/);
  });

  it.each([
    ['--adapt hebbian needs --model', ['run', '--adapt', 'hebbian']],
    ['trained by gradient', ['run', '--decoder', 'wiener', '--adapt', 'rls']],
    ['needs --candidate-out', run('--calibrate', '20', '--auto-promote', '--save-state', 'x.state')],
  ])('refuses before anything runs: %s', async (text, args) => {
    const result = await runCli([...args, '--json'], folder);
    expect(result.code).toBe(2);
    const { error } = jsonOf(result) as { error: { code: string; message: string } };
    expect(error.code).toBe('CFG_USAGE');
    expect(error.message).toContain(text);
  });

  it.each([
    ['CFG_USAGE', 'way to adapt', 'forget'],
    ['CAL_READ_IN_MISSING', 'no read-in', 'hebbian'],
  ])('refuses with %s: %s', async (code, text, way) => {
    const result = await runCli(run('--adapt', way), folder);
    expect(result.code).not.toBe(0);
    const { error } = jsonOf(result) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });
});
