import { Matrix, QrDecomposition } from 'ml-matrix';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orthogonalProcrustes, rotateRows } from '../../src/calibration/procrustes.ts';
import { Rng } from '../../src/core/rng.ts';
import { relativeDistance } from '../support/factor-data.ts';

function normals(count: number, seed: number): Float64Array {
  const rng = new Rng(seed);
  return Float64Array.from({ length: count }, () => rng.normal());
}

/** A random orthogonal matrix; about half of them are reflections. */
function randomRotation(width: number, seed: number): Float64Array {
  const q = new QrDecomposition(Matrix.from1DArray(width, width, Array.from(normals(width * width, seed))));
  return Float64Array.from(q.orthogonalMatrix.to1DArray());
}

const cases = [fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 30 }), fc.nat(1e6)] as const;

describe('orthogonal Procrustes', () => {
  it('finds the rotation that was applied, and gives an orthogonal matrix', () => {
    fc.assert(
      fc.property(...cases, (width, more, seed) => {
        const source = normals((width + more) * width, seed);
        const rotation = randomRotation(width, seed + 1);
        const found = orthogonalProcrustes(source, rotateRows(source, rotation, width), width);
        expect(relativeDistance(found, rotation)).toBeLessThan(1e-6);
        const t = Matrix.from1DArray(width, width, Array.from(found));
        expect(Matrix.sub(t.mmul(t.transpose()), Matrix.eye(width)).norm()).toBeLessThan(1e-9);
      }),
      { numRuns: 60 },
    );
  });

  it('is closer than any other rotation where none fits', () => {
    fc.assert(
      fc.property(...cases, (width, more, seed) => {
        const source = normals((width + more) * width, seed);
        const target = normals((width + more) * width, seed + 7);
        const distance = (rotation: Float64Array): number =>
          relativeDistance(rotateRows(source, rotation, width), target);
        const best = distance(orthogonalProcrustes(source, target, width));
        for (let i = 0; i < 5; i++)
          expect(distance(randomRotation(width, seed + i))).toBeGreaterThan(best - 1e-9);
      }),
      { numRuns: 40 },
    );
  });
});
