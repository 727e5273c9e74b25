/**
 * Matrix-vector product for the streaming step. Weights are packed in blocks of 24 rows, column by column inside a
 * block, so that six accumulators (the most that V8 keeps in registers beside the loads) stay put while the weights
 * stream by once.
 */
import { madd } from './vector';

const ROWS: i32 = 24;
const COLUMN_BYTES: usize = 96;

export function packMatvec(packedPtr: usize, wPtr: usize, rows: i32, cols: i32): void {
  let out = packedPtr;
  for (let block = 0; block < rows; block += ROWS) {
    for (let k = 0; k < cols; k++) {
      for (let j = 0; j < ROWS; j++) {
        const row = block + j;
        store<f32>(out, row < rows ? load<f32>(wPtr + ((<usize>row * <usize>cols + <usize>k) << 2)) : 0);
        out += 4;
      }
    }
  }
}

export function matvecDense(yPtr: usize, packedPtr: usize, xPtr: usize, biasPtr: usize, rows: i32, cols: i32): void {
  let w = packedPtr;
  const xEnd = xPtr + (<usize>cols << 2);
  for (let block = 0; block < rows; block += ROWS) {
    const at = <usize>block << 2;
    let y0 = v128.load(biasPtr + at);
    let y1 = v128.load(biasPtr + at, 16);
    let y2 = v128.load(biasPtr + at, 32);
    let y3 = v128.load(biasPtr + at, 48);
    let y4 = v128.load(biasPtr + at, 64);
    let y5 = v128.load(biasPtr + at, 80);
    for (let x = xPtr; x < xEnd; x += 4) {
      const v = v128.load32_splat(x);
      y0 = madd(v, v128.load(w), y0);
      y1 = madd(v, v128.load(w, 16), y1);
      y2 = madd(v, v128.load(w, 32), y2);
      y3 = madd(v, v128.load(w, 48), y3);
      y4 = madd(v, v128.load(w, 64), y4);
      y5 = madd(v, v128.load(w, 80), y5);
      w += COLUMN_BYTES;
    }
    v128.store(yPtr + at, y0);
    v128.store(yPtr + at, y1, 16);
    v128.store(yPtr + at, y2, 32);
    v128.store(yPtr + at, y3, 48);
    v128.store(yPtr + at, y4, 64);
    v128.store(yPtr + at, y5, 80);
  }
}

export function matvecSparse(
  yPtr: usize,
  packedPtr: usize,
  xPtr: usize,
  biasPtr: usize,
  rows: i32,
  cols: i32,
  scratchPtr: usize,
): void {
  let listEnd = scratchPtr;
  for (let k = 0; k < cols; k++) {
    // Written in any case, kept if not zero: there is no branch to mispredict. NaN is not equal to zero, so it is listed
    // and reaches the output.
    store<i32>(listEnd, k);
    listEnd += <usize>(load<f32>(xPtr + (<usize>k << 2)) != 0) << 2;
  }
  let w = packedPtr;
  for (let block = 0; block < rows; block += ROWS) {
    const at = <usize>block << 2;
    let y0 = v128.load(biasPtr + at);
    let y1 = v128.load(biasPtr + at, 16);
    let y2 = v128.load(biasPtr + at, 32);
    let y3 = v128.load(biasPtr + at, 48);
    let y4 = v128.load(biasPtr + at, 64);
    let y5 = v128.load(biasPtr + at, 80);
    for (let item = scratchPtr; item < listEnd; item += 4) {
      const k = <usize>load<i32>(item);
      const v = v128.load32_splat(xPtr + (k << 2));
      const column = w + k * COLUMN_BYTES;
      y0 = madd(v, v128.load(column), y0);
      y1 = madd(v, v128.load(column, 16), y1);
      y2 = madd(v, v128.load(column, 32), y2);
      y3 = madd(v, v128.load(column, 48), y3);
      y4 = madd(v, v128.load(column, 64), y4);
      y5 = madd(v, v128.load(column, 80), y5);
    }
    v128.store(yPtr + at, y0);
    v128.store(yPtr + at, y1, 16);
    v128.store(yPtr + at, y2, 32);
    v128.store(yPtr + at, y3, 48);
    v128.store(yPtr + at, y4, 64);
    v128.store(yPtr + at, y5, 80);
    w += <usize>cols * COLUMN_BYTES;
  }
}
