/** Reports on disk, each written as a whole. */
import { BetzError } from '../core/errors.ts';
import { assertWholeFileWritable, writeWholeFile } from './whole-file.ts';
import type { WholeFileErrors } from './whole-file.ts';

/** @throws BetzError CFG_REPORT_UNWRITABLE */
export function assertReportPathWritable(path: string): void {
  assertWholeFileWritable(path, ERRORS);
}

/** @throws BetzError CFG_REPORT_UNWRITABLE */
export function writeReportFile(path: string, text: string): void {
  writeWholeFile(path, new TextEncoder().encode(text), ERRORS);
}

const ERRORS: WholeFileErrors = {
  missing: (path, cause) => unwritable(path, 'it is missing', cause),
  unreadable: (path, problem, cause) => unwritable(path, problem, cause),
  unwritable,
};

function unwritable(path: string, reason: string, cause: unknown): BetzError {
  return new BetzError('CFG_REPORT_UNWRITABLE', `no report can be written there (${reason})`, {
    value: path,
    tip: 'Give a file name in an existing folder that you may write to.',
    cause,
  });
}
