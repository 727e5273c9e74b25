/** The version in package.json, which lies one folder above both src and dist. */
import { readFileSync } from 'node:fs';

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version: found } = JSON.parse(text) as { version: string };
  return found;
}

export const version = readVersion();
