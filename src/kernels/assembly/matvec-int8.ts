/**
 * Matrix-vector product with int8 weights for the streaming step. A step that runs every 10 ms finds its weights in cold
 * caches, so a quarter of the bytes counts for more than the arithmetic.
 *
 * The input is put on a 16-bit grid of its own at every call (`quantise`), so that products and sums are integers and
 * exact, and what is lost is what 16 bits of input lose. Two columns at a time: their weights lie interleaved, row by row, are
 * widened to 16 bits as they are loaded, and i32x4.dot_i16x8_s multiplies and adds them. Blocks have 24 rows as in matvec.ts.
 * Other forms were measured on GRUs of 96-256, 196-256 and 96-512. Columns one after another, interleaved by shuffles in
 * the loop, can be skipped one by one, which makes the sparse product a fifth faster and the dense one, most of a step, a
 * quarter slower. Float inputs, with the weights widened to float, take a quarter to a half longer in cold caches.
 */
import { madd } from './vector';

const ROWS: i32 = 24;
/** Two columns of 24 rows. */
const PAIR_BYTES: usize = 48;
/** 1.5 x 2^23, and its bits: adding it to a float rounds that to the nearest integer, which is left in the low bits. */
const ROUND: f32 = 12582912.0;
const ROUND_BITS: i32 = 0x4b400000;
/** An input whose largest element is below this counts as zero; the reciprocal of smaller ones may be infinite. */
const TINY: f32 = 1e-30;
const INT16_MAX: i32 = 32767;
const WEIGHT_MAX: i32 = 127;

export function packInt8(packedPtr: usize, wPtr: usize, rows: i32, cols: i32): void {
  let out = packedPtr;
  for (let block = 0; block < rows; block += ROWS) {
    for (let pair = 0; pair < cols; pair += 2) {
      for (let j = 0; j < ROWS; j++) {
        const row = block + j;
        for (let k = pair; k < pair + 2; k++) {
          store<i8>(out, row < rows && k < cols ? load<i8>(wPtr + <usize>row * <usize>cols + <usize>k) : 0);
          out++;
        }
      }
    }
  }
}

/**
 * q[cols up to even] int16 <- x[cols] on the grid of step s = max|x| / limit, rounded to nearest (even at a tie); returns s.
 * limit is the largest number up to 32767 for which a row of 127s cannot leave the int32 range. s is NaN when an x is not
 * finite.
 */
function quantise(qPtr: usize, xPtr: usize, cols: i32): f32 {
  let lanes = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= cols; i += 4) lanes = f32x4.max(lanes, f32x4.abs(v128.load(xPtr + (<usize>i << 2))));
  let top = max(
    max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  );
  for (; i < cols; i++) top = max(top, abs(load<f32>(xPtr + (<usize>i << 2))));
  const limit = <f32>min(INT16_MAX, i32.MAX_VALUE / WEIGHT_MAX / max(cols, 1));
  const inverse: f32 = top < TINY ? 0 : limit / top;
  const inverses = f32x4.splat(inverse);
  const round = f32x4.splat(ROUND);
  const roundBits = i32x4.splat(ROUND_BITS);
  let x = xPtr;
  let q = qPtr;
  for (i = 0; i + 8 <= cols; i += 8) {
    const a = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), inverses), round), roundBits);
    const b = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 16), inverses), round), roundBits);
    v128.store(q, i16x8.narrow_i32x4_s(a, b));
    x += 32;
    q += 16;
  }
  for (; i < cols; i++) {
    store<i16>(q, <i16>(reinterpret<i32>(load<f32>(x) * inverse + ROUND) - ROUND_BITS));
    x += 4;
    q += 2;
  }
  if (cols & 1) store<i16>(q, 0);
  return top / limit + 0 * top;
}

// @ts-ignore: decorator
@inline
function dotAdd(wPtr: usize, x: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(v128.load8x8_s(wPtr), x));
}

/** y = bias + s rowScales sums, four rows. */
// @ts-ignore: decorator
@inline
function finish(yPtr: usize, rowScalesPtr: usize, biasPtr: usize, s: v128, sums: v128): void {
  const scales = f32x4.mul(s, v128.load(rowScalesPtr));
  v128.store(yPtr, madd(scales, f32x4.convert_i32x4_s(sums), v128.load(biasPtr)));
}

export function matvecInt8(
  yPtr: usize,
  packedPtr: usize,
  rowScalesPtr: usize,
  xPtr: usize,
  biasPtr: usize,
  rows: i32,
  cols: i32,
  scratchPtr: usize,
): void {
  const s = f32x4.splat(quantise(scratchPtr, xPtr, cols));
  const qEnd = scratchPtr + (<usize>((cols + 1) & ~1) << 1);
  let w = packedPtr;
  for (let block = 0; block < rows; block += ROWS) {
    let y0 = i32x4.splat(0);
    let y1 = i32x4.splat(0);
    let y2 = i32x4.splat(0);
    let y3 = i32x4.splat(0);
    let y4 = i32x4.splat(0);
    let y5 = i32x4.splat(0);
    for (let q = scratchPtr; q < qEnd; q += 4) {
      const v = v128.load32_splat(q);
      y0 = dotAdd(w, v, y0);
      y1 = dotAdd(w + 8, v, y1);
      y2 = dotAdd(w + 16, v, y2);
      y3 = dotAdd(w + 24, v, y3);
      y4 = dotAdd(w + 32, v, y4);
      y5 = dotAdd(w + 40, v, y5);
      w += PAIR_BYTES;
    }
    const at = <usize>block << 2;
    finish(yPtr + at, rowScalesPtr + at, biasPtr + at, s, y0);
    finish(yPtr + at + 16, rowScalesPtr + at + 16, biasPtr + at + 16, s, y1);
    finish(yPtr + at + 32, rowScalesPtr + at + 32, biasPtr + at + 32, s, y2);
    finish(yPtr + at + 48, rowScalesPtr + at + 48, biasPtr + at + 48, s, y3);
    finish(yPtr + at + 64, rowScalesPtr + at + 64, biasPtr + at + 64, s, y4);
    finish(yPtr + at + 80, rowScalesPtr + at + 80, biasPtr + at + 80, s, y5);
  }
}

/** Numbers of the pairs in which a q is not 0. Returns the end of the list. */
function listPairs(listPtr: usize, qPtr: usize, pairCount: i32): usize {
  let listEnd = listPtr;
  for (let pair = 0; pair < pairCount; pair++) {
    if (load<i32>(qPtr + (<usize>pair << 2)) == 0) continue;
    store<i32>(listEnd, pair);
    listEnd += 4;
  }
  return listEnd;
}

export function matvecInt8Sparse(
  yPtr: usize,
  packedPtr: usize,
  rowScalesPtr: usize,
  xPtr: usize,
  biasPtr: usize,
  rows: i32,
  cols: i32,
  scratchPtr: usize,
): void {
  const s = f32x4.splat(quantise(scratchPtr, xPtr, cols));
  const pairCount = (cols + 1) >> 1;
  const listPtr = scratchPtr + (<usize>pairCount << 2);
  const listEnd = listPairs(listPtr, scratchPtr, pairCount);
  let w = packedPtr;
  for (let block = 0; block < rows; block += ROWS) {
    let y0 = i32x4.splat(0);
    let y1 = i32x4.splat(0);
    let y2 = i32x4.splat(0);
    let y3 = i32x4.splat(0);
    let y4 = i32x4.splat(0);
    let y5 = i32x4.splat(0);
    for (let item = listPtr; item < listEnd; item += 4) {
      const pair = <usize>load<i32>(item);
      const v = v128.load32_splat(scratchPtr + (pair << 2));
      const column = w + pair * PAIR_BYTES;
      y0 = dotAdd(column, v, y0);
      y1 = dotAdd(column + 8, v, y1);
      y2 = dotAdd(column + 16, v, y2);
      y3 = dotAdd(column + 24, v, y3);
      y4 = dotAdd(column + 32, v, y4);
      y5 = dotAdd(column + 40, v, y5);
    }
    const at = <usize>block << 2;
    finish(yPtr + at, rowScalesPtr + at, biasPtr + at, s, y0);
    finish(yPtr + at + 16, rowScalesPtr + at + 16, biasPtr + at + 16, s, y1);
    finish(yPtr + at + 32, rowScalesPtr + at + 32, biasPtr + at + 32, s, y2);
    finish(yPtr + at + 48, rowScalesPtr + at + 48, biasPtr + at + 48, s, y3);
    finish(yPtr + at + 64, rowScalesPtr + at + 64, biasPtr + at + 64, s, y4);
    finish(yPtr + at + 80, rowScalesPtr + at + 80, biasPtr + at + 80, s, y5);
    w += <usize>pairCount * PAIR_BYTES;
  }
}
