import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const shapes = fc.record({
  rows: fc.integer({ min: 0, max: 7 }),
  cols: fc.integer({ min: 1, max: 41 }),
  accumulate: fc.integer({ min: 0, max: 1 }),
  seed: seeds,
});
const EPSILON = 1e-5;

describe.each(VARIANTS)('norms, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('forward and backward equal their twins within 1e-5, any rows and features', () => {
    forEachCase(shapes, 150, ({ rows, cols, accumulate, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const x = place.input(drawUniform(rng, rows * cols).map((value) => 3 * value + 1));
        const dy = place.input(drawUniform(rng, rows * cols));
        const gain = place.input(drawUniform(rng, cols));
        const bias = place.input(drawUniform(rng, cols));
        const results = [0, 1].flatMap(() => [
          place.output(rows * cols), // y
          place.output(2 * rows), // statistics
          place.inOut(drawUniform(rng, rows * cols)), // dx
          place.inOut(drawUniform(rng, cols)), // dgain
          place.inOut(drawUniform(rng, cols)), // dbias
        ]);
        const [y, stats, dx, dgain, dbias, rmsY, rmsStats, rmsDx, rmsDgain] = results;
        k.layerNorm(y.ptr, stats.ptr, x.ptr, gain.ptr, bias.ptr, rows, cols, EPSILON);
        k.layerNormBackward(
          ...([dx.ptr, dgain.ptr, dbias.ptr, dy.ptr, x.ptr, stats.ptr] as const),
          ...([gain.ptr, rows, cols, accumulate] as const),
        );
        k.rmsNorm(rmsY.ptr, rmsStats.ptr, x.ptr, gain.ptr, rows, cols, EPSILON);
        k.rmsNormBackward(
          ...([
            rmsDx.ptr,
            rmsDgain.ptr,
            dy.ptr,
            x.ptr,
            rmsStats.ptr,
            gain.ptr,
            rows,
            cols,
            accumulate,
          ] as const),
        );
        return Object.fromEntries(results.map(({ values }, i) => [`${i}`, values]));
      });
      // With one or two features that are nearly equal, rstd is up to 300 and enlarges every rounding.
      const scale = expected['1'].reduce((most, value) => Math.max(most, Math.abs(value) || 0), 1);
      for (const name of Object.keys(expected)) {
        expectClose(actual[name], expected[name], (value) => 1e-6 * scale * (10 + Math.abs(value)));
      }
    });
  });

  it('equals the definition on a row computed by hand', () => {
    memory.reset();
    const x = memory.input([1, 3]);
    const y = memory.output(2);
    const stats = memory.output(2);
    exports.layerNorm(y.ptr, stats.ptr, x.ptr, memory.input([2, 3]).ptr, memory.input([1, 0]).ptr, 1, 2, 0);
    expect(Array.from(y.values)).toEqual([-1, 3]); // mean 2, deviation 1
    exports.rmsNorm(y.ptr, stats.ptr, memory.input([3, 4]).ptr, memory.input([5, 5]).ptr, 1, 2, 0);
    expectClose(y.values, [15 / Math.sqrt(12.5), 20 / Math.sqrt(12.5)], () => 1e-6);
    memory.verify();
  });

  it('a constant row is finite, NaN and infinity fill their row and no other', () => {
    for (const bad of [Number.NaN, Infinity]) {
      memory.reset();
      const x = memory.input([5, 5, 5, bad, 1, 2]);
      const ones = memory.input([1, 1, 1]);
      const y = memory.output(6);
      const stats = memory.output(4);
      exports.layerNorm(y.ptr, stats.ptr, x.ptr, ones.ptr, ones.ptr, 2, 3, EPSILON);
      expect(Array.from(y.values.subarray(0, 3))).toEqual([1, 1, 1]);
      expect(y.values.subarray(3).every(Number.isNaN)).toBe(true);
      exports.rmsNorm(y.ptr, stats.ptr, x.ptr, ones.ptr, 2, 3, EPSILON);
      expect(y.values.subarray(0, 3).every(Number.isFinite)).toBe(true);
      expect(y.values.subarray(3).some(Number.isNaN)).toBe(true);
      memory.verify();
    }
  });
});
