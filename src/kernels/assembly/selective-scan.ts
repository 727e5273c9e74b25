/**
 * The selective state space of Mamba (Gu and Dao 2023, arXiv 2312.00752, sections 3.2 and 3.3), D channels of N states each:
 *   h <- exp(dt A) h + dt x B,   y = C . h + skip x,   A = -exp(A_log)
 * dt is positive, so every factor exp(dt A) lies between 0 and 1. It is 2^(dt A log2(e)), and A log2(e) is what is packed.
 *
 * Four channels to a vector: no horizontal sums, and any number of states. Training takes one sequence and a block of
 * sixteen channels at a time; four of them run through all of time with their states in the nearest cache.
 */
import { expLanes } from './activations';
import { BLOCK, BLOCK_BYTES, gatherBlock, scatterBlock } from './channel-blocks';
import { exp2Constant, exp2Lanes } from './exp2';
import { madd } from './vector';

const LOG2E: f32 = 1.4426950408889634;

export function packDecays(packedPtr: usize, aLogPtr: usize, channelCount: i32, stateCount: i32): void {
  let out = packedPtr;
  for (let group = 0; group < channelCount; group += 4) {
    for (let n = 0; n < stateCount; n++) {
      for (let lane = 0; lane < 4; lane++) {
        const d = group + lane;
        const aLog: f32 = d < channelCount ? load<f32>(aLogPtr + (<usize>(d * stateCount + n) << 2)) : 0;
        store<f32>(out + (<usize>lane << 2), aLog);
      }
      v128.store(out, f32x4.mul(f32x4.splat(-LOG2E), expLanes(v128.load(out))));
      out += 16;
    }
  }
}

/** One step of four channels: h[N][4] moves on, and y comes back. The last nine arguments are the constants of exp2Lanes. */
// @ts-ignore: decorator
@inline
function stepLanes(
  hPtr: usize, decayPtr: usize, bPtr: usize, cPtr: usize, x: v128, dt: v128, skip: v128, stateBytes: usize,
  least: v128, round: v128, c6: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, c0: v128,
): v128 {
  const u = f32x4.mul(dt, x);
  let y = f32x4.mul(skip, x);
  let b = bPtr;
  let c = cPtr;
  for (let i: usize = 0; i < stateBytes; i += 16) {
    const exponent = f32x4.mul(dt, v128.load(decayPtr + i));
    const factor = exp2Lanes(exponent, least, round, c6, c5, c4, c3, c2, c1, c0);
    const h = madd(factor, v128.load(hPtr + i), f32x4.mul(u, v128.load32_splat(b)));
    v128.store(hPtr + i, h);
    y = madd(h, v128.load32_splat(c), y);
    b += 4;
    c += 4;
  }
  return y;
}

/** Four channels of a block through time. xs becomes y; h[N][4] is scratch; rows of B and C are `stateStride` apart. */
function scanGroup(
  xsPtr: usize,
  dtsPtr: usize,
  hPtr: usize,
  decayPtr: usize,
  bPtr: usize,
  cPtr: usize,
  skip: v128,
  timeCount: i32,
  stateStride: usize,
  stateBytes: usize,
): void {
  const least = exp2Constant(0);
  const round = exp2Constant(1);
  const c6 = exp2Constant(2);
  const c5 = exp2Constant(3);
  const c4 = exp2Constant(4);
  const c3 = exp2Constant(5);
  const c2 = exp2Constant(6);
  const c1 = exp2Constant(7);
  const c0 = exp2Constant(8);
  memory.fill(hPtr, 0, stateBytes);
  for (let t = 0; t < timeCount; t++) {
    const row = <usize>t * BLOCK_BYTES;
    const at = <usize>t * stateStride;
    const y = stepLanes(
      hPtr, decayPtr, bPtr + at, cPtr + at, v128.load(xsPtr + row), v128.load(dtsPtr + row), skip, stateBytes,
      least, round, c6, c5, c4, c3, c2, c1, c0,
    );
    v128.store(xsPtr + row, y);
  }
}

export function selectiveScan(
  yPtr: usize,
  xPtr: usize,
  dtPtr: usize,
  decayPtr: usize,
  bPtr: usize,
  cPtr: usize,
  skipPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  stateCount: i32,
  scratchPtr: usize,
): void {
  const xsPtr = scratchPtr; // [T][16]
  const dtsPtr = xsPtr + <usize>timeCount * BLOCK_BYTES; // [T][16]
  const skipsPtr = dtsPtr + <usize>timeCount * BLOCK_BYTES; // [16]
  const hPtr = skipsPtr + BLOCK_BYTES; // [N][4]
  const stateBytes = <usize>stateCount << 4;
  const channelStride = <usize>(batchCount * channelCount) << 2;
  const stateStride = <usize>(batchCount * stateCount) << 2;
  for (let row = 0; row < batchCount; row++) {
    const stateRow = <usize>(row * stateCount) << 2;
    for (let first = 0; first < channelCount; first += BLOCK) {
      const width = min(BLOCK, channelCount - first);
      const at = <usize>(row * channelCount + first) << 2;
      gatherBlock(xsPtr, xPtr + at, timeCount, channelStride, width);
      gatherBlock(dtsPtr, dtPtr + at, timeCount, channelStride, width);
      gatherBlock(skipsPtr, skipPtr + (<usize>first << 2), 1, 0, width);
      for (let lane = 0; lane < width; lane += 4) {
        const column = <usize>lane << 2;
        const decay = decayPtr + <usize>((first + lane) >> 2) * stateBytes;
        scanGroup(
          xsPtr + column, dtsPtr + column, hPtr, decay, bPtr + stateRow, cPtr + stateRow,
          v128.load(skipsPtr + column), timeCount, stateStride, stateBytes,
        );
      }
      scatterBlock(yPtr + at, xsPtr, timeCount, channelStride, width, false);
    }
  }
}

export function selectiveStep(
  yPtr: usize,
  hPtr: usize,
  xPtr: usize,
  dtPtr: usize,
  decayPtr: usize,
  bPtr: usize,
  cPtr: usize,
  skipPtr: usize,
  channelCount: i32,
  stateCount: i32,
): void {
  const least = exp2Constant(0);
  const round = exp2Constant(1);
  const c6 = exp2Constant(2);
  const c5 = exp2Constant(3);
  const c4 = exp2Constant(4);
  const c3 = exp2Constant(5);
  const c2 = exp2Constant(6);
  const c1 = exp2Constant(7);
  const c0 = exp2Constant(8);
  const stateBytes = <usize>stateCount << 4;
  const end = <usize>channelCount << 2;
  let group: usize = 0;
  for (let i: usize = 0; i < end; i += 16) {
    const y = stepLanes(
      hPtr + group, decayPtr + group, bPtr, cPtr, v128.load(xPtr + i), v128.load(dtPtr + i), v128.load(skipPtr + i),
      stateBytes, least, round, c6, c5, c4, c3, c2, c1, c0,
    );
    v128.store(yPtr + i, y);
    group += stateBytes;
  }
}
