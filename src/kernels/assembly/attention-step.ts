/**
 * Banded attention of one new bin, streaming: its key and value go into a ring of `window` slots, then its query attends
 * to every slot that is filled.
 *
 * Positions never grow. The key in slot j is turned by the angle of position j, whichever bin it belongs to; the query in
 * slot s is turned by that of s for the slots up to its own, and by that of s + window for the slots behind it, whose keys
 * came in before slot 0 was written anew. Only differences of positions matter, and these are the true ones.
 *
 * Ring, per head: keys [window][row], then values [window][row]; row = head width up to a multiple of four, padded with zeros.
 */
import { expLanes } from './activations';
import { copyRow } from './attention-block';
import { rotateRow } from './rotary';
import { madd, sumLanes } from './vector';

/** Lanes 0 to 3: the sums of a, b, c and d. */
// @ts-ignore: decorator
@inline
function sumsOf(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** scores[count] = keys[count][row] query[row] */
function scoreKeys(scoresPtr: usize, keysPtr: usize, queryPtr: usize, row: usize, count: i32): void {
  let key = keysPtr;
  let j = 0;
  for (; j + 4 <= count; j += 4) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    const key1 = key + row;
    const key2 = key1 + row;
    const key3 = key2 + row;
    for (let i: usize = 0; i < row; i += 16) {
      const q = v128.load(queryPtr + i);
      s0 = madd(q, v128.load(key + i), s0);
      s1 = madd(q, v128.load(key1 + i), s1);
      s2 = madd(q, v128.load(key2 + i), s2);
      s3 = madd(q, v128.load(key3 + i), s3);
    }
    v128.store(scoresPtr + (<usize>j << 2), sumsOf(s0, s1, s2, s3));
    key = key3 + row;
  }
  for (; j < count; j++) {
    let s = f32x4.splat(0);
    for (let i: usize = 0; i < row; i += 16) s = madd(v128.load(queryPtr + i), v128.load(key + i), s);
    store<f32>(scoresPtr + (<usize>j << 2), sumLanes(s));
    key += row;
  }
}

/** weights[count] <- exp(score - largest); returns 1 / their sum. There is room for a multiple of four. */
function exponentiate(weightsPtr: usize, count: i32): f32 {
  const end = weightsPtr + (<usize>count << 2);
  const padded = weightsPtr + ((<usize>count + 3) >> 2 << 4);
  for (let at = end; at < padded; at += 4) store<f32>(at, -Infinity);
  let largest = f32x4.splat(-Infinity);
  for (let at = weightsPtr; at < padded; at += 16) largest = f32x4.pmax(largest, v128.load(at));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
  let sum = f32x4.splat(0); // padding adds exp(-infinity) = 1.6e-38, nothing beside the largest's 1
  for (let at = weightsPtr; at < padded; at += 16) {
    const e = expLanes(f32x4.sub(v128.load(at), largest));
    v128.store(at, e);
    sum = f32x4.add(sum, e);
  }
  return <f32>1 / sumLanes(sum);
}

/** out[width] = scale times the sum of weights[count] values[count][row] */
function sumValues(
  outPtr: usize,
  valuesPtr: usize,
  weightsPtr: usize,
  scale: f32,
  row: usize,
  width: usize,
  count: i32,
): void {
  const scales = f32x4.splat(scale);
  const end = weightsPtr + (<usize>count << 2);
  let i: usize = 0;
  for (; i + 64 <= width; i += 64) {
    let y0 = f32x4.splat(0);
    let y1 = f32x4.splat(0);
    let y2 = f32x4.splat(0);
    let y3 = f32x4.splat(0);
    let value = valuesPtr + i;
    for (let at = weightsPtr; at < end; at += 4) {
      const w = v128.load32_splat(at);
      y0 = madd(w, v128.load(value), y0);
      y1 = madd(w, v128.load(value, 16), y1);
      y2 = madd(w, v128.load(value, 32), y2);
      y3 = madd(w, v128.load(value, 48), y3);
      value += row;
    }
    v128.store(outPtr + i, f32x4.mul(y0, scales));
    v128.store(outPtr + i, f32x4.mul(y1, scales), 16);
    v128.store(outPtr + i, f32x4.mul(y2, scales), 32);
    v128.store(outPtr + i, f32x4.mul(y3, scales), 48);
  }
  for (; i < width; i += 16) {
    let y = f32x4.splat(0);
    let value = valuesPtr + i;
    for (let at = weightsPtr; at < end; at += 4) {
      y = madd(v128.load32_splat(at), v128.load(value), y);
      value += row;
    }
    y = f32x4.mul(y, scales);
    if (i + 16 <= width) v128.store(outPtr + i, y);
    else v128.store64_lane(outPtr + i, y, 0); // the width is even
  }
}

export function attentionStep(
  outPtr: usize,
  ringPtr: usize,
  qkvPtr: usize,
  rotaryPtr: usize,
  headCount: i32,
  headWidth: i32,
  windowBins: i32,
  earlierCount: i32,
  scratchPtr: usize,
): void {
  const width = <usize>headWidth << 2;
  const row = (<usize>headWidth + 3) >> 2 << 4;
  const slot = earlierCount % windowBins;
  const filled = min(earlierCount + 1, windowBins);
  const outRow = <usize>headCount * width;
  const ringBytes = <usize>windowBins * row;
  const ownPtr = scratchPtr; // query turned for the slots up to its own, [row]
  const behindPtr = ownPtr + row; // query turned for the slots behind it, [row]
  const weights = behindPtr + row; // [window up to a multiple of four]
  const ownTable = rotaryPtr + <usize>slot * 2 * width;
  const behindTable = rotaryPtr + <usize>(slot + windowBins) * 2 * width;
  const scale = <f32>1 / sqrt<f32>(<f32>headWidth);
  const ownCount = slot + 1;
  memory.fill(scratchPtr, 0, 2 * row);
  let keys = ringPtr;
  for (let h = 0; h < headCount; h++) {
    const query = qkvPtr + <usize>h * width;
    const values = keys + ringBytes;
    rotateRow(keys + <usize>slot * row, query + outRow, ownTable, width, 1, 1);
    copyRow(values + <usize>slot * row, query + 2 * outRow, width);
    rotateRow(ownPtr, query, ownTable, width, 1, scale);
    scoreKeys(weights, keys, ownPtr, row, ownCount);
    if (filled > ownCount) {
      rotateRow(behindPtr, query, behindTable, width, 1, scale);
      const from = <usize>ownCount;
      scoreKeys(weights + (from << 2), keys + from * row, behindPtr, row, filled - ownCount);
    }
    const scaleOut = exponentiate(weights, filled);
    sumValues(outPtr + <usize>h * width, values, weights, scaleOut, row, width, filled);
    keys = values + ringBytes;
  }
}
