import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { int8Tensor, quantiseRows } from '../../src/decoders/int8-tensor.ts';
import { forEachCase, seeds } from '../support/cases.ts';

const cases = fc.record({
  rows: fc.integer({ min: 1, max: 20 }),
  cols: fc.integer({ min: 1, max: 40 }),
  exponent: fc.integer({ min: -25, max: 25 }),
  seed: seeds,
});

describe('int8 rows', () => {
  it('are off by half a scale at most, reach 127 in every row, and have scales above 0', () => {
    forEachCase(cases, 200, ({ rows, cols, exponent, seed }) => {
      const rng = new Rng(seed);
      const data = Float32Array.from({ length: rows * cols }, () => rng.normal() * 10 ** exponent);
      const tensor = quantiseRows({ shape: [rows, cols], data });
      const { values, scales } = tensor.int8!;
      for (let row = 0; row < rows; row++) {
        const slice = values.subarray(row * cols, (row + 1) * cols);
        expect(Math.max(...slice.map(Math.abs))).toBe(127);
        expect(scales[row]).toBeGreaterThan(0);
        for (let col = 0; col < cols; col++) {
          const i = row * cols + col;
          expect(Math.abs(tensor.data[i] - data[i])).toBeLessThanOrEqual(scales[row] * 0.50001);
          expect(tensor.data[i]).toBe(Math.fround(values[i] * scales[row]));
        }
      }
    });
  });

  it('are the same when what they stand for is quantised again', () => {
    forEachCase(cases, 50, ({ rows, cols, seed }) => {
      const rng = new Rng(seed);
      const data = Float32Array.from({ length: rows * cols }, () => rng.normal());
      const once = quantiseRows({ shape: [rows, cols], data });
      const twice = quantiseRows({ shape: once.shape, data: once.data });
      expect(twice.int8!.values).toEqual(once.int8!.values);
    });
  });

  it('of nothing, or next to nothing, are zeros of scale 1', () => {
    const { int8, data } = quantiseRows({ shape: [3, 2], data: Float32Array.of(0, 0, 1e-31, -1e-45, -2, 1) });
    expect([...int8!.values]).toEqual([0, 0, 0, 0, -127, 64]);
    expect([...int8!.scales.subarray(0, 2)]).toEqual([1, 1]);
    expect([...data.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  });

  it('round a tie away from zero, on both sides alike', () => {
    const { int8 } = quantiseRows({ shape: [1, 5], data: Float32Array.of(127, 0.5, -0.5, 1.5, -1.4) });
    expect([...int8!.values]).toEqual([127, 1, -1, 2, -1]);
  });

  it('are read back by their scales', () => {
    const int8 = { values: Int8Array.of(1, -2, 3, 127), scales: Float32Array.of(0.5, 2) };
    expect(int8Tensor([2, 2], int8)).toEqual({
      shape: [2, 2],
      data: Float32Array.of(0.5, -1, 6, 254),
      int8,
    });
  });
});
