/**
 * Orthogonal Procrustes (Schönemann 1966, Psychometrika 31:1-10): the rotation, with or without a reflection, that brings one
 * set of rows closest to another.
 */
import { Matrix, SingularValueDecomposition } from 'ml-matrix';

/**
 * T that minimises |target - source T| over orthogonal matrices: T = U V^T with source^T target = U D V^T.
 * @param source [rows x width], finite
 * @param target [rows x width], finite
 * @returns T, [width x width], row-major
 */
export function orthogonalProcrustes(
  source: Float64Array,
  target: Float64Array,
  width: number,
): Float64Array {
  const cross = Matrix.zeros(width, width);
  for (let row = 0; row < source.length; row += width) {
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) cross.set(i, j, cross.get(i, j) + source[row + i] * target[row + j]);
    }
  }
  const { leftSingularVectors, rightSingularVectors } = new SingularValueDecomposition(cross);
  return Float64Array.from(leftSingularVectors.mmul(rightSingularVectors.transpose()).to1DArray());
}

/** rows [rows x width] times rotation [width x width] */
export function rotateRows(rows: Float64Array, rotation: Float64Array, width: number): Float64Array {
  const rotated = new Float64Array(rows.length);
  for (let row = 0; row < rows.length; row += width) {
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) rotated[row + j] += rows[row + i] * rotation[i * width + j];
    }
  }
  return rotated;
}
