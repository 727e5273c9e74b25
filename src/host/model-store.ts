/** Model files on disk, read and written as a whole. */
import { createHash } from 'node:crypto';
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';
import { decodeModel, encodeModel } from '../decoders/model-file.ts';
import { assertFree, writeKeeping } from './kept-file.ts';
import { readWholeFile } from './whole-file.ts';
import type { WholeFileErrors } from './whole-file.ts';

/** SHA-256 of the file's bytes, hexadecimal: what a saved decoder state is bound to. */
export function modelHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @throws BetzError DEC_MODEL_FILE_MISSING, DEC_MODEL_FILE_UNREADABLE, and those of `decodeModel` */
export function readModelFile(path: string): { model: Model; hash: string; bytes: Uint8Array } {
  const bytes = readModelBytes(path);
  return { model: decodeModel(bytes), hash: modelHash(bytes), bytes };
}

export interface WrittenModel {
  hash: string;
  bytes: number;
  /** Where the file that was there is kept. */
  previous: string | undefined;
}

/**
 * @param writer program and version, e.g. 'betz 0.1.0'
 * @throws BetzError DEC_MODEL_FILE_UNWRITABLE, and those of `encodeModel`
 */
export function writeModelFile(path: string, model: Model, writer?: string): WrittenModel {
  const bytes = encodeModel(model, writer);
  const previous = writeModelBytes(path, bytes);
  return { hash: modelHash(bytes), bytes: bytes.byteLength, previous };
}

/** @param mayReplace what is there will be kept beside the new file @throws BetzError CFG_FILE_EXISTS, DEC_MODEL_FILE_UNWRITABLE */
export function assertModelPathWritable(path: string, mayReplace = false): void {
  assertFree(path, mayReplace, MODEL_FILE_ERRORS);
}

/** A model file of any format, as it is. @throws BetzError DEC_MODEL_FILE_MISSING, DEC_MODEL_FILE_UNREADABLE */
export function readModelBytes(path: string): Uint8Array {
  return readWholeFile(path, MODEL_FILE_ERRORS);
}

/** @returns where the file that was there is kept @throws BetzError DEC_MODEL_FILE_UNWRITABLE */
export function writeModelBytes(path: string, bytes: Uint8Array): string | undefined {
  return writeKeeping(path, bytes, MODEL_FILE_ERRORS);
}

const MODEL_FILE_ERRORS: WholeFileErrors = {
  missing: (path, cause) =>
    new BetzError('DEC_MODEL_FILE_MISSING', 'there is no such model file', {
      value: path,
      tip: 'Check the path, or make the model with `betz calibrate --out`.',
      cause,
    }),
  unreadable: (path, problem, cause) =>
    new BetzError('DEC_MODEL_FILE_UNREADABLE', `the model file ${problem}`, {
      value: path,
      tip: 'Give the path of a readable model file.',
      cause,
    }),
  unwritable: (path, reason, tip, cause) =>
    new BetzError('DEC_MODEL_FILE_UNWRITABLE', `no model can be written there (${reason})`, {
      value: path,
      tip,
      cause,
    }),
};
