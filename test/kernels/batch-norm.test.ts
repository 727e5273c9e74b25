import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchNormScratchCount } from '../../src/kernels/exports/batch-norm.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const EPSILON = 1e-5;
const shapes = fc.record({
  rows: fc.integer({ min: 1, max: 9 }),
  cols: fc.integer({ min: 0, max: 23 }),
  accumulate: fc.integer({ min: 0, max: 1 }),
  seed: seeds,
});

describe.each(VARIANTS)('batch norm, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('forward, backward and affine map equal their twins, any rows and features', () => {
    forEachCase(shapes, 150, ({ rows, cols, accumulate, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const x = place.input(drawUniform(rng, rows * cols).map((value) => 3 * value + 1));
        const dy = place.input(drawUniform(rng, rows * cols));
        const gain = place.input(drawUniform(rng, cols));
        const bias = place.input(drawUniform(rng, cols));
        const y = place.output(rows * cols);
        const stats = place.output(2 * cols);
        const dx = place.inOut(drawUniform(rng, rows * cols));
        const dgain = place.inOut(drawUniform(rng, cols));
        const dbias = place.inOut(drawUniform(rng, cols));
        const affine = place.output(rows * cols);
        const scratch = place.output(batchNormScratchCount(cols));
        const sizes = [rows, cols, EPSILON] as const;
        k.batchNorm(y.ptr, stats.ptr, x.ptr, gain.ptr, bias.ptr, ...sizes, scratch.ptr);
        k.batchNormBackward(
          ...([dx.ptr, dgain.ptr, dbias.ptr, dy.ptr, x.ptr, stats.ptr, gain.ptr] as const),
          ...sizes,
          accumulate,
          scratch.ptr,
        );
        k.columnAffine(affine.ptr, x.ptr, gain.ptr, bias.ptr, rows, cols);
        return {
          y: y.values,
          stats: stats.values,
          dx: dx.values,
          dgain: dgain.values,
          dbias: dbias.values,
          affine: affine.values,
        };
      });
      // Rows that are nearly equal, or one row: 1 / sqrt(variance) is up to 300 and enlarges every rounding of x.
      const variances = expected['stats'].slice(cols);
      const scale = variances.reduce(
        (most, variance) => Math.max(most, 1 / Math.sqrt(variance + EPSILON)),
        1,
      );
      for (const name of Object.keys(expected))
        expectClose(actual[name], expected[name], (value) => 1e-6 * scale * (10 + Math.abs(value)));
    });
  });

  it('equals the definition on columns computed by hand', () => {
    memory.reset();
    const x = memory.input([1, 5, 3, 5]); // columns 1, 3 and 5, 5
    const y = memory.output(4);
    const stats = memory.output(4);
    exports.batchNorm(
      ...([y.ptr, stats.ptr, x.ptr, memory.input([2, 2]).ptr, memory.input([1, 7]).ptr] as const),
      ...([2, 2, EPSILON, memory.output(batchNormScratchCount(2)).ptr] as const),
    );
    expectClose(stats.values, [2, 5, 1, 0], () => 0);
    expectClose(y.values, [-1, 7, 3, 7], () => 2e-5); // epsilon takes 1e-5 of a half
    memory.verify();
  });

  it('NaN and infinity fill their column and no other', () => {
    for (const bad of [Number.NaN, Infinity]) {
      memory.reset();
      const x = memory.input([1, bad, 2, 3, 4, 5]);
      const ones = memory.input([1, 1]);
      const y = memory.output(6);
      exports.batchNorm(
        ...([y.ptr, memory.output(4).ptr, x.ptr, ones.ptr, ones.ptr] as const),
        ...([3, 2, EPSILON, memory.output(batchNormScratchCount(2)).ptr] as const),
      );
      y.values.forEach((value, i) => {
        expect(Number.isNaN(value)).toBe(i % 2 === 1);
      });
    }
  });
});
