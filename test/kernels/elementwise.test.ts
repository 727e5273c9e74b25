import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawIntegers, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const lengths = fc.record({ count: fc.integer({ min: 0, max: 70 }), seed: seeds });
const shapes = fc.record({
  rows: fc.integer({ min: 0, max: 20 }),
  cols: fc.integer({ min: 0, max: 40 }),
  seed: seeds,
});

describe.each(VARIANTS)('elementwise kernels, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it.each(['add', 'multiply'] as const)('%s equals its twin to the last bit, also in place', (kernel) => {
    forEachCase(lengths, 80, ({ count, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const a = place.inOut(drawUniform(rng, count));
        const b = place.input(drawUniform(rng, count));
        const y = place.output(count);
        kernels[kernel](y.ptr, a.ptr, b.ptr, count);
        kernels[kernel](a.ptr, a.ptr, b.ptr, count);
        return { y: y.values, inPlace: a.values };
      });
      // Correctly rounded operations: the float64 twin, rounded to float32, is the same number.
      expect(actual).toEqual(expected);
      expect(actual['inPlace']).toEqual(actual['y']);
    });
  });

  it('multiplyAdd is within two roundings of its twin, and exact on integers', () => {
    forEachCase(lengths, 80, ({ count, seed }) => {
      for (const draw of [drawUniform, drawIntegers]) {
        const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
          const [a, b] = [place.input(draw(rng, count)), place.input(draw(rng, count))];
          const y = place.inOut(draw(rng, count));
          kernels.multiplyAdd(y.ptr, a.ptr, b.ptr, count);
          return { y: y.values };
        });
        // Products are at most 1, sums at most 2.
        expectClose(actual['y'], expected['y'], () => (draw === drawIntegers ? 0 : 3 / 2 ** 24));
      }
    });
  });

  it('accumulate equals its twin to the last bit', () => {
    forEachCase(lengths, 80, ({ count, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const x = place.input(drawUniform(rng, count));
        const y = place.inOut(drawUniform(rng, count));
        kernels.accumulate(y.ptr, x.ptr, count);
        return { y: y.values };
      });
      expect(actual).toEqual(expected);
    });
  });

  it('zero clears NaN too', () => {
    forEachCase(lengths, 40, ({ count, seed }) => {
      const { actual } = runTwins(variant, seed, (kernels, place) => {
        const y = place.output(count);
        kernels.zero(y.ptr, count);
        return { y: y.values };
      });
      expect(actual['y']).toEqual(new Array(count).fill(0));
    });
  });

  it('fillRows copies the row bit for bit, NaN and infinity included', () => {
    forEachCase(shapes, 60, ({ rows, cols, seed }) => {
      const { actual } = runTwins(variant, seed, (kernels, place, rng) => {
        const row = drawUniform(rng, cols).map((value) => (value > 0.8 ? Number.NaN : value));
        if (cols > 1) row[1] = -Infinity;
        const bias = place.input(row);
        const y = place.output(rows * cols);
        kernels.fillRows(y.ptr, bias.ptr, rows, cols);
        return { y: y.values, rows: Array.from({ length: rows }, () => Array.from(row)).flat() };
      });
      expect(actual['y']).toEqual(actual['rows']);
    });
  });

  it('columnSums adds to what is there: exact on integers, else within a rounding per row', () => {
    forEachCase(shapes, 80, ({ rows, cols, seed }) => {
      for (const draw of [drawIntegers, drawUniform]) {
        const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
          const x = place.input(draw(rng, rows * cols));
          const out = place.inOut(draw(rng, cols));
          kernels.columnSums(out.ptr, x.ptr, rows, cols);
          return { out: out.values };
        });
        // Partial sums of up to 21 terms below 1 stay below 21.
        const tolerance = draw === drawIntegers ? 0 : (rows * 21) / 2 ** 24;
        expectClose(actual['out'], expected['out'], () => tolerance);
      }
    });
  });

  it('sumOfSquares accumulates in float64', () => {
    forEachCase(lengths, 80, ({ count, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const x = place.input(drawUniform(rng, count));
        return { sum: [kernels.sumOfSquares(x.ptr, count)] };
      });
      expectClose(actual['sum'], expected['sum'], (sum) => count * 2 ** -53 * sum);
    });
    // In float32 the ones would be lost behind 2^12 squared = 2^24; the largest float32 does not overflow.
    memory.reset();
    const x = memory.input([4096, ...new Array<number>(10).fill(1)]);
    expect(exports.sumOfSquares(x.ptr, 11)).toBe(2 ** 24 + 10);
    const large = memory.input([3e38, 3e38, 3e38, 3e38, 3e38]);
    expect(exports.sumOfSquares(large.ptr, 5) / Math.fround(3e38) ** 2).toBeCloseTo(5, 12);
  });

  it.each([4, 5, 7])('NaN and infinity go through the sums as IEEE says (%i elements)', (count) => {
    for (let at = 0; at < count; at++) {
      memory.reset();
      const values = new Float32Array(count).fill(1);
      values[at] = Number.NaN;
      const nan = memory.input(values);
      values[at] = -Infinity;
      const infinite = memory.input(values);
      expect(exports.sumOfSquares(nan.ptr, count)).toBeNaN();
      expect(exports.sumOfSquares(infinite.ptr, count)).toBe(Infinity);
      const sums = memory.inOut(new Float32Array(count));
      exports.columnSums(sums.ptr, nan.ptr, 1, count);
      exports.columnSums(sums.ptr, infinite.ptr, 1, count);
      expect(Array.from(sums.values)).toEqual(Array.from(values, (_, i) => (i === at ? Number.NaN : 2)));
      const y = memory.output(count);
      exports.multiply(y.ptr, infinite.ptr, memory.input(new Float32Array(count)).ptr, count);
      expect(y.values[at]).toBeNaN();
      exports.add(y.ptr, infinite.ptr, nan.ptr, count);
      expect(y.values[at]).toBeNaN();
    }
  });
});
