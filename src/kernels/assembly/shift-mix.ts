/**
 * RWKV's token shift (Peng et al. 2023, arXiv 2305.13048, section 3.1.1): every channel takes a share mu of this step and
 * 1 - mu of the one before.
 *   y_t = mu x_t + (1 - mu) x_{t-1},  x_{-1} = 0
 * Backward: dx_t = mu dy_t + (1 - mu) dy_{t+1},  dmu = sum dy_t (x_t - x_{t-1}).
 */
import { loadLanes, madd, storeLanes } from './vector';

/** mu x + (1 - mu) previous */
// @ts-ignore: decorator
@inline
function mixLanes(mu: v128, x: v128, previous: v128): v128 {
  return madd(mu, f32x4.sub(x, previous), previous);
}

/** One row y[d]. previousPtr 0: there is no step before. */
// @ts-ignore: decorator
@inline
function mixRow(yPtr: usize, xPtr: usize, previousPtr: usize, muPtr: usize, rowBytes: usize): void {
  const zero = f32x4.splat(0);
  const hasPrevious = previousPtr != 0;
  let i: usize = 0;
  for (; i + 16 <= rowBytes; i += 16) {
    const previous = hasPrevious ? v128.load(previousPtr + i) : zero;
    v128.store(yPtr + i, mixLanes(v128.load(muPtr + i), v128.load(xPtr + i), previous));
  }
  for (; i < rowBytes; i += 4) {
    const previous = hasPrevious ? v128.load32_splat(previousPtr + i) : zero;
    const y = mixLanes(v128.load32_splat(muPtr + i), v128.load32_splat(xPtr + i), previous);
    storeLanes(yPtr + i, y, true);
  }
}

export function shiftMix(yPtr: usize, xPtr: usize, muPtr: usize, timeCount: i32, batchCount: i32, count: i32): void {
  const rowBytes = <usize>count << 2;
  const stepBytes = rowBytes * <usize>batchCount;
  let at: usize = 0;
  for (let t = 0; t < timeCount; t++) {
    for (let b = 0; b < batchCount; b++) {
      mixRow(yPtr + at, xPtr + at, t == 0 ? 0 : xPtr + at - stepBytes, muPtr, rowBytes);
      at += rowBytes;
    }
  }
}

export function shiftMixStep(
  yPtr: usize,
  previousPtr: usize,
  xPtr: usize,
  muPtr: usize,
  mixCount: i32,
  count: i32,
): void {
  const rowBytes = <usize>count << 2;
  for (let j = 0; j < mixCount; j++) {
    const at = <usize>j * rowBytes;
    mixRow(yPtr + at, xPtr, previousPtr, muPtr + at, rowBytes);
  }
  memory.copy(previousPtr, xPtr, rowBytes);
}

/** Channels i of a row: dx written or added to, dmu added to. */
// @ts-ignore: decorator
@inline
function backwardLanes(
  dxPtr: usize,
  dmuPtr: usize,
  dyPtr: usize,
  xPtr: usize,
  muPtr: usize,
  stepBytes: usize,
  isFirst: bool,
  isLast: bool,
  isAdding: bool,
  isTail: bool,
): void {
  const zero = f32x4.splat(0);
  const mu = loadLanes(muPtr, isTail);
  const dy = loadLanes(dyPtr, isTail);
  const dyNext = isLast ? zero : loadLanes(dyPtr + stepBytes, isTail);
  const previous = isFirst ? zero : loadLanes(xPtr - stepBytes, isTail);
  const change = f32x4.sub(loadLanes(xPtr, isTail), previous);
  storeLanes(dmuPtr, madd(dy, change, loadLanes(dmuPtr, isTail)), isTail);
  const dx = mixLanes(mu, dy, dyNext);
  storeLanes(dxPtr, isAdding ? f32x4.add(loadLanes(dxPtr, isTail), dx) : dx, isTail);
}

export function shiftMixBackward(
  dxPtr: usize,
  dmuPtr: usize,
  dyPtr: usize,
  xPtr: usize,
  muPtr: usize,
  timeCount: i32,
  batchCount: i32,
  count: i32,
  accumulate: i32,
): void {
  const rowBytes = <usize>count << 2;
  const stepBytes = rowBytes * <usize>batchCount;
  const isAdding = accumulate != 0;
  let at: usize = 0;
  for (let t = 0; t < timeCount; t++) {
    const isFirst = t == 0;
    const isLast = t == timeCount - 1;
    for (let b = 0; b < batchCount; b++) {
      const dx = dxPtr + at;
      const dy = dyPtr + at;
      const x = xPtr + at;
      let i: usize = 0;
      for (; i + 16 <= rowBytes; i += 16) {
        backwardLanes(dx + i, dmuPtr + i, dy + i, x + i, muPtr + i, stepBytes, isFirst, isLast, isAdding, false);
      }
      for (; i < rowBytes; i += 4) {
        backwardLanes(dx + i, dmuPtr + i, dy + i, x + i, muPtr + i, stepBytes, isFirst, isLast, isAdding, true);
      }
      at += rowBytes;
    }
  }
}
