/** docs/errors.md lists exactly the codes that the source can throw. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
const CODE = /'((?:ACQ|SIG|DEC|CAL|LOG|IPC|CFG)_[A-Z0-9_]+)'/g;

function codesInSource(): string[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  const codes = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      [...readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(CODE)].map((match) => match[1]),
    );
  return [...new Set(codes)].sort();
}

function codesInDocs(): string[] {
  const text = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
  return [...text.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1]).sort();
}

describe('docs/errors.md', () => {
  it('lists every code once, and no other', () => {
    expect(codesInSource().length).toBeGreaterThan(50);
    expect(codesInDocs()).toEqual(codesInSource());
  });
});
