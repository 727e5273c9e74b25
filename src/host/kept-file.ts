/**
 * Files that may be in use when another one takes their place, models above all: what was there stays beside the new one, as
 * PATH.previous-1, PATH.previous-2, ...; the highest number is the latest. Nothing ever deletes them.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { BetzError } from '../core/errors.ts';
import { assertWholeFileWritable, notWritten, writeWholeFile } from './whole-file.ts';
import type { WholeFileWriteErrors } from './whole-file.ts';

/**
 * As `writeWholeFile`, after a copy of what was there. Where either fails, all is as before.
 * @returns where what was there is kept; undefined if nothing was
 * @throws BetzError `errors.unwritable`
 */
export function writeKeeping(
  path: string,
  bytes: Uint8Array,
  errors: WholeFileWriteErrors,
): string | undefined {
  const previous = existsSync(path) ? keep(path, errors) : undefined;
  try {
    writeWholeFile(path, bytes, errors);
  } catch (error) {
    if (previous !== undefined) rmSync(previous, { force: true });
    throw error;
  }
  return previous;
}

/**
 * Asked before long work: that `writeKeeping` could write there, and that nothing is there unless it may be replaced.
 * @throws BetzError CFG_FILE_EXISTS, and `errors.unwritable`
 */
export function assertFree(path: string, mayReplace: boolean, errors: WholeFileWriteErrors): void {
  assertWholeFileWritable(path, errors);
  if (mayReplace || !existsSync(path)) return;
  throw new BetzError('CFG_FILE_EXISTS', `'${path}' is there already`, {
    value: path,
    tip: `Give another name; or --replace, where the command has it: the old file stays beside the new one, as ${path}.previous-1 (or -2, ...).`,
  });
}

function keep(path: string, errors: WholeFileWriteErrors): string {
  let copy: string | undefined;
  try {
    const previous = nextPrevious(path);
    copyFileSync(path, previous, constants.COPYFILE_EXCL); // which leaves nothing where it fails
    copy = previous;
    const file = openSync(previous, 'r');
    try {
      fsyncSync(file); // before the original goes
    } finally {
      closeSync(file);
    }
    return previous;
  } catch (cause) {
    if (copy !== undefined) rmSync(copy, { force: true });
    throw notWritten(path, cause, errors);
  }
}

function nextPrevious(path: string): string {
  const start = `${basename(path)}.previous-`;
  const numbers = readdirSync(dirname(path))
    .filter((name) => name.startsWith(start))
    .map((name) => Number(name.slice(start.length)))
    .filter(Number.isSafeInteger);
  return `${path}.previous-${Math.max(0, ...numbers) + 1}`;
}
