import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GEMM_SCRATCH_COUNT } from '../../src/kernels/exports/gemm.ts';
import type { KernelVariant } from '../../src/kernels/kernels.ts';
import type { Rng } from '../../src/core/rng.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawIntegers, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

interface Case {
  m: number;
  n: number;
  k: number;
  isATransposed: boolean;
  isBTransposed: boolean;
  accumulate: number;
  /** Floats between a row's end and the next row, in a, b and c. */
  gap: number;
  seed: number;
}

const small = fc.integer({ min: 0, max: 20 });
const options = {
  isATransposed: fc.boolean(),
  isBTransposed: fc.boolean(),
  accumulate: fc.constantFrom(0, 1),
  gap: fc.constantFrom(0, 0, 1, 5),
  seed: seeds,
};
const smallCases: fc.Arbitrary<Case> = fc.record({ m: small, n: small, k: small, ...options });
/** More rows than a packed block has (48), more depth than a packed run (256). */
const largeCases: fc.Arbitrary<Case> = fc.record({
  m: fc.integer({ min: 45, max: 110 }),
  n: fc.integer({ min: 1, max: 30 }),
  k: fc.integer({ min: 250, max: 600 }),
  ...options,
});

/** Product of drawn matrices; the gaps between rows of c are part of the result, so they must stay as they were. */
function product(
  variant: KernelVariant,
  { m, n, k, isATransposed, isBTransposed, accumulate, gap, seed }: Case,
  draw: (rng: Rng, count: number) => Float32Array,
): ReturnType<typeof runTwins> {
  return runTwins(variant, seed, (kernels, memory, rng) => {
    const [aRowStride, aColumnStride] = isATransposed ? [1, m + gap] : [k + gap, 1];
    const [bRowStride, bColumnStride] = isBTransposed ? [1, k + gap] : [n + gap, 1];
    const ldc = n + gap;
    const a = memory.input(draw(rng, isATransposed ? k * (m + gap) : m * (k + gap)));
    const b = memory.input(draw(rng, isBTransposed ? n * (k + gap) : k * (n + gap)));
    const c = memory.inOut(draw(rng, m * ldc));
    const packed = memory.output(Math.ceil(n / 8) * 8 * k);
    const scratch = memory.output(GEMM_SCRATCH_COUNT);
    kernels.packPanels(packed.ptr, b.ptr, bRowStride, bColumnStride, k, n);
    kernels.gemm(c.ptr, ldc, a.ptr, aRowStride, aColumnStride, packed.ptr, m, n, k, accumulate, scratch.ptr);
    return { packed: packed.values, c: c.values };
  });
}

describe.each(VARIANTS)('matrix product, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it.each([
    ['small', smallCases, 200],
    ['larger than a block', largeCases, 25],
  ] as const)('equals its twin exactly on integers, %s', (_, cases, numRuns) => {
    forEachCase(cases, numRuns, (drawn) => {
      const { actual, expected } = product(variant, drawn, drawIntegers);
      expectClose(actual['packed'], expected['packed'], () => 0);
      expectClose(actual['c'], expected['c'], () => 0);
    });
  });

  it.each([
    ['small', smallCases, 80],
    ['larger than a block', largeCases, 10],
  ] as const)('equals its twin within the rounding of k + 1 additions, %s', (_, cases, numRuns) => {
    forEachCase(cases, numRuns, (drawn) => {
      const { actual, expected } = product(variant, drawn, drawUniform);
      // Partial sums of terms below 1 with random signs stay below 2 sqrt(k); product and sum are rounded.
      const tolerance = (2 * (drawn.k + 1) * 2 * Math.sqrt(drawn.k + 1)) / 2 ** 24;
      expectClose(actual['c'], expected['c'], () => tolerance);
    });
  });

  it('with k = 0 gives zeros, or leaves c when it accumulates', () => {
    for (const accumulate of [0, 1]) {
      memory.reset();
      const c = memory.inOut([1, 2, 3, 4, 5, 6, 7, 8]);
      const scratch = memory.output(GEMM_SCRATCH_COUNT);
      exports.gemm(c.ptr, 4, c.ptr, 0, 1, c.ptr, 2, 3, 0, accumulate, scratch.ptr);
      memory.verify();
      const kept = [1, 2, 3, 4, 5, 6, 7, 8];
      expect(Array.from(c.values)).toEqual(accumulate === 1 ? kept : [0, 0, 0, 4, 0, 0, 0, 8]);
    }
  });

  it('multiplies a 2 x 3 and a 3 x 2 matrix', () => {
    memory.reset();
    const a = memory.input([1, 2, 3, 4, 5, 6]);
    const b = memory.input([7, 8, 9, 10, 11, 12]);
    const packed = memory.output(8 * 3);
    const c = memory.output(4);
    exports.packPanels(packed.ptr, b.ptr, 2, 1, 3, 2);
    exports.gemm(c.ptr, 2, a.ptr, 3, 1, packed.ptr, 2, 2, 3, 0, memory.output(GEMM_SCRATCH_COUNT).ptr);
    memory.verify();
    expect(Array.from(c.values)).toEqual([58, 64, 139, 154]);
  });

  it.each([
    [9, 11, 5],
    [8, 16, 4],
  ])('keeps a value that is not finite in its row or column of c (%i x %i, k = %i)', (m, n, k) => {
    for (const bad of [Number.NaN, Infinity]) {
      for (const side of ['a', 'b']) {
        const { actual, expected } = runTwins(variant, 2, (kernels, place, rng) => {
          const aValues = new Float32Array(m * k).fill(1);
          const bValues = new Float32Array(k * n).fill(1);
          if (side === 'a') aValues[rng.integer(m * k)] = bad;
          else bValues[rng.integer(k * n)] = bad;
          const [a, b] = [place.input(aValues), place.input(bValues)];
          const packed = place.output(Math.ceil(n / 8) * 8 * k);
          const c = place.output(m * n);
          const scratch = place.output(GEMM_SCRATCH_COUNT);
          kernels.packPanels(packed.ptr, b.ptr, n, 1, k, n);
          kernels.gemm(c.ptr, n, a.ptr, k, 1, packed.ptr, m, n, k, 0, scratch.ptr);
          return { c: c.values };
        });
        expect(actual['c'].filter((value) => !Number.isFinite(value))).toHaveLength(side === 'a' ? n : m);
        expect(actual).toEqual(expected);
      }
    }
  });

  it('does not skip zeros: zero times infinity is NaN', () => {
    memory.reset();
    const a = memory.input([0, 1]);
    const b = memory.input([Infinity, 1]);
    const packed = memory.output(8 * 2);
    const c = memory.output(1);
    exports.packPanels(packed.ptr, b.ptr, 1, 1, 2, 1);
    exports.gemm(c.ptr, 1, a.ptr, 2, 1, packed.ptr, 1, 1, 2, 0, memory.output(GEMM_SCRATCH_COUNT).ptr);
    expect(c.values[0]).toBeNaN();
  });
});
