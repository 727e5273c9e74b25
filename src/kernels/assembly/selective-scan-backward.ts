/**
 * Gradients of the selective scan (selective-scan.ts). With u = dt x, a = exp(dt A), and going back in time:
 *   dh = C dy + a' dh'                    (a' and dh' of the next step)
 *   dC += dy h,   dB += u dh,   du = B . dh,   dskip += x dy
 *   g = dh a h_before,   dA += dt g,   ddt = x du + A . g,   dx = dt du + skip dy,   dA_log = A dA
 * States and factors are computed again, four channels at a time, because storing them in the forward pass would cost more
 * memory traffic than the exponentials cost arithmetic: 2 T N floats per channel against what stays in the second cache.
 */
import { BLOCK, BLOCK_BYTES, gatherBlock, scatterBlock } from './channel-blocks';
import { exp2Constant, exp2Lanes } from './exp2';
import { madd, sumLanes } from './vector';

const LN2: f32 = 0.6931471805599453;

/** Four channels through time: factors[T][N][4], and states[T+1][N][4] with the zero state first. */
function recomputeStates(
  factorsPtr: usize,
  statesPtr: usize,
  xsPtr: usize,
  dtsPtr: usize,
  decayPtr: usize,
  bPtr: usize,
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
  memory.fill(statesPtr, 0, stateBytes);
  let factors = factorsPtr;
  let before = statesPtr;
  for (let t = 0; t < timeCount; t++) {
    const dt = v128.load(dtsPtr + <usize>t * BLOCK_BYTES);
    const u = f32x4.mul(dt, v128.load(xsPtr + <usize>t * BLOCK_BYTES));
    const after = before + stateBytes;
    let b = bPtr + <usize>t * stateStride;
    for (let i: usize = 0; i < stateBytes; i += 16) {
      const exponent = f32x4.mul(dt, v128.load(decayPtr + i));
      const factor = exp2Lanes(exponent, least, round, c6, c5, c4, c3, c2, c1, c0);
      v128.store(factors + i, factor);
      v128.store(after + i, madd(factor, v128.load(before + i), f32x4.mul(u, v128.load32_splat(b))));
      b += 4;
    }
    factors += stateBytes;
    before = after;
  }
}

/**
 * Four channels back through time. xs becomes dx, dts becomes ddt; dbs and dcs[T][N][4] and da[N][4] are added to; the
 * gradient by skip is returned.
 */
function backwardGroup(
  xsPtr: usize,
  dtsPtr: usize,
  dbsPtr: usize,
  dcsPtr: usize,
  daPtr: usize,
  carryPtr: usize,
  dysPtr: usize,
  factorsPtr: usize,
  statesPtr: usize,
  decayPtr: usize,
  bPtr: usize,
  cPtr: usize,
  skip: v128,
  timeCount: i32,
  stateStride: usize,
  stateBytes: usize,
): v128 {
  let dSkip = f32x4.splat(0);
  for (let t = timeCount - 1; t >= 0; t--) {
    const row = <usize>t * BLOCK_BYTES;
    const history = <usize>t * stateBytes;
    const x = v128.load(xsPtr + row);
    const dt = v128.load(dtsPtr + row);
    const dy = v128.load(dysPtr + row);
    const u = f32x4.mul(dt, x);
    let du = f32x4.splat(0);
    let dExponent = f32x4.splat(0); // A . g, with A as it is packed
    let b = bPtr + <usize>t * stateStride;
    let c = cPtr + <usize>t * stateStride;
    for (let i: usize = 0; i < stateBytes; i += 16) {
      const at = history + i;
      const dh = madd(dy, v128.load32_splat(c), v128.load(carryPtr + i));
      v128.store(dcsPtr + at, madd(dy, v128.load(statesPtr + stateBytes + at), v128.load(dcsPtr + at)));
      v128.store(dbsPtr + at, madd(dh, u, v128.load(dbsPtr + at)));
      du = madd(dh, v128.load32_splat(b), du);
      const carry = f32x4.mul(dh, v128.load(factorsPtr + at));
      v128.store(carryPtr + i, carry);
      const g = f32x4.mul(carry, v128.load(statesPtr + at));
      dExponent = madd(g, v128.load(decayPtr + i), dExponent);
      v128.store(daPtr + i, madd(dt, g, v128.load(daPtr + i)));
      b += 4;
      c += 4;
    }
    dSkip = madd(dy, x, dSkip);
    v128.store(xsPtr + row, madd(dt, du, f32x4.mul(skip, dy)));
    v128.store(dtsPtr + row, madd(f32x4.splat(LN2), dExponent, f32x4.mul(x, du)));
  }
  return dSkip;
}

/** daLog[D][N] += A dA and dSkipOut[D] += dSkip, of those of four channels that exist. da[N][4] is used up. */
function addParameterGradients(
  daLogPtr: usize,
  dSkipPtr: usize,
  daPtr: usize,
  decayPtr: usize,
  dSkip: v128,
  channel: i32,
  channelCount: i32,
  stateCount: i32,
): void {
  const width = min(4, channelCount - channel);
  for (let n = 0; n < stateCount; n++) {
    const at = <usize>n << 4;
    const a = f32x4.mul(f32x4.splat(LN2), v128.load(decayPtr + at));
    v128.store(daPtr + at, f32x4.mul(a, v128.load(daPtr + at)));
    for (let lane = 0; lane < width; lane++) {
      const out = daLogPtr + (<usize>((channel + lane) * stateCount + n) << 2);
      store<f32>(out, load<f32>(out) + load<f32>(daPtr + at + (<usize>lane << 2)));
    }
  }
  v128.store(daPtr, dSkip);
  for (let lane = 0; lane < width; lane++) {
    const out = dSkipPtr + (<usize>(channel + lane) << 2);
    store<f32>(out, load<f32>(out) + load<f32>(daPtr + (<usize>lane << 2)));
  }
}

/** out[T][N] (rows `strideBytes` apart) += the sums over the lanes of sums[T][N][4]. */
function addLaneSums(outPtr: usize, sumsPtr: usize, timeCount: i32, stateCount: i32, strideBytes: usize): void {
  let sums = sumsPtr;
  for (let t = 0; t < timeCount; t++) {
    let out = outPtr + <usize>t * strideBytes;
    for (let n = 0; n < stateCount; n++) {
      store<f32>(out, load<f32>(out) + sumLanes(v128.load(sums)));
      out += 4;
      sums += 16;
    }
  }
}

export function selectiveScanBackward(
  dxPtr: usize,
  ddtPtr: usize,
  daLogPtr: usize,
  dbPtr: usize,
  dcPtr: usize,
  dSkipPtr: usize,
  dyPtr: usize,
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
  const stateBytes = <usize>stateCount << 4;
  const blockBytes = <usize>timeCount * BLOCK_BYTES;
  const historyBytes = <usize>timeCount * stateBytes;
  const xsPtr = scratchPtr; // [T][16]
  const dtsPtr = xsPtr + blockBytes; // [T][16]
  const dysPtr = dtsPtr + blockBytes; // [T][16]
  const skipsPtr = dysPtr + blockBytes; // [16]
  const factorsPtr = skipsPtr + BLOCK_BYTES; // [T][N][4]
  const statesPtr = factorsPtr + historyBytes; // [T+1][N][4]
  const dbsPtr = statesPtr + historyBytes + stateBytes; // [T][N][4]
  const dcsPtr = dbsPtr + historyBytes; // [T][N][4]
  const carryPtr = dcsPtr + historyBytes; // [N][4], the gradient by h that comes from later steps
  const daPtr = carryPtr + stateBytes; // [N + 1][4], and a place to take dSkip apart
  const channelStride = <usize>(batchCount * channelCount) << 2;
  const stateStride = <usize>(batchCount * stateCount) << 2;
  for (let sequence = 0; sequence < batchCount; sequence++) {
    const stateRow = <usize>(sequence * stateCount) << 2;
    const b = bPtr + stateRow;
    const c = cPtr + stateRow;
    memory.fill(dbsPtr, 0, 2 * historyBytes);
    for (let first = 0; first < channelCount; first += BLOCK) {
      const width = min(BLOCK, channelCount - first);
      const at = <usize>(sequence * channelCount + first) << 2;
      gatherBlock(xsPtr, xPtr + at, timeCount, channelStride, width);
      gatherBlock(dtsPtr, dtPtr + at, timeCount, channelStride, width);
      gatherBlock(dysPtr, dyPtr + at, timeCount, channelStride, width);
      gatherBlock(skipsPtr, skipPtr + (<usize>first << 2), 1, 0, width);
      for (let lane = 0; lane < width; lane += 4) {
        const column = <usize>lane << 2;
        const xs = xsPtr + column;
        const dts = dtsPtr + column;
        const decay = decayPtr + <usize>((first + lane) >> 2) * stateBytes;
        recomputeStates(factorsPtr, statesPtr, xs, dts, decay, b, timeCount, stateStride, stateBytes);
        memory.fill(carryPtr, 0, 2 * stateBytes);
        const dSkip = backwardGroup(
          xs, dts, dbsPtr, dcsPtr, daPtr, carryPtr, dysPtr + column, factorsPtr, statesPtr, decay, b, c,
          v128.load(skipsPtr + column), timeCount, stateStride, stateBytes,
        );
        addParameterGradients(daLogPtr, dSkipPtr, daPtr, decay, dSkip, first + lane, channelCount, stateCount);
      }
      scatterBlock(dxPtr + at, xsPtr, timeCount, channelStride, width, true);
      scatterBlock(ddtPtr + at, dtsPtr, timeCount, channelStride, width, true);
    }
    addLaneSums(dbPtr + stateRow, dbsPtr, timeCount, stateCount, stateStride);
    addLaneSums(dcPtr + stateRow, dcsPtr, timeCount, stateCount, stateStride);
  }
}
