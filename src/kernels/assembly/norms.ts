/**
 * Normalisation over the features of a row: layer norm (Ba et al. 2016, arXiv 1607.06450) and RMS norm (Zhang and
 * Sennrich 2019, arXiv 1910.07467).
 *   layer: y = gain (x - mean) rstd + bias,  rstd = 1 / sqrt(mean (x - mean)^2 + epsilon)
 *   RMS:   y = gain x rstd,                  rstd = 1 / sqrt(mean x^2 + epsilon)
 * Backward, with g = dy gain and n = the normalised row: dx = rstd (g - mean g - n mean(g n)); RMS has no mean g.
 */
import { madd, sumLanes } from './vector';

/** sum x */
function rowSum(xPtr: usize, count: i32): f32 {
  let lanes = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= count; i += 4) lanes = f32x4.add(lanes, v128.load(xPtr + (<usize>i << 2)));
  let sum = sumLanes(lanes);
  for (; i < count; i++) sum += load<f32>(xPtr + (<usize>i << 2));
  return sum;
}

/** sum (x - mean)^2 */
function rowSquares(xPtr: usize, count: i32, mean: f32): f32 {
  const means = f32x4.splat(mean);
  let lanes = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const d = f32x4.sub(v128.load(xPtr + (<usize>i << 2)), means);
    lanes = madd(d, d, lanes);
  }
  let sum = sumLanes(lanes);
  for (; i < count; i++) {
    const d = load<f32>(xPtr + (<usize>i << 2)) - mean;
    sum += d * d;
  }
  return sum;
}

export function layerNorm(
  yPtr: usize,
  statsPtr: usize,
  xPtr: usize,
  gainPtr: usize,
  biasPtr: usize,
  rows: i32,
  cols: i32,
  epsilon: f32,
): void {
  const rowBytes = <usize>cols << 2;
  for (let r = 0; r < rows; r++) {
    const x = xPtr + <usize>r * rowBytes;
    const y = yPtr + <usize>r * rowBytes;
    const mean = rowSum(x, cols) / <f32>cols;
    const rstd = <f32>1.0 / sqrt<f32>(rowSquares(x, cols, mean) / <f32>cols + epsilon);
    store<f32>(statsPtr + (<usize>r << 3), mean);
    store<f32>(statsPtr + (<usize>r << 3), rstd, 4);
    const means = f32x4.splat(mean);
    const scales = f32x4.splat(rstd);
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) {
      const n = f32x4.mul(f32x4.sub(v128.load(x + i), means), scales);
      v128.store(y + i, madd(n, v128.load(gainPtr + i), v128.load(biasPtr + i)));
    }
    for (; i < rowBytes; i += 4) {
      store<f32>(y + i, (load<f32>(x + i) - mean) * rstd * load<f32>(gainPtr + i) + load<f32>(biasPtr + i));
    }
  }
}

export function layerNormBackward(
  dxPtr: usize,
  dgainPtr: usize,
  dbiasPtr: usize,
  dyPtr: usize,
  xPtr: usize,
  statsPtr: usize,
  gainPtr: usize,
  rows: i32,
  cols: i32,
  accumulate: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const stats = statsPtr + (<usize>r << 3);
    const at = <usize>r * (<usize>cols << 2);
    backwardRow(
      dxPtr + at, dgainPtr, dbiasPtr, dyPtr + at, xPtr + at, gainPtr, cols,
      load<f32>(stats), load<f32>(stats, 4), true, accumulate != 0,
    );
  }
}

export function rmsNorm(
  yPtr: usize,
  statsPtr: usize,
  xPtr: usize,
  gainPtr: usize,
  rows: i32,
  cols: i32,
  epsilon: f32,
): void {
  const rowBytes = <usize>cols << 2;
  for (let r = 0; r < rows; r++) {
    const x = xPtr + <usize>r * rowBytes;
    const y = yPtr + <usize>r * rowBytes;
    const rstd = <f32>1.0 / sqrt<f32>(rowSquares(x, cols, 0) / <f32>cols + epsilon);
    store<f32>(statsPtr + (<usize>r << 2), rstd);
    const scales = f32x4.splat(rstd);
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) {
      v128.store(y + i, f32x4.mul(f32x4.mul(v128.load(x + i), scales), v128.load(gainPtr + i)));
    }
    for (; i < rowBytes; i += 4) store<f32>(y + i, load<f32>(x + i) * rstd * load<f32>(gainPtr + i));
  }
}

export function rmsNormBackward(
  dxPtr: usize,
  dgainPtr: usize,
  dyPtr: usize,
  xPtr: usize,
  statsPtr: usize,
  gainPtr: usize,
  rows: i32,
  cols: i32,
  accumulate: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const at = <usize>r * (<usize>cols << 2);
    const rstd = load<f32>(statsPtr + (<usize>r << 2));
    backwardRow(dxPtr + at, dgainPtr, 0, dyPtr + at, xPtr + at, gainPtr, cols, 0, rstd, false, accumulate != 0);
  }
}

// @ts-ignore: decorator
@inline
function backwardRow(
  dxPtr: usize,
  dgainPtr: usize,
  dbiasPtr: usize,
  dyPtr: usize,
  xPtr: usize,
  gainPtr: usize,
  cols: i32,
  mean: f32,
  rstd: f32,
  isCentred: bool,
  isAdding: bool,
): void {
  const rowBytes = <usize>cols << 2;
  const means = f32x4.splat(mean);
  const scales = f32x4.splat(rstd);
  let sums = f32x4.splat(0);
  let products = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 16 <= rowBytes; i += 16) {
    const dy = v128.load(dyPtr + i);
    const n = f32x4.mul(f32x4.sub(v128.load(xPtr + i), means), scales);
    v128.store(dgainPtr + i, madd(dy, n, v128.load(dgainPtr + i)));
    if (isCentred) v128.store(dbiasPtr + i, f32x4.add(dy, v128.load(dbiasPtr + i)));
    const g = f32x4.mul(dy, v128.load(gainPtr + i));
    if (isCentred) sums = f32x4.add(sums, g);
    products = madd(g, n, products);
  }
  let sum = sumLanes(sums);
  let product = sumLanes(products);
  for (; i < rowBytes; i += 4) {
    const dy = load<f32>(dyPtr + i);
    const n = (load<f32>(xPtr + i) - mean) * rstd;
    store<f32>(dgainPtr + i, load<f32>(dgainPtr + i) + dy * n);
    if (isCentred) store<f32>(dbiasPtr + i, load<f32>(dbiasPtr + i) + dy);
    const g = dy * load<f32>(gainPtr + i);
    if (isCentred) sum += g;
    product += g * n;
  }
  sum /= <f32>cols;
  product /= <f32>cols;
  const sumLane = f32x4.splat(sum);
  const productLane = f32x4.splat(product);
  i = 0;
  for (; i + 16 <= rowBytes; i += 16) {
    const g = f32x4.mul(v128.load(dyPtr + i), v128.load(gainPtr + i));
    const n = f32x4.mul(f32x4.sub(v128.load(xPtr + i), means), scales);
    const dx = f32x4.mul(scales, f32x4.sub(f32x4.sub(g, sumLane), f32x4.mul(n, productLane)));
    v128.store(dxPtr + i, isAdding ? f32x4.add(v128.load(dxPtr + i), dx) : dx);
  }
  for (; i < rowBytes; i += 4) {
    const g = load<f32>(dyPtr + i) * load<f32>(gainPtr + i);
    const n = (load<f32>(xPtr + i) - mean) * rstd;
    const dx = rstd * (g - sum - n * product);
    store<f32>(dxPtr + i, isAdding ? load<f32>(dxPtr + i) + dx : dx);
  }
}
