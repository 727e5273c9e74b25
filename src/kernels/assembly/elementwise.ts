/** Loops over flat arrays and rows. */
import { madd } from './vector';

export function add(yPtr: usize, aPtr: usize, bPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(yPtr + at, f32x4.add(v128.load(aPtr + at), v128.load(bPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, load<f32>(aPtr + at) + load<f32>(bPtr + at));
  }
}

export function multiply(yPtr: usize, aPtr: usize, bPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(yPtr + at, f32x4.mul(v128.load(aPtr + at), v128.load(bPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, load<f32>(aPtr + at) * load<f32>(bPtr + at));
  }
}

export function multiplyAdd(yPtr: usize, aPtr: usize, bPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(yPtr + at, madd(v128.load(aPtr + at), v128.load(bPtr + at), v128.load(yPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, load<f32>(yPtr + at) + load<f32>(aPtr + at) * load<f32>(bPtr + at));
  }
}

export function accumulate(yPtr: usize, xPtr: usize, count: i32): void {
  add(yPtr, yPtr, xPtr, count);
}

export function zero(yPtr: usize, count: i32): void {
  memory.fill(yPtr, 0, <usize>count << 2);
}

export function fillRows(yPtr: usize, biasPtr: usize, rows: i32, cols: i32): void {
  const rowBytes = <usize>cols << 2;
  for (let i = 0; i < rows; i++) memory.copy(yPtr + <usize>i * rowBytes, biasPtr, rowBytes);
}

export function columnSums(outPtr: usize, xPtr: usize, rows: i32, cols: i32): void {
  const rowBytes = <usize>cols << 2;
  for (let i = 0; i < rows; i++) add(outPtr, outPtr, xPtr + <usize>i * rowBytes, cols);
}

export function sumOfSquares(xPtr: usize, count: i32): f64 {
  let low = f64x2.splat(0.0);
  let high = f64x2.splat(0.0);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const x = v128.load(xPtr + (<usize>i << 2));
    const a = f64x2.promote_low_f32x4(x);
    const b = f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const pair = f64x2.add(low, high);
  let sum = f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
  for (; i < count; i++) {
    const x = <f64>load<f32>(xPtr + (<usize>i << 2));
    sum += x * x;
  }
  return sum;
}
