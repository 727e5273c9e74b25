import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import type { KernelMemory } from '../support/kernel-memory.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const shapes = fc.record({
  rows: fc.integer({ min: 0, max: 100 }),
  cols: fc.integer({ min: 0, max: 70 }),
  seed: seeds,
});

interface Drawn {
  rows: number;
  cols: number;
  weights: Int8Array;
  x: Float32Array;
  rowScales: Float32Array;
  bias: Float32Array;
}

function padded(rows: number): number {
  return Math.ceil(rows / 24) * 24;
}

function drawWeights(rng: Rng, count: number): Int8Array {
  return Int8Array.from({ length: count }, () => rng.integer(255) - 127);
}

/** Inputs of which half are zero. */
function draw(rng: Rng, rows: number, cols: number): Drawn {
  return {
    rows,
    cols,
    weights: drawWeights(rng, rows * cols),
    x: drawUniform(rng, cols).map((value) => (rng.uniform() < 0.5 ? 0 : 3 * value)),
    rowScales: Float32Array.from({ length: padded(rows) }, () => rng.uniform(0.001, 0.01)),
    bias: drawUniform(rng, padded(rows)),
  };
}

function multiply(
  kernels: KernelExports,
  memory: KernelMemory,
  { rows, cols, weights, x, rowScales, bias }: Drawn,
): Record<'packed' | 'dense' | 'sparse', ArrayLike<number>> {
  const w = memory.inputBytes(weights);
  const scales = memory.input(rowScales);
  const biases = memory.input(bias);
  const input = memory.input(x);
  const packed = memory.outputBytes(padded(rows) * (cols + (cols % 2)));
  const dense = memory.output(padded(rows));
  const sparse = memory.output(padded(rows));
  const pairs = Math.ceil(cols / 2);
  kernels.packInt8(packed.ptr, w.ptr, rows, cols);
  const args = [packed.ptr, scales.ptr, input.ptr, biases.ptr, rows, cols] as const;
  kernels.matvecInt8(dense.ptr, ...args, memory.output(pairs).ptr);
  kernels.matvecInt8Sparse(sparse.ptr, ...args, memory.output(2 * pairs).ptr);
  return { packed: packed.values, dense: dense.values, sparse: sparse.values };
}

describe.each(VARIANTS)('matrix-vector product with int8 weights, %s', (variant) => {
  it('equals its twin within 2^-22 (1 + |y|), and sparse equals dense to the bit', () => {
    forEachCase(shapes, 150, ({ rows, cols, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, memory, rng) =>
        multiply(kernels, memory, draw(rng, rows, cols)),
      );
      expectClose(actual['packed'], expected['packed'], () => 0);
      expectClose(actual['sparse'], actual['dense'], () => 0);
      // Sums are exact integers; scales, product and sum are rounded once each.
      expectClose(actual['dense'], expected['dense'], (y) => (Math.abs(y) + 1) / 2 ** 22);
    });
  });

  it('equals W x within half a step of the 16-bit grid for each input', () => {
    forEachCase(shapes, 60, ({ rows, cols, seed }) => {
      const drawn = draw(new Rng(seed), rows, cols);
      const { exports, memory } = benchOf(variant);
      memory.reset();
      const { dense } = multiply(exports, memory, drawn);
      const step = Math.max(...drawn.x.map(Math.abs), 0) / 32767;
      for (let row = 0; row < rows; row++) {
        let sum = drawn.bias[row];
        let slack = 1e-6 * (1 + cols);
        for (let col = 0; col < cols; col++) {
          const w = drawn.weights[row * cols + col] * drawn.rowScales[row];
          sum += w * drawn.x[col];
          slack += (Math.abs(w) * step) / 2;
        }
        expect(Math.abs(dense[row] - sum)).toBeLessThan(slack);
      }
    });
  });

  it('is exact where inputs are whole and their largest is the limit of the grid', () => {
    forEachCase(shapes, 60, ({ rows, cols, seed }) => {
      if (cols === 0) return;
      const drawn = draw(new Rng(seed), rows, cols);
      drawn.x = drawn.x.map((value) => Math.round(1000 * value));
      drawn.x[cols - 1] = -32767;
      drawn.rowScales.fill(1 / 1024);
      drawn.bias.fill(0);
      const { exports, memory } = benchOf(variant);
      memory.reset();
      const { dense } = multiply(exports, memory, drawn);
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let col = 0; col < cols; col++) sum += drawn.weights[row * cols + col] * drawn.x[col];
        expect(dense[row]).toBe(Math.fround(sum) / 1024);
      }
    });
  });

  it('does not overflow with the largest weights and inputs, of as many columns as a decoder may have', () => {
    for (const cols of [516, 517, 4096, 16384]) {
      const { actual, expected } = runTwins(variant, 2, (kernels, memory) =>
        multiply(kernels, memory, {
          rows: 2,
          cols,
          weights: new Int8Array(2 * cols).fill(127).fill(-127, cols),
          x: new Float32Array(cols).fill(5),
          rowScales: new Float32Array(24).fill(1),
          bias: new Float32Array(24),
        }),
      );
      const product = 127 * 5 * cols;
      expect(actual['dense'][0]).toBeCloseTo(product, -Math.log10(product / 1e6));
      expect(actual['dense'][1]).toBe(-actual['dense'][0]);
      expectClose(actual['dense'], expected['dense'], (y) => Math.abs(y) / 2 ** 22);
    }
  });

  it('keeps the order of rows and columns', () => {
    const rows = 25;
    const { exports, memory } = benchOf(variant);
    memory.reset();
    const { dense, sparse } = multiply(exports, memory, {
      rows,
      cols: 3,
      weights: Int8Array.from({ length: rows * 3 }, (_, i) => i), // w(row, col) = 3 row + col
      x: Float32Array.of(0, 32767, 0),
      rowScales: new Float32Array(48).fill(1 / 32767),
      bias: new Float32Array(48).fill(0.5),
    });
    memory.verify();
    for (const y of [dense, sparse]) {
      expectClose(
        y,
        Array.from({ length: 48 }, (_, row) => (row < rows ? 3 * row + 1.5 : 0.5)),
        () => 1e-5,
      );
    }
  });

  it.each([
    { x: [Number.NaN, 1, 0], y: Number.NaN },
    { x: [0, 0, Infinity], y: Number.NaN },
    { x: [1, -Infinity, Number.NaN], y: Number.NaN },
    { x: [0, 0, 0], y: 0.25 },
    { x: [1e-31, -1e-38, 1e-45], y: 0.25 },
  ])('of $x gives $y in every row', ({ x, y }) => {
    const { actual, expected } = runTwins(variant, 2, (kernels, memory) =>
      multiply(kernels, memory, {
        rows: 3,
        cols: 3,
        weights: Int8Array.of(1, 2, 3, 0, 0, 0, -4, -5, -6),
        x: Float32Array.from(x),
        rowScales: new Float32Array(24).fill(0.5),
        bias: new Float32Array(24).fill(0.25),
      }),
    );
    for (const name of ['dense', 'sparse']) {
      expect(actual[name]).toEqual(Array(24).fill(y));
      expect(expected[name]).toEqual(actual[name]);
    }
  });
});
