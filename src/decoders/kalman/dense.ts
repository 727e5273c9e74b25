/**
 * Small dense matrices in float64, row-major, in buffers that the caller owns: a filter's step may not allocate, so
 * ml-matrix is only used where something is computed once. Outputs do not overlap inputs unless said otherwise.
 */

/** c[m x p] = a[m x n] b[n x p] */
export function multiply(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  m: number,
  n: number,
  p: number,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < p; j++) {
      let sum = 0;
      for (let l = 0; l < n; l++) sum += a[i * n + l] * b[l * p + j];
      c[i * p + j] = sum;
    }
  }
}

/** c[m x p] = a[m x n] b[p x n]^T */
export function multiplyTransposed(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  m: number,
  n: number,
  p: number,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < p; j++) {
      let sum = 0;
      for (let l = 0; l < n; l++) sum += a[i * n + l] * b[j * n + l];
      c[i * p + j] = sum;
    }
  }
}

/** b[n x p] <- a^-1 b by elimination with row exchanges; a[n x n] is overwritten. A singular a gives NaN or infinity. */
export function solveInPlace(a: Float64Array, b: Float64Array, n: number, p: number): void {
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(a[row * n + column]) > Math.abs(a[pivot * n + column])) pivot = row;
    }
    if (pivot !== column) {
      exchangeRows(a, pivot, column, n);
      exchangeRows(b, pivot, column, p);
    }
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column] / a[column * n + column];
      if (factor === 0) continue;
      for (let j = column; j < n; j++) a[row * n + j] -= factor * a[column * n + j];
      for (let j = 0; j < p; j++) b[row * p + j] -= factor * b[column * p + j];
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let j = 0; j < p; j++) {
      let sum = b[row * p + j];
      for (let l = row + 1; l < n; l++) sum -= a[row * n + l] * b[l * p + j];
      b[row * p + j] = sum / a[row * n + row];
    }
  }
}

/** a[n x n] <- (a + a^T) / 2: rounding lets a covariance drift away from symmetry. */
export function symmetriseInPlace(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const mean = (a[i * n + j] + a[j * n + i]) / 2;
      a[i * n + j] = mean;
      a[j * n + i] = mean;
    }
  }
}

/** a[n x n] <- a + I */
export function addIdentityInPlace(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) a[i * n + i] += 1;
}

function exchangeRows(a: Float64Array, i: number, j: number, width: number): void {
  for (let column = 0; column < width; column++) {
    const held = a[i * width + column];
    a[i * width + column] = a[j * width + column];
    a[j * width + column] = held;
  }
}
