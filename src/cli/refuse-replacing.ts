/** Output and what is there already: what it is made from is never replaced, anything else only with --replace. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { usageError } from './failure.ts';

/** @param what is written and what it would replace, as one clause @throws BetzError CFG_USAGE */
export function refuseReplacing(inputPath: string, outputPath: string, what: string): void {
  if (!isSamePlace(inputPath, outputPath)) return;
  throw usageError(what, outputPath, 'Give another name.');
}

export const REPLACE_HELP =
  'write also where a file is; it stays beside the new one, as FILE.previous-1 (then -2, ...)';

export interface OutputFiles {
  out: string;
  /** Where the file that was there is kept. */
  previous: string | undefined;
}

/** @param previous where the file that was there is kept */
export function keptLines(previous: string | undefined): string[] {
  return previous === undefined ? [] : [`what was there is kept as ${previous}`];
}

export function isSamePlace(path: string, other: string): boolean {
  return placeOf(path) === placeOf(other);
}

/** Through links, where there is something. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
