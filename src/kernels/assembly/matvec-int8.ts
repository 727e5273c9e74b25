/**
 * Matrix-vector product with int8 weights for the streaming step. A step that runs every 10 ms finds its weights in cold
 * caches, so a quarter of the bytes counts for more than the arithmetic.
 *
 * The input is put on a 16-bit grid of its own at every call (`quantise`), so that products and sums are integers and
 * exact, and what is lost is what 16 bits of input lose. Two columns at a time: weights are widened to 16 bits, two columns
 * are interleaved, and i32x4.dot_i16x8_s multiplies and adds them. Weights are packed as in matvec.ts (24 rows, column by
 * column), so a column can be skipped. Other forms were measured on a GRU of 96-256 and 96-512, one step every 10 ms:
 * columns interleaved when packed are within 5 % of this and cannot skip single columns; float inputs, with the weights
 * widened to float, take a quarter to a half longer.
 */
import { madd } from './vector';

const ROWS: i32 = 24;
const COLUMN_BYTES: usize = 24;
/** Of the list in `matvecInt8Sparse`: places of two columns, two 16-bit inputs. */
const ITEM_BYTES: usize = 12;
/** 1.5 x 2^23, and its bits: adding it to a float rounds that to the nearest integer, which is left in the low bits. */
const ROUND: f32 = 12582912.0;
const ROUND_BITS: i32 = 0x4b400000;
/** An input whose largest element is below this counts as zero; the reciprocal of smaller ones may be infinite. */
const TINY: f32 = 1e-30;
const INT16_MAX: i32 = 32767;
const WEIGHT_MAX: i32 = 127;

export function packInt8(packedPtr: usize, wPtr: usize, rows: i32, cols: i32): void {
  const paddedCols = (cols + 1) & ~1;
  let out = packedPtr;
  for (let block = 0; block < rows; block += ROWS) {
    for (let k = 0; k < paddedCols; k++) {
      for (let j = 0; j < ROWS; j++) {
        const row = block + j;
        store<i8>(out, row < rows && k < cols ? load<i8>(wPtr + <usize>row * <usize>cols + <usize>k) : 0);
        out++;
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

/** Rows 0 to 3 of two columns of eight, interleaved. */
// @ts-ignore: decorator
@inline
function low(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** Rows 4 to 7 of two columns of eight, interleaved. */
// @ts-ignore: decorator
@inline
function high(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

// @ts-ignore: decorator
@inline
function dotAdd(w: v128, x: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(w, x));
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
      let a = v128.load8x8_s(w);
      let b = v128.load8x8_s(w, 24);
      y0 = dotAdd(low(a, b), v, y0);
      y1 = dotAdd(high(a, b), v, y1);
      a = v128.load8x8_s(w, 8);
      b = v128.load8x8_s(w, 32);
      y2 = dotAdd(low(a, b), v, y2);
      y3 = dotAdd(high(a, b), v, y3);
      a = v128.load8x8_s(w, 16);
      b = v128.load8x8_s(w, 40);
      y4 = dotAdd(low(a, b), v, y4);
      y5 = dotAdd(high(a, b), v, y5);
      w += 2 * COLUMN_BYTES;
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

/** The columns whose q is not 0, two to an item; a column left over is paired with itself at q = 0. Returns the end. */
function listColumns(itemsPtr: usize, qPtr: usize, cols: i32): usize {
  let item = itemsPtr;
  let isSecond = false;
  for (let k = 0; k < cols; k++) {
    const q = load<i16>(qPtr + (<usize>k << 1));
    if (q == 0) continue;
    const place = k * <i32>COLUMN_BYTES;
    if (isSecond) {
      store<i32>(item, place, 4);
      store<i16>(item, q, 10);
      item += ITEM_BYTES;
    } else {
      store<i32>(item, place);
      store<i32>(item, place, 4);
      store<i32>(item, <i32>q & 0xffff, 8);
    }
    isSecond = !isSecond;
  }
  return isSecond ? item + ITEM_BYTES : item;
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
  const paddedCols = <usize>((cols + 1) & ~1);
  const itemsPtr = scratchPtr + (paddedCols << 1);
  const itemsEnd = listColumns(itemsPtr, scratchPtr, cols);
  let w = packedPtr;
  for (let block = 0; block < rows; block += ROWS) {
    let y0 = i32x4.splat(0);
    let y1 = i32x4.splat(0);
    let y2 = i32x4.splat(0);
    let y3 = i32x4.splat(0);
    let y4 = i32x4.splat(0);
    let y5 = i32x4.splat(0);
    for (let item = itemsPtr; item < itemsEnd; item += ITEM_BYTES) {
      const v = v128.load32_splat(item, 8);
      const first = w + <usize>load<i32>(item);
      const second = w + <usize>load<i32>(item, 4);
      let a = v128.load8x8_s(first);
      let b = v128.load8x8_s(second);
      y0 = dotAdd(low(a, b), v, y0);
      y1 = dotAdd(high(a, b), v, y1);
      a = v128.load8x8_s(first, 8);
      b = v128.load8x8_s(second, 8);
      y2 = dotAdd(low(a, b), v, y2);
      y3 = dotAdd(high(a, b), v, y3);
      a = v128.load8x8_s(first, 16);
      b = v128.load8x8_s(second, 16);
      y4 = dotAdd(low(a, b), v, y4);
      y5 = dotAdd(high(a, b), v, y5);
    }
    const at = <usize>block << 2;
    finish(yPtr + at, rowScalesPtr + at, biasPtr + at, s, y0);
    finish(yPtr + at + 16, rowScalesPtr + at + 16, biasPtr + at + 16, s, y1);
    finish(yPtr + at + 32, rowScalesPtr + at + 32, biasPtr + at + 32, s, y2);
    finish(yPtr + at + 48, rowScalesPtr + at + 48, biasPtr + at + 48, s, y3);
    finish(yPtr + at + 64, rowScalesPtr + at + 64, biasPtr + at + 64, s, y4);
    finish(yPtr + at + 80, rowScalesPtr + at + 80, biasPtr + at + 80, s, y5);
    w += paddedCols * COLUMN_BYTES;
  }
}
