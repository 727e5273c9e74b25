import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forEachCase, seeds } from '../support/cases.ts';
import { drawIntegers, runTwins, VARIANTS } from '../support/kernel-twins.ts';

describe.each(VARIANTS)('pages, %s', (variant) => {
  it('are read one word each, any size, and nothing is written', () => {
    const shapes = fc.record({ words: fc.integer({ min: 0, max: 5000 }), seed: seeds });
    forEachCase(shapes, 60, ({ words, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const memory = place.input(drawIntegers(rng, words));
        const word = k.touchPages(memory.ptr, 4 * words);
        return { word: Float32Array.of(word >>> 16, word & 0xffff) };
      });
      expect(actual).toEqual(expected);
    });
  });
});
