/**
 * Activations of feed-forward layers, from expLanes (activations.ts):
 *   silu(x) = x sigmoid(x);   squaredRelu(x) = max(0, x)^2;
 *   gelu(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), the tanh form of Hendrycks and Gimpel 2016 (arXiv 1606.08415);
 *   softplus(x) = max(0, x) + log1p(e),  e = exp(-|x|),  log1p(e) = 2 atanh(z),  z = e / (2 + e) <= 1/3, by its series to z^15.
 * Absolute error below 3e-7 (1 + |x|), softplus below 3e-7 (1 + |x|). NaN gives NaN. At -infinity silu and gelu are NaN
 * (infinity times 0), softplus and squaredRelu are 0; at infinity all are infinity.
 */
import { expLanes, sigmoidLanes, tanhLanes } from './activations';
import { madd } from './vector';

const GELU_SCALE: f32 = 0.7978845608028654;
const GELU_CUBE: f32 = 0.044715;

// @ts-ignore: decorator
@inline
export function siluLanes(x: v128): v128 {
  return f32x4.mul(x, sigmoidLanes(x));
}

// @ts-ignore: decorator
@inline
function siluSlope(x: v128): v128 {
  const one = f32x4.splat(1.0);
  const s = sigmoidLanes(x);
  return f32x4.mul(s, madd(x, f32x4.sub(one, s), one));
}

// @ts-ignore: decorator
@inline
function geluTanh(x: v128): v128 {
  const cube = f32x4.mul(f32x4.mul(f32x4.splat(GELU_CUBE), x), f32x4.mul(x, x));
  return tanhLanes(f32x4.mul(f32x4.splat(GELU_SCALE), f32x4.add(x, cube)));
}

// @ts-ignore: decorator
@inline
function geluLanes(x: v128): v128 {
  return f32x4.mul(f32x4.mul(f32x4.splat(0.5), x), f32x4.add(f32x4.splat(1.0), geluTanh(x)));
}

// @ts-ignore: decorator
@inline
function geluSlope(x: v128): v128 {
  const one = f32x4.splat(1.0);
  const t = geluTanh(x);
  const inner = f32x4.mul(f32x4.splat(GELU_SCALE), madd(f32x4.splat(3.0 * GELU_CUBE), f32x4.mul(x, x), one));
  const bend = f32x4.mul(f32x4.mul(x, f32x4.sub(one, f32x4.mul(t, t))), inner);
  return f32x4.mul(f32x4.splat(0.5), f32x4.add(f32x4.add(one, t), bend));
}

// @ts-ignore: decorator
@inline
export function softplusLanes(x: v128): v128 {
  const e = expLanes(f32x4.neg(f32x4.abs(x)));
  const z = f32x4.div(e, f32x4.add(f32x4.splat(2.0), e));
  const z2 = f32x4.mul(z, z);
  let p = f32x4.splat(1.0 / 15.0);
  p = madd(p, z2, f32x4.splat(1.0 / 13.0));
  p = madd(p, z2, f32x4.splat(1.0 / 11.0));
  p = madd(p, z2, f32x4.splat(1.0 / 9.0));
  p = madd(p, z2, f32x4.splat(1.0 / 7.0));
  p = madd(p, z2, f32x4.splat(1.0 / 5.0));
  p = madd(p, z2, f32x4.splat(1.0 / 3.0));
  p = madd(p, z2, f32x4.splat(1.0));
  return madd(f32x4.add(z, z), p, f32x4.max(x, f32x4.splat(0.0)));
}

// @ts-ignore: decorator
@inline
function squaredReluLanes(x: v128): v128 {
  const positive = f32x4.max(x, f32x4.splat(0.0));
  return f32x4.mul(positive, positive);
}

// @ts-ignore: decorator
@inline
function squaredReluSlope(x: v128): v128 {
  const positive = f32x4.max(x, f32x4.splat(0.0));
  return f32x4.add(positive, positive);
}

export function silu(yPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(yPtr + at, siluLanes(v128.load(xPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, f32x4.extract_lane(siluLanes(v128.load32_splat(xPtr + at)), 0));
  }
}

export function siluBackward(dxPtr: usize, dyPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(dxPtr + at, madd(v128.load(dyPtr + at), siluSlope(v128.load(xPtr + at)), v128.load(dxPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    const slope = f32x4.extract_lane(siluSlope(v128.load32_splat(xPtr + at)), 0);
    store<f32>(dxPtr + at, load<f32>(dxPtr + at) + load<f32>(dyPtr + at) * slope);
  }
}

export function gelu(yPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(yPtr + at, geluLanes(v128.load(xPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, f32x4.extract_lane(geluLanes(v128.load32_splat(xPtr + at)), 0));
  }
}

export function geluBackward(dxPtr: usize, dyPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(dxPtr + at, madd(v128.load(dyPtr + at), geluSlope(v128.load(xPtr + at)), v128.load(dxPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    const slope = f32x4.extract_lane(geluSlope(v128.load32_splat(xPtr + at)), 0);
    store<f32>(dxPtr + at, load<f32>(dxPtr + at) + load<f32>(dyPtr + at) * slope);
  }
}

export function softplus(yPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(yPtr + at, softplusLanes(v128.load(xPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, f32x4.extract_lane(softplusLanes(v128.load32_splat(xPtr + at)), 0));
  }
}

export function softplusBackward(dxPtr: usize, dyPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(dxPtr + at, madd(v128.load(dyPtr + at), sigmoidLanes(v128.load(xPtr + at)), v128.load(dxPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    const slope = f32x4.extract_lane(sigmoidLanes(v128.load32_splat(xPtr + at)), 0);
    store<f32>(dxPtr + at, load<f32>(dxPtr + at) + load<f32>(dyPtr + at) * slope);
  }
}

export function squaredRelu(yPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(yPtr + at, squaredReluLanes(v128.load(xPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    store<f32>(yPtr + at, f32x4.extract_lane(squaredReluLanes(v128.load32_splat(xPtr + at)), 0));
  }
}

export function squaredReluBackward(dxPtr: usize, dyPtr: usize, xPtr: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const at = <usize>i << 2;
    v128.store(dxPtr + at, madd(v128.load(dyPtr + at), squaredReluSlope(v128.load(xPtr + at)), v128.load(dxPtr + at)));
  }
  for (; i < count; i++) {
    const at = <usize>i << 2;
    const slope = f32x4.extract_lane(squaredReluSlope(v128.load32_splat(xPtr + at)), 0);
    store<f32>(dxPtr + at, load<f32>(dxPtr + at) + load<f32>(dyPtr + at) * slope);
  }
}
