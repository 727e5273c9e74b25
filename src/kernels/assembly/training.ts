/** Dropout, loss and optimiser. */
import { madd } from './vector';

/** Finaliser of MurmurHash3; the twin of `hash32` in core/rng.ts. */
// @ts-ignore: decorator
@inline
function mix32(x: u32): u32 {
  let h = x;
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

// @ts-ignore: decorator
@inline
function mixLanes(x: v128): v128 {
  let h = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.splat(0x85ebca6b));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 13)), i32x4.splat(0xc2b2ae35));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

export function dropout(
  yPtr: usize,
  xPtr: usize,
  rows: i32,
  cols: i32,
  firstIndex: u32,
  indexStride: u32,
  seed: u32,
  step: u32,
  keepBelow: u32,
  scale: f32,
  accumulate: i32,
): void {
  const base = mix32(mix32(seed + 0x9e3779b9) + step);
  const scales = f32x4.splat(scale);
  const threshold = i32x4.splat(keepBelow);
  for (let i = 0; i < rows; i++) {
    const row = <usize>i * (<usize>cols << 2);
    const first = base + firstIndex + <u32>i * indexStride;
    let lanes = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
    let j = 0;
    for (; j + 4 <= cols; j += 4) {
      const at = row + (<usize>j << 2);
      const keep = i32x4.lt_u(mixLanes(lanes), threshold);
      const value = v128.and(f32x4.mul(v128.load(xPtr + at), scales), keep);
      v128.store(yPtr + at, accumulate != 0 ? f32x4.add(v128.load(yPtr + at), value) : value);
      lanes = i32x4.add(lanes, i32x4.splat(4));
    }
    for (; j < cols; j++) {
      const at = row + (<usize>j << 2);
      const value = mix32(first + <u32>j) < keepBelow ? load<f32>(xPtr + at) * scale : <f32>0;
      store<f32>(yPtr + at, accumulate != 0 ? load<f32>(yPtr + at) + value : value);
    }
  }
}

export function squaredError(
  dpPtr: usize,
  pPtr: usize,
  yPtr: usize,
  weightPtr: usize,
  timeCount: i32,
  rowCount: i32,
  scale: f32,
): f64 {
  let sum: f64 = 0;
  let at: usize = 0;
  for (let t = 0; t < timeCount; t++) {
    const weight = load<f32>(weightPtr + (<usize>t << 2)) * scale;
    let rowSum: f64 = 0;
    for (let i = 0; i < rowCount; i++) {
      const error = load<f32>(pPtr + at) - load<f32>(yPtr + at);
      store<f32>(dpPtr + at, 2 * weight * error);
      rowSum += <f64>error * <f64>error;
      at += 4;
    }
    sum += rowSum * <f64>weight;
  }
  return sum;
}

export function adamw(
  parameterPtr: usize,
  gradientPtr: usize,
  firstMomentPtr: usize,
  secondMomentPtr: usize,
  count: i32,
  learningRate: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  weightDecay: f64,
  correction1: f64,
  correction2: f64,
  gradientScale: f64,
): void {
  // Scalars are float64 until here: 1 - 0.999 from a float32 beta would be off by 5e-5 of itself.
  const decay = f32x4.splat(<f32>(1.0 - learningRate * weightDecay));
  const stepSize = f32x4.splat(<f32>(learningRate / correction1));
  const rootCorrection = f32x4.splat(<f32>sqrt<f64>(correction2));
  const keep1 = f32x4.splat(<f32>beta1);
  const keep2 = f32x4.splat(<f32>beta2);
  const add1 = f32x4.splat(<f32>(1.0 - beta1));
  const add2 = f32x4.splat(<f32>(1.0 - beta2));
  const epsilons = f32x4.splat(<f32>epsilon);
  const scales = f32x4.splat(<f32>gradientScale);
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2;
    const isTail = i + 4 > count;
    // A tail is worked on lane by lane with the same arithmetic.
    const last = isTail ? count - i : 1;
    for (let lane = 0; lane < last; lane++) {
      const p = at + (<usize>lane << 2);
      const g = f32x4.mul(isTail ? v128.load32_splat(gradientPtr + p) : v128.load(gradientPtr + p), scales);
      const m0 = isTail ? v128.load32_splat(firstMomentPtr + p) : v128.load(firstMomentPtr + p);
      const v0 = isTail ? v128.load32_splat(secondMomentPtr + p) : v128.load(secondMomentPtr + p);
      const w0 = isTail ? v128.load32_splat(parameterPtr + p) : v128.load(parameterPtr + p);
      const m = madd(keep1, m0, f32x4.mul(add1, g));
      const v = madd(keep2, v0, f32x4.mul(add2, f32x4.mul(g, g)));
      const denominator = f32x4.add(f32x4.div(f32x4.sqrt(v), rootCorrection), epsilons);
      const w = f32x4.sub(f32x4.mul(w0, decay), f32x4.div(f32x4.mul(stepSize, m), denominator));
      if (isTail) {
        store<f32>(firstMomentPtr + p, f32x4.extract_lane(m, 0));
        store<f32>(secondMomentPtr + p, f32x4.extract_lane(v, 0));
        store<f32>(parameterPtr + p, f32x4.extract_lane(w, 0));
      } else {
        v128.store(firstMomentPtr + p, m);
        v128.store(secondMomentPtr + p, v);
        v128.store(parameterPtr + p, w);
      }
    }
  }
}
