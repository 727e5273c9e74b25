import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rng } from '../../src/core/rng.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import type { KernelMemory } from '../support/kernel-memory.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawIntegers, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const shapes = fc.record({
  rows: fc.integer({ min: 0, max: 100 }),
  cols: fc.integer({ min: 0, max: 70 }),
  seed: seeds,
});

function padded(rows: number): number {
  return Math.ceil(rows / 24) * 24;
}

/** Packs a matrix of `draw`n weights and multiplies it, dense and sparse, with inputs of which half are zero. */
function multiply(
  kernels: KernelExports,
  memory: KernelMemory,
  rng: Rng,
  rows: number,
  cols: number,
  draw: (rng: Rng, count: number) => Float32Array,
): Record<'packed' | 'dense' | 'sparse', Float32Array> {
  const w = memory.input(draw(rng, rows * cols));
  const bias = memory.input(draw(rng, padded(rows)));
  const x = memory.input(draw(rng, cols).map((value) => (rng.uniform() < 0.5 ? 0 : value)));
  const packed = memory.output(padded(rows) * cols);
  const dense = memory.output(padded(rows));
  const sparse = memory.output(padded(rows));
  const scratch = memory.output(cols);
  kernels.packMatvec(packed.ptr, w.ptr, rows, cols);
  kernels.matvecDense(dense.ptr, packed.ptr, x.ptr, bias.ptr, rows, cols);
  kernels.matvecSparse(sparse.ptr, packed.ptr, x.ptr, bias.ptr, rows, cols, scratch.ptr);
  return { packed: packed.values, dense: dense.values, sparse: sparse.values };
}

describe.each(VARIANTS)('matrix-vector product, %s', (variant) => {
  it('equals its twin exactly on integers, of any shape', () => {
    forEachCase(shapes, 120, ({ rows, cols, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, memory, rng) =>
        multiply(kernels, memory, rng, rows, cols, drawIntegers),
      );
      for (const name of ['packed', 'dense', 'sparse']) expectClose(actual[name], expected[name], () => 0);
      expectClose(actual['sparse'], actual['dense'], () => 0);
    });
  });

  it('equals its twin within 2^-24 for each of `cols` additions', () => {
    forEachCase(shapes, 60, ({ rows, cols, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, memory, rng) =>
        multiply(kernels, memory, rng, rows, cols, drawUniform),
      );
      // Partial sums of terms below 1 with random signs stay below 2 sqrt(cols); product and sum are rounded.
      const tolerance = (2 * (cols + 1) * 2 * Math.sqrt(cols + 1)) / 2 ** 24;
      expectClose(actual['dense'], expected['dense'], () => tolerance);
      expectClose(actual['sparse'], expected['sparse'], () => tolerance);
    });
  });

  it('keeps the order of rows and columns', () => {
    const { exports, memory } = benchOf(variant);
    memory.reset();
    const rows = 25;
    const w = memory.input(Array.from({ length: rows * 2 }, (_, i) => i)); // w(row, col) = 2 row + col
    const bias = memory.input(new Float32Array(48).fill(0.5));
    const packed = memory.output(48 * 2);
    const y = memory.output(48);
    exports.packMatvec(packed.ptr, w.ptr, rows, 2);
    exports.matvecDense(y.ptr, packed.ptr, memory.input([1, 10]).ptr, bias.ptr, rows, 2);
    memory.verify();
    expect(Array.from(y.values)).toEqual(
      Array.from({ length: 48 }, (_, row) => (row < rows ? 2 * row + 10 * (2 * row + 1) + 0.5 : 0.5)),
    );
  });

  describe('with values that are not finite', () => {
    const cases = [
      { x: Number.NaN, w: 2, dense: Number.NaN, sparse: Number.NaN },
      { x: 1, w: Number.NaN, dense: Number.NaN, sparse: Number.NaN },
      { x: Infinity, w: 2, dense: Infinity, sparse: Infinity },
      { x: 3, w: -Infinity, dense: -Infinity, sparse: -Infinity },
      { x: 0, w: Infinity, dense: Number.NaN, sparse: 1 },
      { x: -0, w: Infinity, dense: Number.NaN, sparse: 1 },
      { x: 0, w: Number.NaN, dense: Number.NaN, sparse: 1 },
    ];
    it.each(cases)('x = $x, w = $w: dense $dense, sparse $sparse', ({ x, w, dense, sparse }) => {
      const { actual, expected } = runTwins(variant, 2, (kernels, memory) => {
        const weights = memory.input([w, 5]); // 2 rows, 1 column
        const packed = memory.output(24);
        const bias = memory.input(new Float32Array(24).fill(1));
        const input = memory.input([x]);
        const [denseOut, sparseOut] = [memory.output(24), memory.output(24)];
        kernels.packMatvec(packed.ptr, weights.ptr, 2, 1);
        kernels.matvecDense(denseOut.ptr, packed.ptr, input.ptr, bias.ptr, 2, 1);
        kernels.matvecSparse(sparseOut.ptr, packed.ptr, input.ptr, bias.ptr, 2, 1, memory.output(1).ptr);
        return { dense: denseOut.values, sparse: sparseOut.values };
      });
      expect(actual['dense'][0]).toBe(dense);
      expect(actual['sparse'][0]).toBe(sparse);
      expect(actual).toEqual(expected);
      // A weight that is not finite stays in its row.
      if (Number.isFinite(x)) expect(actual['dense'][1]).toBe(1 + 5 * x);
    });
  });
});
