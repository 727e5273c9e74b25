/**
 * Model files on disk. A write goes to a new file in the same folder, is flushed to the disk, and is then renamed over
 * the old one: whoever opens the path sees the old model or the new one, never a part.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';
import { decodeModel, encodeModel } from '../decoders/model-file.ts';

const MODEL_BYTES_MAX = 1024 * 1024 * 1024;

/** SHA-256 of the file's bytes, hexadecimal: what a saved decoder state is bound to. */
export function modelHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws BetzError DEC_MODEL_FILE_MISSING, DEC_MODEL_FILE_UNREADABLE, and those of `decodeModel` */
export function readModelFile(path: string): { model: Model; hash: string } {
  const bytes = readModelBytes(path);
  return { model: decodeModel(bytes), hash: modelHash(bytes) };
}

/**
 * @param writer program and version, e.g. 'betz 0.1.0'
 * @returns the hash of what was written
 * @throws BetzError DEC_MODEL_FILE_UNWRITABLE, and those of `encodeModel`
 */
export function writeModelFile(path: string, model: Model, writer?: string): { hash: string; bytes: number } {
  const bytes = encodeModel(model, writer);
  writeModelBytes(path, bytes);
  return { hash: modelHash(bytes), bytes: bytes.byteLength };
}

/**
 * Finds out whether `writeModelFile` could write there, leaving nothing behind: asked before a calibration, so that
 * minutes of training are not lost to a typing error. @throws BetzError DEC_MODEL_FILE_UNWRITABLE
 */
export function assertModelPathWritable(path: string): void {
  const target = resolveTarget(path);
  const temporary = temporaryPath(target);
  try {
    closeSync(openSync(temporary, 'wx'));
    rmSync(temporary);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** A model file of any format, as it is. @throws BetzError DEC_MODEL_FILE_MISSING, DEC_MODEL_FILE_UNREADABLE */
export function readModelBytes(path: string): Uint8Array {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw unreadable(path, 'is not a file', undefined);
    if (stats.size > MODEL_BYTES_MAX)
      throw unreadable(path, `has ${stats.size} bytes, beyond the limit`, undefined);
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof BetzError) throw cause;
    if (errnoCode(cause) === 'ENOENT') {
      throw new BetzError('DEC_MODEL_FILE_MISSING', 'there is no such model file', {
        value: path,
        tip: 'Check the path, or make the model with `betz calibrate --out`.',
        cause,
      });
    }
    throw unreadable(path, `cannot be read (${errnoCode(cause)})`, cause);
  }
}

/** The same for writing: the whole file or none of it. @throws BetzError DEC_MODEL_FILE_UNWRITABLE */
export function writeModelBytes(path: string, bytes: Uint8Array): void {
  const target = resolveTarget(path);
  const temporary = temporaryPath(target);
  let file: number;
  try {
    file = openSync(temporary, 'wx');
  } catch (cause) {
    throw unwritable(path, cause);
  }
  try {
    try {
      let written = 0;
      while (written < bytes.byteLength) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw unwritable(path, cause);
  }
  syncFolder(dirname(target));
}

/** Where the path leads: through a link to the file behind it, so that the link stays a link. */
function resolveTarget(path: string): string {
  if (path.endsWith('/')) throw unwritable(path, undefined);
  let target: string;
  try {
    target = realpathSync(path);
  } catch (cause) {
    // Not there yet is as it should be; whether its folder is will show when the temporary file is made.
    if (errnoCode(cause) === 'ENOENT') return path;
    throw unwritable(path, cause);
  }
  if (!statSync(target).isFile()) throw unwritable(path, undefined);
  return target;
}

function temporaryPath(target: string): string {
  return join(dirname(target), `.betz-${randomUUID()}.tmp`);
}

/**
 * A rename lasts through a power cut once its folder is on the disk. The model is in place already, and some file systems
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

function errnoCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : 'unknown cause';
}

function unreadable(path: string, problem: string, cause: unknown): BetzError {
  return new BetzError('DEC_MODEL_FILE_UNREADABLE', `the model file ${problem}`, {
    value: path,
    tip: 'Give the path of a readable model file.',
    cause,
  });
}

function unwritable(path: string, cause: unknown): BetzError {
  const reason = cause === undefined ? 'it is not a file' : errnoCode(cause);
  return new BetzError('DEC_MODEL_FILE_UNWRITABLE', `no model can be written there (${reason})`, {
    value: path,
    tip: 'Give a file name in an existing folder that you may write to.',
    cause,
  });
}
