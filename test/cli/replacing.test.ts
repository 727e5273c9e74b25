/** What is there already, where a command is to write: kept, and replaced only when told to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModelFile } from '../../src/host/model-store.ts';
import { failureOf, inFolder, jsonOf, listing, runCliOnSmallDisk } from '../support/cli.ts';
import { writeSmallRecording, writeUntrainedModel } from '../support/cli-files.ts';
import { runHere } from '../support/cli-in-process.ts';

const CALIBRATE = ['calibrate', '--recording', 'a.mat', '--decoder', 'wiener'];

describe('a model that is there already', () => {
  it('is refused before the fit, and kept beside the new one with --replace', () =>
    inFolder(async (cwd) => {
      writeSmallRecording(join(cwd, 'a.mat'));
      const inService = join(cwd, 'm');
      expect((await runHere([...CALIBRATE, '--out', 'm'], cwd)).code).toBe(0);
      const before = readModelFile(inService).hash;
      const args = [...CALIBRATE, '--out', 'm', '--bin-ms', '100'];
      expect(failureOf(await runHere(args, cwd))).toMatchObject({
        code: 'CFG_FILE_EXISTS',
        tip: expect.stringContaining('m.previous-1') as string,
      });
      expect(listing(cwd)).toEqual(['a.mat', 'm']);
      expect(readModelFile(inService).hash).toBe(before);
      const { stdout } = await runHere([...args, '--replace'], cwd);
      expect(stdout).toMatch(/\nmodel written to m\nwhat was there is kept as m\.previous-1\n$/);
      expect(readModelFile(inService).model.binMs).toBe(100);
      expect(readModelFile(join(cwd, 'm.previous-1')).hash).toBe(before);
      const again = jsonOf(await runHere([...args, '--replace', '--json'], cwd));
      expect(again).toMatchObject({ out: 'm', previous: 'm.previous-2' });
      expect(readModelFile(join(cwd, 'm.previous-1')).hash).toBe(before);
    }));

  it.skipIf(process.platform === 'win32')(
    'is as it was where there is room for its copy and not for the new one',
    () =>
      inFolder(async (cwd) => {
        writeSmallRecording(join(cwd, 'a.mat'));
        writeFileSync(join(cwd, 'm'), 'small');
        const full = await runCliOnSmallDisk(1, [...CALIBRATE, '--out', 'm', '--replace'], cwd);
        expect(failureOf(full).code).toBe('DEC_MODEL_FILE_UNWRITABLE');
        expect(listing(cwd)).toEqual(['a.mat', 'm']);
        expect(readFileSync(join(cwd, 'm'), 'utf8')).toBe('small');
      }),
  );

  it('is not in the way where the name was left to us', () =>
    inFolder(async (cwd) => {
      writeSmallRecording(join(cwd, 'a.mat'));
      for (const name of ['a-wiener', 'a-wiener-2', 'a-wiener-3'])
        expect((await runHere(CALIBRATE, cwd)).stdout).toContain(
          `model written to models/${name}.safetensors\n`,
        );
      expect(listing(join(cwd, 'models'))).toHaveLength(3);
    }));

  it('is a report too: neither of its two files is lost', () =>
    inFolder(async (cwd) => {
      writeUntrainedModel(join(cwd, 'm'), { channelCount: 12 });
      writeFileSync(join(cwd, 'r.json'), 'older figures');
      const day = ['--source', 'simulated', '--channels', '12', '--seconds', '10', '--method', 'normalise'];
      const args = ['calibrate', '--model', 'm', ...day, '--out', 'n', '--report', 'r.json'];
      expect(failureOf(await runHere(args, cwd)).code).toBe('CFG_FILE_EXISTS');
      expect(listing(cwd)).toEqual(['m', 'r.json']);
      const { code, stderr } = await runHere([...args, '--replace'], cwd);
      expect(code, stderr).toBe(0);
      expect(listing(cwd)).toEqual(['m', 'n', 'r.html', 'r.json', 'r.json.previous-1']);
      expect(readFileSync(join(cwd, 'r.json.previous-1'), 'utf8')).toBe('older figures');
      expect(JSON.parse(readFileSync(join(cwd, 'r.json'), 'utf8'))).toMatchObject({
        schema: 'betz.sessionReport',
      });
    }));
});
