/**
 * 2^x for the factors of a decay, x <= 0. Method: 2^n 2^r, n = round(x), |r| <= 1/2, and the degree-6 polynomial of
 * Moshier's Cephes `exp2f`. Relative error below 2e-7 on [-60, 0]; below, it stays 2^-60, which no float32 sum feels and
 * which keeps products out of the subnormal numbers. 2^0 is exactly 1. NaN gives NaN.
 *
 * V8 in Node 20 builds a vector constant from three instructions wherever it is used, also inside a loop. Constants that
 * are loaded before the loop stay in registers or on the stack: with them the whole scan takes two thirds of the time.
 */
import { madd } from './vector';

/** 1.5 x 2^23 + 127: adding it to a float rounds that to an integer n and leaves the exponent field of 2^n in the low bits. */
const ROUND: f32 = 12583039.0;

/** Never written: least exponent, rounding constant, coefficients from r^6 to r. */
const CONSTANTS: usize = memory.data<f32>([
  -60.0, ROUND, 1.535336188319500e-4, 1.339887440266574e-3, 9.618437357674640e-3, 5.550332471162809e-2,
  2.402264791363012e-1, 6.931472028550421e-1, 1.0,
]);

/** Constant `index` on four lanes; to be called before the loop. */
// @ts-ignore: decorator
@inline
export function exp2Constant(index: i32): v128 {
  return v128.load32_splat(CONSTANTS + (<usize>index << 2));
}

/** The arguments from `least` on are exp2Constant(0), exp2Constant(1), ... */
// @ts-ignore: decorator
@inline
export function exp2Lanes(
  x: v128, least: v128, round: v128, c6: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, c0: v128,
): v128 {
  const clamped = f32x4.pmax(x, least); // pmax keeps a NaN in its first argument
  const rounded = f32x4.add(clamped, round);
  const r = f32x4.sub(clamped, f32x4.sub(rounded, round));
  let p = madd(c6, r, c5);
  p = madd(p, r, c4);
  p = madd(p, r, c3);
  p = madd(p, r, c2);
  p = madd(p, r, c1);
  p = madd(p, r, c0);
  return f32x4.mul(p, i32x4.shl(rounded, 23));
}
