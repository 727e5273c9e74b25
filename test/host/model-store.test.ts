import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BetzError } from '../../src/core/errors.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import {
  assertModelPathWritable,
  modelHash,
  readModelFile,
  writeModelFile,
} from '../../src/host/model-store.ts';
import { randomModel } from '../support/decoder-models.ts';

const model = (seed = 1): ReturnType<typeof randomModel> =>
  randomModel(wiener, { inputCount: 4, outputCount: 2 }, {}, seed);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-model-store-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (!(error instanceof BetzError)) throw error;
    expect(error.value).toBeDefined();
    return error.code;
  }
}

describe('model store', () => {
  it('reads what it wrote, hash included, and leaves only the file', () => {
    const path = join(folder, 'a.safetensors');
    const written = writeModelFile(path, model(), 'tester 1');
    const read = readModelFile(path);
    expect(read.model).toEqual(model());
    expect(read.hash).toBe(written.hash);
    expect(written.bytes).toBe(readFileSync(path).length);
    expect(readdirSync(folder)).toEqual(['a.safetensors']);
  });

  it('writes where a link leads, also when nothing is there yet', () => {
    const link = join(folder, 'link.safetensors');
    symlinkSync('target.safetensors', link);
    writeModelFile(link, model());
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readModelFile(join(folder, 'target.safetensors')).model).toEqual(model());
  });

  it('lets the same people read a model that it replaces', () => {
    const path = join(folder, 'a.safetensors');
    writeModelFile(path, model(1));
    for (const mode of [0o600, 0o666]) {
      chmodSync(path, mode);
      writeModelFile(path, model(2)); // also what the process's mask would take away from a new file
      expect(statSync(path).mode & 0o777).toBe(mode);
    }
  });

  it('keeps every model that another one takes the place of, the latest under the highest number', () => {
    const path = join(folder, 'a.safetensors');
    expect(writeModelFile(path, model(1)).previous).toBeUndefined();
    chmodSync(path, 0o600);
    expect(writeModelFile(path, model(2)).previous).toBe(`${path}.previous-1`);
    writeFileSync(`${path}.previous-9`, 'kept before');
    writeFileSync(`${path}.previous-old`, 'of somebody else');
    expect(writeModelFile(path, model(3)).previous).toBe(`${path}.previous-10`);
    expect(readModelFile(path).model).toEqual(model(3));
    expect(readModelFile(`${path}.previous-1`).model).toEqual(model(1));
    expect(readModelFile(`${path}.previous-10`).model).toEqual(model(2));
    expect(statSync(`${path}.previous-1`).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${path}.previous-9`, 'utf8')).toBe('kept before');
    expect(readdirSync(folder)).toHaveLength(5);
  });

  it('is refused beforehand where a file is, unless it may be replaced', () => {
    const path = join(folder, 'a.safetensors');
    writeModelFile(path, model());
    const ask = (mayReplace?: boolean) => (): void => {
      assertModelPathWritable(path, mayReplace);
    };
    expect(codeOf(ask())).toBe('CFG_FILE_EXISTS');
    expect(codeOf(ask(false))).toBe('CFG_FILE_EXISTS');
    expect(codeOf(ask(true))).toBeUndefined();
  });

  it('keeps the old model when the new one cannot be written', () => {
    const path = join(folder, 'a.safetensors');
    writeModelFile(path, model(1));
    const bad = model(2);
    bad.tensors['bias'].data[0] = Number.NaN;
    expect(codeOf(() => writeModelFile(path, bad))).toBe('DEC_MODEL_VALUE_NOT_FINITE');
    expect(readModelFile(path).model).toEqual(model(1));
    expect(readdirSync(folder)).toEqual(['a.safetensors']);
  });

  it('writes through a link to the file behind it', () => {
    const target = join(folder, 'target.safetensors');
    const link = join(folder, 'link.safetensors');
    writeModelFile(target, model(1));
    symlinkSync(target, link);
    writeModelFile(link, model(2));
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readModelFile(target).model).toEqual(model(2));
  });

  const PLACES: readonly [string, () => string][] = [
    ['a folder that is not there', () => join(folder, 'absent', 'a.safetensors')],
    ['a folder itself', () => folder],
    [
      'a path through a file',
      () => {
        writeFileSync(join(folder, 'file'), 'x');
        return join(folder, 'file', 'a.safetensors');
      },
    ],
    ['a name that is too long', () => join(folder, 'a'.repeat(300))],
    ['an empty path', () => ''],
  ];
  it.each(PLACES)('refuses to write to %s, beforehand too, and leaves nothing', (_what, makePath) => {
    const path = makePath();
    const before = readdirSync(folder);
    expect(codeOf(() => writeModelFile(path, model()))).toBe('DEC_MODEL_FILE_UNWRITABLE');
    expect(
      codeOf(() => {
        assertModelPathWritable(path);
      }),
    ).toBe('DEC_MODEL_FILE_UNWRITABLE');
    expect(readdirSync(folder)).toEqual(before);
  });

  it.skipIf(process.getuid?.() === 0)('refuses a folder without permission (not as root, who has it)', () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    expect(codeOf(() => writeModelFile(join(closed, 'a'), model()))).toBe('DEC_MODEL_FILE_UNWRITABLE');
  });

  it('leaves nothing behind when it only asks whether it could write', () => {
    const path = join(folder, 'a.safetensors');
    assertModelPathWritable(path);
    expect(existsSync(path)).toBe(false);
    writeModelFile(path, model());
    assertModelPathWritable(path, true);
    expect(readModelFile(path).model).toEqual(model());
    expect(readdirSync(folder)).toEqual(['a.safetensors']);
  });

  it('says whether a file is missing, unreadable or damaged', () => {
    expect(codeOf(() => readModelFile(join(folder, 'absent')))).toBe('DEC_MODEL_FILE_MISSING');
    expect(codeOf(() => readModelFile(folder))).toBe('DEC_MODEL_FILE_UNREADABLE');
    writeFileSync(join(folder, 'empty'), '');
    expect(codeOf(() => readModelFile(join(folder, 'empty')))).toBe('DEC_MODEL_TRUNCATED');
    expect(codeOf(() => readModelFile(join(folder, 'empty', 'a')))).toBe('DEC_MODEL_FILE_UNREADABLE');
    writeFileSync(join(folder, 'text'), 'not a model at all');
    expect(codeOf(() => readModelFile(join(folder, 'text')))).toBe('DEC_MODEL_FORMAT_UNKNOWN');
  });

  it('hashes with SHA-256', () => {
    expect(modelHash(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
