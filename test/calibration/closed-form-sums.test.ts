/** The sums and the solver behind the closed-form fits, against their definitions. */
import fc from 'fast-check';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import type { Segment } from '../../src/core/recording.ts';
import { laggedCross, laggedGram, laggedProduct, laggedSums } from '../../src/calibration/lagged-gram.ts';
import type { LaggedDesign } from '../../src/calibration/lagged-gram.ts';
import { ridgePath } from '../../src/calibration/ridge.ts';
import { inOneGo } from '../../src/calibration/steps.ts';
import type { BinRange } from '../../src/calibration/splits.ts';

interface Drawn {
  design: LaggedDesign;
  range: BinRange;
  outputs: Float64Array;
}

/** Segments of 1 to 12 bins, so that many are shorter than the lags. */
const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    channelCount: fc.integer({ min: 1, max: 7 }),
    lagCount: fc.integer({ min: 1, max: 5 }),
    lengths: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
    isLong: fc.boolean(),
    seed: fc.integer(),
  })
  .map(({ channelCount, lagCount, lengths, isLong, seed }) => {
    const rng = new Rng(seed);
    const segments: Segment[] = [];
    let binCount = 0;
    // A long segment crosses the chunks that the Gram matrix is summed in.
    for (const length of isLong ? [...lengths, 1100] : lengths) {
      segments.push({ startBin: binCount, endBin: binCount + length });
      binCount += length;
    }
    const startBin = rng.integer(binCount);
    const endBin = startBin + 1 + rng.integer(binCount - startBin);
    const channels = Float64Array.from({ length: channelCount * binCount }, () => rng.normal());
    const outputs = Float64Array.from({ length: 2 * binCount }, () => rng.normal());
    return {
      design: { channels, channelCount, binCount, lagCount, segments },
      range: { startBin, endBin },
      outputs,
    };
  });

/** X, built as its definition says. */
function designMatrix(
  { channels, channelCount, binCount, lagCount, segments }: LaggedDesign,
  range: BinRange,
): Matrix {
  const X = Matrix.zeros(range.endBin - range.startBin, lagCount * channelCount);
  for (let t = range.startBin; t < range.endBin; t++) {
    const { startBin } = segments.find((segment) => t >= segment.startBin && t < segment.endBin)!;
    for (let lag = 0; lag < lagCount && t - lag >= startBin; lag++) {
      for (let c = 0; c < channelCount; c++) {
        X.set(t - range.startBin, lag * channelCount + c, channels[c * binCount + t - lag]);
      }
    }
  }
  return X;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

describe('lagged sums', () => {
  it('equal X^T X, X^T y, column sums and X w of the design matrix within 1e-9, for any segments and range', () => {
    fc.assert(
      fc.property(drawn, ({ design, range, outputs }) => {
        const X = designMatrix(design, range);
        const { binCount } = design;
        expect(
          largestDifference(inOneGo(laggedGram(design, range)), X.transpose().mmul(X).to1DArray()),
        ).toBeLessThan(1e-9);
        const cross = laggedCross(design, outputs, 2, range);
        for (const o of [0, 1]) {
          const y = Array.from(outputs.subarray(o * binCount + range.startBin, o * binCount + range.endBin));
          const expected = X.transpose().mmul(Matrix.columnVector(y)).to1DArray();
          expect(largestDifference(cross[o], expected)).toBeLessThan(1e-9);
        }
        expect(largestDifference(laggedSums(design, range), X.sum('column'))).toBeLessThan(1e-9);
        const w = cross[0];
        const product = X.mmul(Matrix.columnVector(Array.from(w))).to1DArray();
        expect(largestDifference(laggedProduct(design, w, range), product)).toBeLessThan(1e-6);
      }),
      { numRuns: 60 },
    );
  });
});

describe('ridge', () => {
  it('equals the Cholesky solution for every penalty within 1e-7, rank-deficient or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer(),
        (size, rows, seed) => {
          const rng = new Rng(seed);
          const X = Matrix.zeros(rows, size);
          for (let i = 0; i < rows; i++) for (let j = 0; j < size; j++) X.set(i, j, rng.normal());
          const gram = X.transpose().mmul(X);
          const cross = Matrix.columnVector(Array.from({ length: size }, () => rng.normal()));
          const penalties = [0.01, 1, 300];
          const path = ridgePath(
            Float64Array.from(gram.to1DArray()),
            Float64Array.from(cross.to1DArray()),
            penalties,
          );
          penalties.forEach((penalty, p) => {
            const exact = new CholeskyDecomposition(Matrix.add(gram, Matrix.eye(size).mul(penalty))).solve(
              cross,
            );
            const scale = Math.max(1e-3, exact.norm('max'));
            expect(largestDifference(path[p], exact.to1DArray()) / scale).toBeLessThan(1e-7);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives zeros where nothing correlates, and leaves dead columns at 0', () => {
    expect(ridgePath(Float64Array.of(1, 0, 0, 1), Float64Array.of(0, 0), [1])).toEqual([
      Float64Array.of(0, 0),
    ]);
    expect(ridgePath(Float64Array.of(2, 0, 0, 0), Float64Array.of(6, 0), [1])).toEqual([
      Float64Array.of(2, 0),
    ]);
  });
});
