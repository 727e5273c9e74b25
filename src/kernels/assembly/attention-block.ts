/**
 * Pieces of banded attention (attention.ts) that work on a block of eight queries, one query per lane of two vectors:
 * matrices [n][8] with a row for each key or feature.
 */
import { expLanes } from './activations';
import { madd } from './vector';

/** Queries of a block. */
export const QUERIES: i32 = 8;
export const LANES_BYTES: usize = 32;

/**
 * c[4][8] = or += the sum over k of a(r, k) b(k, 0..7). Strides in bytes: rows of c, rows and steps of a, steps of b.
 * Eight accumulators are the most that stay in registers.
 */
export function tile(
  cPtr: usize,
  cRow: usize,
  aPtr: usize,
  aRow: usize,
  aStep: usize,
  bPtr: usize,
  bStep: usize,
  k: i32,
  isAdding: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const bEnd = bPtr + <usize>k * bStep;
  let a0 = aPtr;
  let a1 = aPtr + aRow;
  let a2 = a1 + aRow;
  let a3 = a2 + aRow;
  for (let b = bPtr; b < bEnd; b += bStep) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const r0 = v128.load32_splat(a0);
    c00 = madd(r0, b0, c00);
    c01 = madd(r0, b1, c01);
    const r1 = v128.load32_splat(a1);
    c10 = madd(r1, b0, c10);
    c11 = madd(r1, b1, c11);
    const r2 = v128.load32_splat(a2);
    c20 = madd(r2, b0, c20);
    c21 = madd(r2, b1, c21);
    const r3 = v128.load32_splat(a3);
    c30 = madd(r3, b0, c30);
    c31 = madd(r3, b1, c31);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
  }
  const c1 = cPtr + cRow;
  const c2 = c1 + cRow;
  const c3 = c2 + cRow;
  storePair(cPtr, c00, c01, isAdding);
  storePair(c1, c10, c11, isAdding);
  storePair(c2, c20, c21, isAdding);
  storePair(c3, c30, c31, isAdding);
}

// @ts-ignore: decorator
@inline
function storePair(cPtr: usize, low: v128, high: v128, isAdding: bool): void {
  v128.store(cPtr, isAdding ? f32x4.add(v128.load(cPtr), low) : low);
  v128.store(cPtr, isAdding ? f32x4.add(v128.load(cPtr, 16), high) : high, 16);
}

/** First key of the block whose first query is `query`. */
// @ts-ignore: decorator
@inline
export function firstKey(query: i32, window: i32): i32 {
  return max(0, query - window + 1) & ~3;
}

/** Keys of the longest block: a band, the block's other queries, and up to three for alignment. */
// @ts-ignore: decorator
@inline
export function spanOf(time: i32, window: i32): i32 {
  return min((time + 7) & ~7, (window + 10) & ~3);
}

/** y[width] = x[width]; widthBytes a multiple of 8. */
export function copyRow(yPtr: usize, xPtr: usize, widthBytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= widthBytes; i += 16) v128.store(yPtr + i, v128.load(xPtr + i));
  if (i < widthBytes) store<u64>(yPtr + i, load<u64>(xPtr + i));
}

/** panel[width][8] = rows[8][width] (row stride rowBytes). */
export function transposeToPanel(panelPtr: usize, rowsPtr: usize, rowBytes: usize): void {
  for (let c: usize = 0; c < <usize>QUERIES; c++) {
    const row = rowsPtr + c * rowBytes;
    let out = panelPtr + (c << 2);
    for (let i: usize = 0; i < rowBytes; i += 4) {
      store<f32>(out, load<f32>(row + i));
      out += LANES_BYTES;
    }
  }
}

/** row[width] = column c of panel[width][8]. */
// @ts-ignore: decorator
@inline
export function copyPanelColumn(rowPtr: usize, panelPtr: usize, c: usize, widthBytes: usize): void {
  let from = panelPtr + (c << 2);
  for (let i: usize = 0; i < widthBytes; i += 4) {
    store<f32>(rowPtr + i, load<f32>(from));
    from += LANES_BYTES;
  }
}

/** Times of four queries from `query` on; behind the end a time that no key is in the band of. */
// @ts-ignore: decorator
@inline
function queryTimes(query: i32, time: i32): v128 {
  const times = i32x4.add(i32x4.splat(query), i32x4(0, 1, 2, 3));
  return v128.bitselect(times, i32x4.splat(-1), i32x4.lt_s(times, i32x4.splat(time)));
}

/** Lanes whose query has key j in its band. */
// @ts-ignore: decorator
@inline
function inBand(times: v128, j: i32, window: v128): v128 {
  return i32x4.lt_u(i32x4.sub(times, i32x4.splat(j)), window);
}

/** p[count][8] <- softmax of the scores there over the keys of each query's band; 0 outside. */
export function bandSoftmax(pPtr: usize, query: i32, first: i32, count: i32, time: i32, window: i32): void {
  const low = queryTimes(query, time);
  const high = queryTimes(query + 4, time);
  const windows = i32x4.splat(window);
  const least = f32x4.splat(-Infinity);
  let maxLow = least;
  let maxHigh = least;
  let p = pPtr;
  for (let j = first; j < first + count; j++) {
    maxLow = f32x4.pmax(maxLow, v128.bitselect(v128.load(p), least, inBand(low, j, windows)));
    maxHigh = f32x4.pmax(maxHigh, v128.bitselect(v128.load(p, 16), least, inBand(high, j, windows)));
    p += LANES_BYTES;
  }
  let sumLow = f32x4.splat(0);
  let sumHigh = f32x4.splat(0);
  p = pPtr;
  for (let j = first; j < first + count; j++) {
    const eLow = v128.and(expLanes(f32x4.sub(v128.load(p), maxLow)), inBand(low, j, windows));
    const eHigh = v128.and(expLanes(f32x4.sub(v128.load(p, 16), maxHigh)), inBand(high, j, windows));
    v128.store(p, eLow);
    v128.store(p, eHigh, 16);
    sumLow = f32x4.add(sumLow, eLow);
    sumHigh = f32x4.add(sumHigh, eHigh);
    p += LANES_BYTES;
  }
  // A query behind the end has the sum 0; its probabilities stay 0.
  const none = f32x4.splat(0);
  const scaleLow = v128.and(f32x4.div(f32x4.splat(1), sumLow), f32x4.ne(sumLow, none));
  const scaleHigh = v128.and(f32x4.div(f32x4.splat(1), sumHigh), f32x4.ne(sumHigh, none));
  const end = p;
  for (p = pPtr; p < end; p += LANES_BYTES) {
    v128.store(p, f32x4.mul(v128.load(p), scaleLow));
    v128.store(p, f32x4.mul(v128.load(p, 16), scaleHigh), 16);
  }
}

/** ds[count][8] <- p (dp - sum over the keys of p dp), dp being what stands in ds. */
export function softmaxBackward(dsPtr: usize, pPtr: usize, count: i32): void {
  const bytes = <usize>count * LANES_BYTES;
  let sumLow = f32x4.splat(0);
  let sumHigh = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += LANES_BYTES) {
    sumLow = madd(v128.load(pPtr + i), v128.load(dsPtr + i), sumLow);
    sumHigh = madd(v128.load(pPtr + i, 16), v128.load(dsPtr + i, 16), sumHigh);
  }
  for (let i: usize = 0; i < bytes; i += LANES_BYTES) {
    v128.store(dsPtr + i, f32x4.mul(v128.load(pPtr + i), f32x4.sub(v128.load(dsPtr + i), sumLow)));
    v128.store(dsPtr + i, f32x4.mul(v128.load(pPtr + i, 16), f32x4.sub(v128.load(dsPtr + i, 16), sumHigh)), 16);
  }
}
