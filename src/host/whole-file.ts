/**
 * Small files that are read and written as a whole. A write goes to a new file in the same folder, is flushed to the disk, and
 * is then renamed over the old one: whoever opens the path sees the old file or the new one, never a part.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BetzError } from '../core/errors.ts';

const FILE_BYTES_MAX = 1024 * 1024 * 1024;
const PERMISSION_BITS = 0o777;
const NOT_A_FILE = 'it is not a file';
const WRITABLE_TIP = 'Give a file name in an existing folder that you may write to.';
/** What the system says when there is no room for (more of) a file. */
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** How a kind of file tells what went wrong with a write. */
export interface WholeFileWriteErrors {
  /** @param reason e.g. 'EACCES' @param tip what to do about it */
  unwritable(path: string, reason: string, tip: string, cause: unknown): BetzError;
}

/** And with reading it. */
export interface WholeFileErrors extends WholeFileWriteErrors {
  missing(path: string, cause: unknown): BetzError;
  /** @param problem e.g. 'is not a file' */
  unreadable(path: string, problem: string, cause: unknown): BetzError;
}

/** @throws BetzError one of `errors` */
export function readWholeFile(path: string, errors: WholeFileErrors): Uint8Array {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw errors.unreadable(path, 'is not a file', undefined);
    if (stats.size > FILE_BYTES_MAX)
      throw errors.unreadable(path, `has ${stats.size} bytes, beyond the limit`, undefined);
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof BetzError) throw cause;
    if (errnoCode(cause) === 'ENOENT') throw errors.missing(path, cause);
    throw errors.unreadable(path, `cannot be read (${errnoCode(cause)})`, cause);
  }
}

/** The whole file or none of it. @throws BetzError `errors.unwritable` */
export function writeWholeFile(path: string, bytes: Uint8Array, errors: WholeFileWriteErrors): void {
  const target = resolveTarget(path, errors);
  const temporary = temporaryPath(target);
  let file: number;
  try {
    file = openSync(temporary, 'wx');
  } catch (cause) {
    throw notWritten(path, cause, errors);
  }
  try {
    try {
      const mode = modeOf(target);
      if (mode !== undefined) fchmodSync(file, mode);
      let written = 0;
      while (written < bytes.byteLength) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw notWritten(path, cause, errors);
  }
  syncFolder(dirname(target));
}

/**
 * Finds out whether `writeWholeFile` could write there, leaving nothing behind: asked before long work, so that it is not
 * lost to a typing error. @throws BetzError `errors.unwritable`
 */
export function assertWholeFileWritable(path: string, errors: WholeFileWriteErrors): void {
  const target = resolveTarget(path, errors);
  const temporary = temporaryPath(target);
  try {
    closeSync(openSync(temporary, 'wx'));
    rmSync(temporary);
  } catch (cause) {
    throw notWritten(path, cause, errors);
  }
}

/** Where a link leads to nothing. */
function linkTarget(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isSymbolicLink() === true ? resolve(dirname(path), readlinkSync(path)) : undefined;
}

/** Of the file that is there: who may read it stays as it was. */
function modeOf(target: string): number | undefined {
  const stats = statSync(target, { throwIfNoEntry: false });
  return stats === undefined ? undefined : stats.mode & PERMISSION_BITS;
}

/** Where the path leads: through a link to the file behind it, so that the link stays a link. */
function resolveTarget(path: string, errors: WholeFileWriteErrors): string {
  if (path.endsWith('/')) throw notWritten(path, NOT_A_FILE, errors);
  let target: string;
  try {
    target = realpathSync(path);
  } catch (cause) {
    // Not there yet is as it should be; whether its folder is will show when the temporary file is made.
    if (errnoCode(cause) === 'ENOENT') return linkTarget(path) ?? path;
    throw notWritten(path, cause, errors);
  }
  if (!statSync(target).isFile()) throw notWritten(path, NOT_A_FILE, errors);
  return target;
}

function temporaryPath(target: string): string {
  return join(dirname(target), `.betz-${randomUUID()}.tmp`);
}

/**
 * A rename lasts through a power cut once its folder is on the disk. The file is in place already, and some file systems
 * cannot flush a folder, so a failure here is not the user's concern.
 */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    return;
  }
}

/** @param cause what the file system said, or a reason in words */
export function notWritten(path: string, cause: unknown, errors: WholeFileWriteErrors): BetzError {
  if (typeof cause === 'string') return errors.unwritable(path, cause, WRITABLE_TIP, undefined);
  const code = errnoCode(cause);
  if (NO_ROOM.has(code))
    return errors.unwritable(
      path,
      `no space is left, ${code}`,
      'Free some space, or write to another disk.',
      cause,
    );
  return errors.unwritable(path, code, WRITABLE_TIP, cause);
}

function errnoCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : 'unknown cause';
}
