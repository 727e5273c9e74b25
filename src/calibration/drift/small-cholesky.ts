/** Cholesky decomposition of small matrices in buffers that the caller owns. Golub and Van Loan, section 4.2. */

/** A pivot is not let below this share of the largest diagonal element: latents may be collinear. */
const PIVOT_MIN = 1e-6;

/** root root^T = matrix; the upper triangle of `root` is left as it was. Both [size x size], row-major; may be the same. */
export function choleskyInto(root: Float64Array, matrix: ArrayLike<number>, size: number): void {
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, matrix[i * size + i]);
  const pivotMin = largest > 0 ? largest * PIVOT_MIN : 1;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * size + j];
      for (let l = 0; l < j; l++) rest -= root[i * size + l] * root[j * size + l];
      root[i * size + j] = i === j ? Math.sqrt(Math.max(rest, pivotMin)) : rest / root[j * size + j];
    }
  }
}

/** x <- (root root^T)^-1 x for the `size` numbers of x from `at` on. */
export function solveCholesky(root: ArrayLike<number>, x: Float64Array, at: number, size: number): void {
  for (let i = 0; i < size; i++) {
    let rest = x[at + i];
    for (let l = 0; l < i; l++) rest -= root[i * size + l] * x[at + l];
    x[at + i] = rest / root[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    let rest = x[at + i];
    for (let l = i + 1; l < size; l++) rest -= root[l * size + i] * x[at + l];
    x[at + i] = rest / root[i * size + i];
  }
}
