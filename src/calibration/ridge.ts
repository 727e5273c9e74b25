/**
 * Ridge regression for a whole list of penalties at the price of one: (G + p I) w = c with G = X^T X, c = X^T y.
 *
 * The Krylov space of G and c is the same for every p, so one Lanczos tridiagonalisation G V = V T serves them all:
 * w = V (T + p I)^-1 |c| e1. Every new vector is made orthogonal to all earlier ones (twice), which keeps the method
 * exact in floating point. It stops when the residual of the smallest penalty, known without extra work as
 * beta_(m+1) |last element|, is small beside |c|; larger penalties converge sooner.
 * Golub and Van Loan, Matrix Computations, 4th edition, sections 10.1 and 11.3; Frommer and Maass 1999 for the shifts.
 *
 * A Cholesky decomposition per penalty (196 channels x 10 lags: 2.5 billion multiplications) takes seconds each in
 * JavaScript; this takes a fraction of a second for all of them.
 */
const RELATIVE_RESIDUAL_MAX = 1e-9;
const BREAKDOWN = 1e-13;

/**
 * @param gram G, symmetric, [size x size]
 * @param cross c, [size]
 * @param penalties p > 0
 * @returns one w per penalty, [size] each
 */
export function ridgePath(
  gram: Float64Array,
  cross: Float64Array,
  penalties: readonly number[],
): Float64Array[] {
  const size = cross.length;
  const crossNorm = Math.sqrt(dot(cross, cross));
  if (crossNorm === 0) return penalties.map(() => new Float64Array(size));
  const smallestPenalty = Math.min(...penalties);
  const basis: Float64Array[] = [cross.map((value) => value / crossNorm)];
  const diagonal: number[] = [];
  const offDiagonal: number[] = []; // offDiagonal[m] joins vectors m and m + 1
  while (diagonal.length < size) {
    const newest = basis[basis.length - 1];
    const next = symmetricProduct(gram, newest);
    diagonal.push(dot(next, newest));
    const imageNorm = Math.sqrt(dot(next, next));
    for (let pass = 0; pass < 2; pass++) {
      for (const vector of basis) subtract(next, vector, dot(next, vector));
    }
    const norm = Math.sqrt(dot(next, next));
    const solution = solveTridiagonal(diagonal, offDiagonal, smallestPenalty);
    const residual = norm * Math.abs(solution[solution.length - 1]);
    // Both tests are relative: to |c| (the right-hand side is e1 here) and to the image that was left to explain.
    if (residual <= RELATIVE_RESIDUAL_MAX || norm <= BREAKDOWN * imageNorm) break;
    offDiagonal.push(norm);
    for (let i = 0; i < size; i++) next[i] /= norm;
    basis.push(next);
  }
  return penalties.map((penalty) => {
    const weights = new Float64Array(size);
    solveTridiagonal(diagonal, offDiagonal, penalty).forEach((coefficient, m) => {
      subtract(weights, basis[m], -coefficient * crossNorm);
    });
    return weights;
  });
}

/** (T + p I)^-1 e1 for a symmetric tridiagonal T; positive definite, so no row exchanges (Thomas algorithm). */
function solveTridiagonal(
  diagonal: readonly number[],
  offDiagonal: readonly number[],
  penalty: number,
): Float64Array {
  const count = diagonal.length;
  const pivots = new Float64Array(count);
  const solution = new Float64Array(count);
  pivots[0] = diagonal[0] + penalty;
  solution[0] = 1;
  for (let m = 1; m < count; m++) {
    const factor = offDiagonal[m - 1] / pivots[m - 1];
    pivots[m] = diagonal[m] + penalty - factor * offDiagonal[m - 1];
    solution[m] = -factor * solution[m - 1];
  }
  for (let m = count - 1; m >= 0; m--) {
    if (m + 1 < count) solution[m] -= offDiagonal[m] * solution[m + 1];
    solution[m] /= pivots[m];
  }
  return solution;
}

/** G v, four rows at a time so that v is read once for all of them. */
function symmetricProduct(gram: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  const product = new Float64Array(size);
  let row = 0;
  for (; row + 4 <= size; row += 4) {
    const r0 = row * size;
    const r1 = r0 + size;
    const r2 = r1 + size;
    const r3 = r2 + size;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let i = 0; i < size; i++) {
      const v = vector[i];
      s0 += gram[r0 + i] * v;
      s1 += gram[r1 + i] * v;
      s2 += gram[r2 + i] * v;
      s3 += gram[r3 + i] * v;
    }
    product[row] = s0;
    product[row + 1] = s1;
    product[row + 2] = s2;
    product[row + 3] = s3;
  }
  for (; row < size; row++) product[row] = dot(gram.subarray(row * size, (row + 1) * size), vector);
  return product;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** a -= factor b */
function subtract(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] -= factor * b[i];
}
