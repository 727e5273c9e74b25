/** Output that would replace the input it is made from. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { usageError } from './failure.ts';

/** @param what is written and what it would replace, as one clause @throws BetzError CFG_USAGE */
export function refuseReplacing(inputPath: string, outputPath: string, what: string): void {
  if (placeOf(inputPath) !== placeOf(outputPath)) return;
  throw usageError(what, outputPath, 'Give another name.');
}

/** Through links, where there is something. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
