/** Sealed decoder states on disk, read and written as a whole (docs/formats.md, "Sealed state"). */
import { BetzError } from '../core/errors.ts';
import { assertFree, writeKeeping } from './kept-file.ts';
import { readWholeFile, writeWholeFile } from './whole-file.ts';
import type { WholeFileErrors } from './whole-file.ts';

/** @throws BetzError DEC_STATE_FILE_MISSING, DEC_STATE_FILE_UNREADABLE */
export function readStateFile(path: string): Uint8Array {
  return readWholeFile(path, ERRORS);
}

/** @returns where the file that was there is kept @throws BetzError DEC_STATE_FILE_UNWRITABLE */
export function writeStateFile(path: string, sealed: Uint8Array): string | undefined {
  return writeKeeping(path, sealed, ERRORS);
}

/** In the place of the state that it goes on from, which is not kept. @throws BetzError DEC_STATE_FILE_UNWRITABLE */
export function continueStateFile(path: string, sealed: Uint8Array): void {
  writeWholeFile(path, sealed, ERRORS);
}

/** @param mayReplace as told, or because it is the state to go on from @throws BetzError CFG_FILE_EXISTS, DEC_STATE_FILE_UNWRITABLE */
export function assertStatePathWritable(path: string, mayReplace: boolean): void {
  assertFree(path, mayReplace, ERRORS);
}

const ERRORS: WholeFileErrors = {
  missing: (path, cause) =>
    new BetzError('DEC_STATE_FILE_MISSING', 'there is no such state file', {
      value: path,
      tip: 'Check the path, or save one with `betz run --save-state`.',
      cause,
    }),
  unreadable: (path, problem, cause) =>
    new BetzError('DEC_STATE_FILE_UNREADABLE', `the state file ${problem}`, {
      value: path,
      tip: 'Give the path of a file that `betz run --save-state` wrote.',
      cause,
    }),
  unwritable: (path, reason, tip, cause) =>
    new BetzError('DEC_STATE_FILE_UNWRITABLE', `no state can be written there (${reason})`, {
      value: path,
      tip,
      cause,
    }),
};
