/** Reports on disk, each written as a whole. */
import { BetzError } from '../core/errors.ts';
import { assertWholeFileWritable, writeWholeFile } from './whole-file.ts';
import type { WholeFileWriteErrors } from './whole-file.ts';

/** @throws BetzError CFG_REPORT_UNWRITABLE */
export function assertReportPathWritable(path: string): void {
  assertWholeFileWritable(path, ERRORS);
}

/** @throws BetzError CFG_REPORT_UNWRITABLE */
export function writeReportFile(path: string, text: string): void {
  writeWholeFile(path, new TextEncoder().encode(text), ERRORS);
}

const ERRORS: WholeFileWriteErrors = {
  unwritable: (path, reason, tip, cause) =>
    new BetzError('CFG_REPORT_UNWRITABLE', `no report can be written there (${reason})`, {
      value: path,
      tip,
      cause,
    }),
};
