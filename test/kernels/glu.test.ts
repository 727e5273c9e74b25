import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

describe.each(VARIANTS)('gated linear unit, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('forward, backward and with the residual equal their twins, any rows and features', () => {
    const shapes = fc.record({
      rows: fc.integer({ min: 0, max: 5 }),
      cols: fc.integer({ min: 0, max: 23 }),
      accumulate: fc.integer({ min: 0, max: 1 }),
      seed: seeds,
    });
    forEachCase(shapes, 150, ({ rows, cols, accumulate, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const x = place.input(drawUniform(rng, 2 * rows * cols).map((value) => 4 * value));
        const dy = place.input(drawUniform(rng, rows * cols));
        const y = place.output(rows * cols);
        const dx = place.inOut(drawUniform(rng, 2 * rows * cols));
        k.glu(y.ptr, x.ptr, rows, cols);
        k.gluBackward(dx.ptr, dy.ptr, x.ptr, rows, cols, accumulate);
        const stream = place.inOut(drawUniform(rng, cols));
        const m = place.input(drawUniform(rng, 2 * cols));
        const gain = place.input(drawUniform(rng, cols));
        const offset = place.input(drawUniform(rng, cols));
        k.gluResidual(stream.ptr, m.ptr, gain.ptr, offset.ptr, cols);
        return { y: y.values, dx: dx.values, stream: stream.values };
      });
      // The error of the sigmoid, 9e-8, times x up to 4, and a few roundings.
      for (const name of Object.keys(expected)) expectClose(actual[name], expected[name], () => 2e-6);
    });
  });

  it('NaN shows, and an open or shut gate is exact', () => {
    for (const cols of [1, 4]) {
      memory.reset();
      const row = (value: number): number[] => Array.from({ length: cols }, () => value);
      const x = memory.input([
        ...row(3),
        ...row(200),
        ...row(3),
        ...row(-200),
        ...row(1),
        ...row(Number.NaN),
      ]);
      const y = memory.output(3 * cols);
      exports.glu(y.ptr, x.ptr, 3, cols);
      expectClose(y.values, [...row(3), ...row(0), ...row(Number.NaN)], () => 1e-30);
      expect(y.values[0]).toBe(3);
    }
  });
});
