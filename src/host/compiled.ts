/**
 * Where the compiled files lie. Workers and kernel modules are always loaded from dist, also when this file runs
 * from source under the test runner: what is tested is what is shipped.
 */
import { fileURLToPath } from 'node:url';

const HERE = new URL('.', import.meta.url);
const DIST = HERE.pathname.endsWith('/src/host/') ? new URL('../../dist/', HERE) : new URL('../', HERE);

/** @param path inside dist, e.g. 'runtime/decode-worker.js' */
export function compiledUrl(path: string): URL {
  return new URL(path, DIST);
}

export function compiledPath(path: string): string {
  return fileURLToPath(compiledUrl(path));
}
