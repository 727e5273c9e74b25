import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/core/crc32.ts';

describe('crc32', () => {
  it('gives the published check value, and 0 for nothing', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});
