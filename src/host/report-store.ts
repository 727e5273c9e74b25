/** Reports on disk, each written as a whole. */
import { BetzError } from '../core/errors.ts';
import { assertFree, writeKeeping } from './kept-file.ts';
import type { WholeFileWriteErrors } from './whole-file.ts';

/** @param mayReplace what is there will be kept beside the new file @throws BetzError CFG_FILE_EXISTS, CFG_REPORT_UNWRITABLE */
export function assertReportPathWritable(path: string, mayReplace: boolean): void {
  assertFree(path, mayReplace, ERRORS);
}

/** What is there is kept beside it. @throws BetzError CFG_REPORT_UNWRITABLE */
export function writeReportFile(path: string, text: string): void {
  writeKeeping(path, new TextEncoder().encode(text), ERRORS);
}

const ERRORS: WholeFileWriteErrors = {
  unwritable: (path, reason, tip, cause) =>
    new BetzError('CFG_REPORT_UNWRITABLE', `no report can be written there (${reason})`, {
      value: path,
      tip,
      cause,
    }),
};
