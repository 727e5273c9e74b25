import fc from 'fast-check';
import { describe, it } from 'vitest';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { drawIntegers, runTwins, VARIANTS } from '../support/kernel-twins.ts';

describe.each(VARIANTS)('columns, %s', (variant) => {
  it('copies and adds blocks exactly, any strides', () => {
    const shapes = fc.record({
      rows: fc.integer({ min: 0, max: 6 }),
      cols: fc.integer({ min: 0, max: 19 }),
      more: fc.tuple(fc.nat(5), fc.nat(5)),
      seed: seeds,
    });
    forEachCase(shapes, 150, ({ rows, cols, more: [moreY, moreX], seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const [yStride, xStride] = [cols + moreY, cols + moreX];
        const x = place.input(drawIntegers(rng, rows * xStride));
        const copied = place.inOut(drawIntegers(rng, rows * yStride));
        const added = place.inOut(drawIntegers(rng, rows * yStride));
        k.copyColumns(copied.ptr, yStride, x.ptr, xStride, rows, cols);
        k.addColumns(added.ptr, yStride, x.ptr, xStride, rows, cols);
        return { copied: copied.values, added: added.values };
      });
      for (const name of ['copied', 'added']) expectClose(actual[name], expected[name], () => 0);
    });
  });
});
