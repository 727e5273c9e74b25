/**
 * Exponential, logistic function and hyperbolic tangent on four lanes.
 *
 * Method: exp(x) = 2^n exp(r), n = round(x / ln 2), r = x - n ln 2 in two parts (Cody and Waite 1980), |r| <= 0.347,
 * and the degree-6 polynomial of Moshier's Cephes `expf`. Relative error of exp below 2e-7 on [-87, 88]; the argument
 * is clamped to that interval.
 *
 * Absolute error over all 2^32 float32 values, both builds: sigmoid below 9e-8, tanh below 1.8e-7 (so tanh of an x below
 * 1e-7 may be 0). sigmoid(-inf) = 6.1e-39, sigmoid(inf) = 1, tanh(+-inf) = +-1, NaN gives NaN; results stay within
 * [0, 1] and [-1, 1].
 */
import { madd } from './vector';

/** 1.5 x 2^23: adding it to a float rounds that to the nearest integer and leaves the integer in the low bits. */
const ROUND: f32 = 12582912.0;

// @ts-ignore: decorator
@inline
export function expLanes(x: v128): v128 {
  // pmin and pmax keep a NaN in their first argument, and are one instruction where min and max are six.
  const clamped = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88.0)), f32x4.splat(-87.0));
  const rounded = f32x4.add(f32x4.mul(clamped, f32x4.splat(1.44269504088896341)), f32x4.splat(ROUND));
  const n = f32x4.sub(rounded, f32x4.splat(ROUND));
  let r = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = madd(p, r, f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  const e = f32x4.add(madd(p, f32x4.mul(r, r), r), f32x4.splat(1.0));
  const power = i32x4.shl(i32x4.add(rounded, i32x4.splat(127)), 23);
  return f32x4.mul(e, power);
}

// @ts-ignore: decorator
@inline
export function sigmoidLanes(x: v128): v128 {
  const one = f32x4.splat(1.0);
  return f32x4.div(one, f32x4.add(one, expLanes(f32x4.neg(x))));
}

// @ts-ignore: decorator
@inline
export function tanhLanes(x: v128): v128 {
  const one = f32x4.splat(1.0);
  const e = expLanes(f32x4.add(x, x));
  return f32x4.sub(one, f32x4.div(f32x4.splat(2.0), f32x4.add(e, one)));
}

export function sigmoid(yPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(yPtr + (<usize>i << 2), sigmoidLanes(v128.load(xPtr + (<usize>i << 2))));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, f32x4.extract_lane(sigmoidLanes(f32x4.splat(load<f32>(xPtr + at))), 0));
  }
}

export function tanh(yPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(yPtr + (<usize>i << 2), tanhLanes(v128.load(xPtr + (<usize>i << 2))));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, f32x4.extract_lane(tanhLanes(f32x4.splat(load<f32>(xPtr + at))), 0));
  }
}

export function sigmoidBackward(dxPtr: usize, dyPtr: usize, yPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    const y = v128.load(yPtr + at);
    const slope = f32x4.mul(y, f32x4.sub(f32x4.splat(1.0), y));
    v128.store(dxPtr + at, madd(v128.load(dyPtr + at), slope, v128.load(dxPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    const y = load<f32>(yPtr + at);
    store<f32>(dxPtr + at, load<f32>(dxPtr + at) + load<f32>(dyPtr + at) * (y * (<f32>1.0 - y)));
  }
}

export function tanhBackward(dxPtr: usize, dyPtr: usize, yPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    const y = v128.load(yPtr + at);
    const slope = f32x4.sub(f32x4.splat(1.0), f32x4.mul(y, y));
    v128.store(dxPtr + at, madd(v128.load(dyPtr + at), slope, v128.load(dxPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    const y = load<f32>(yPtr + at);
    store<f32>(dxPtr + at, load<f32>(dxPtr + at) + load<f32>(dyPtr + at) * (<f32>1.0 - y * y));
  }
}
