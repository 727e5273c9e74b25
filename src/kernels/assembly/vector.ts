/** Four-lane helpers shared by the kernels. */

/** Multiply-add a b + c: fused in the relaxed build, rounded twice in the plain one. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** Four floats, or at the end of a row one float in all lanes: arithmetic is written once for both. */
// @ts-ignore: decorator
@inline
export function loadLanes(ptr: usize, isTail: bool): v128 {
  return isTail ? v128.load32_splat(ptr) : v128.load(ptr);
}

/** The counterpart of loadLanes. */
// @ts-ignore: decorator
@inline
export function storeLanes(ptr: usize, lanes: v128, isTail: bool): void {
  if (isTail) store<f32>(ptr, f32x4.extract_lane(lanes, 0));
  else v128.store(ptr, lanes);
}
