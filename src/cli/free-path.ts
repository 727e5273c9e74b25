/** Names of files whose place the user left to us. */
import { existsSync } from 'node:fs';

/** The first of `pathOf('')`, `pathOf('-2')`, `pathOf('-3')`, ... where nothing is. */
export function freePath(pathOf: (suffix: string) => string): string {
  let path = pathOf('');
  for (let count = 2; existsSync(path); count++) path = pathOf(`-${count}`);
  return path;
}
