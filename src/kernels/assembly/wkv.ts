/**
 * RWKV-4's recurrence (Peng et al. 2023, arXiv 2305.13048, section 3.1.2 and appendix D): per channel, an average of all
 * values v so far, weighted by exp(k), where a step further back weighs exp(w) less and the present one exp(u) more.
 *   wkv_t = (A + exp(u + k_t) v_t) / (B + exp(u + k_t))
 *   A <- exp(w) A + exp(k_t) v_t,   B <- exp(w) B + exp(k_t),      w = -exp(time_decay), u = time_first
 * A and B are kept as aa exp(pp) and bb exp(pp), pp the largest exponent so far, so that nothing overflows whatever k:
 *   read:  q = max(pp, u + k);  wkv = (exp(pp - q) aa + exp(u + k - q) v) / (exp(pp - q) bb + exp(u + k - q))
 *   write: q = max(pp + w, k);  aa <- exp(pp + w - q) aa + exp(k - q) v,  bb likewise with 1 in place of v,  pp <- q
 * Of two such weights the larger is 1, so one exponential gives both. From the first step on bb >= 1.
 *
 * Backward: wkv depends on A and B only, so it is the same function of k, v, w, u whatever constants pp are. With every
 * pp held at the value of the forward pass, the chain rule runs through aa and bb alone; its factors are the same
 * weights, none above 1, and denominators are >= 1: it cannot overflow either.
 *
 * Loops run over time, then batch, then channels: neighbouring channels do not wait for each other's exponentials, while one
 * channel's steps would. The states are stored for the backward pass anyway, so registers would save only loads.
 */
import { expLanes, sigmoidLanes } from './activations';
import { loadLanes, madd, storeLanes } from './vector';

/** In place of minus infinity, as in the authors' code: differences of it stay numbers. */
const EMPTY: f32 = -1e30;

/** The smaller of the weights exp(a) and exp(b), relative to the larger. */
// @ts-ignore: decorator
@inline
function smallerWeight(difference: v128): v128 {
  return expLanes(f32x4.neg(f32x4.abs(difference)));
}

/** Stores the next aa, bb, pp of some channels, and returns wkv. gate: bytes from aa to bb and from bb to pp. */
// @ts-ignore: decorator
@inline
function advance(nextPtr: usize, statePtr: usize, gate: usize, k: v128, v: v128, w: v128, u: v128, isTail: bool): v128 {
  const one = f32x4.splat(1.0);
  const zero = f32x4.splat(0);
  const aa = loadLanes(statePtr, isTail);
  const bb = loadLanes(statePtr + gate, isTail);
  const pp = loadLanes(statePtr + 2 * gate, isTail);

  const lead = f32x4.sub(pp, f32x4.add(u, k));
  const e = smallerWeight(lead);
  const isPast = f32x4.ge(lead, zero); // NaN: false, and e is NaN
  const e1 = v128.bitselect(one, e, isPast);
  const e2 = v128.bitselect(e, one, isPast);
  const wkv = f32x4.div(madd(e1, aa, f32x4.mul(e2, v)), madd(e1, bb, e2));

  const faded = f32x4.add(pp, w);
  const fadedLead = f32x4.sub(faded, k);
  const f = smallerWeight(fadedLead);
  const isFaded = f32x4.ge(fadedLead, zero);
  const f1 = v128.bitselect(one, f, isFaded);
  const f2 = v128.bitselect(f, one, isFaded);
  storeLanes(nextPtr, madd(f1, aa, f32x4.mul(f2, v)), isTail);
  storeLanes(nextPtr + gate, madd(f1, bb, f2), isTail);
  storeLanes(nextPtr + 2 * gate, v128.bitselect(faded, k, isFaded), isTail);
  return wkv;
}

/** w = -exp(time_decay), [d] */
function fillDecay(wPtr: usize, decayPtr: usize, rowBytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= rowBytes; i += 16) v128.store(wPtr + i, f32x4.neg(expLanes(v128.load(decayPtr + i))));
  for (; i < rowBytes; i += 4) storeLanes(wPtr + i, f32x4.neg(expLanes(v128.load32_splat(decayPtr + i))), true);
}

/** The states [B][3][d] before the first step. */
function fillEmpty(statePtr: usize, batchCount: i32, rowBytes: usize): void {
  let at = statePtr;
  for (let b = 0; b < batchCount; b++) {
    memory.fill(at, 0, 2 * rowBytes);
    at += 2 * rowBytes;
    for (const end = at + rowBytes; at < end; at += 4) store<f32>(at, EMPTY);
  }
}

export function wkvScanForward(
  yPtr: usize,
  statesPtr: usize,
  kPtr: usize,
  vPtr: usize,
  decayPtr: usize,
  firstPtr: usize,
  timeCount: i32,
  batchCount: i32,
  count: i32,
  scratchPtr: usize,
): void {
  const rowBytes = <usize>count << 2;
  const stepBytes = 3 * rowBytes * <usize>batchCount; // of states
  const rows = timeCount * batchCount;
  const wPtr = scratchPtr; // [d]
  fillDecay(wPtr, decayPtr, rowBytes);
  fillEmpty(statesPtr, batchCount, rowBytes);
  let at: usize = 0;
  let state = statesPtr;
  for (let row = 0; row < rows; row++) {
    const y = yPtr + at;
    const k = kPtr + at;
    const v = vPtr + at;
    let i: usize = 0;
    for (; i + 16 <= rowBytes; i += 16) {
      const wkv = advance(
        state + stepBytes + i, state + i, rowBytes,
        v128.load(k + i), v128.load(v + i), v128.load(wPtr + i), v128.load(firstPtr + i), false,
      );
      v128.store(y + i, wkv);
    }
    for (; i < rowBytes; i += 4) {
      const wkv = advance(
        state + stepBytes + i, state + i, rowBytes, v128.load32_splat(k + i), v128.load32_splat(v + i),
        v128.load32_splat(wPtr + i), v128.load32_splat(firstPtr + i), true,
      );
      storeLanes(y + i, wkv, true);
    }
    at += rowBytes;
    state += 3 * rowBytes;
  }
}

export function wkvStep(
  yPtr: usize,
  statePtr: usize,
  rPtr: usize,
  kPtr: usize,
  vPtr: usize,
  wPtr: usize,
  uPtr: usize,
  count: i32,
): void {
  const rowBytes = <usize>count << 2;
  let i: usize = 0;
  for (; i + 16 <= rowBytes; i += 16) {
    const wkv = advance(
      statePtr + i, statePtr + i, rowBytes,
      v128.load(kPtr + i), v128.load(vPtr + i), v128.load(wPtr + i), v128.load(uPtr + i), false,
    );
    v128.store(yPtr + i, f32x4.mul(sigmoidLanes(v128.load(rPtr + i)), wkv));
  }
  for (; i < rowBytes; i += 4) {
    const wkv = advance(
      statePtr + i, statePtr + i, rowBytes, v128.load32_splat(kPtr + i), v128.load32_splat(vPtr + i),
      v128.load32_splat(wPtr + i), v128.load32_splat(uPtr + i), true,
    );
    storeLanes(yPtr + i, f32x4.mul(sigmoidLanes(v128.load32_splat(rPtr + i)), wkv), true);
  }
}

/**
 * Some channels of one step: carry (gradients by the next aa and bb) becomes the gradients by aa and bb; dk, dv written; dw
 * and du added to.
 */
// @ts-ignore: decorator
@inline
function retreat(
  dkPtr: usize,
  dvPtr: usize,
  dwPtr: usize,
  duPtr: usize,
  carryPtr: usize,
  dyPtr: usize,
  statePtr: usize,
  kPtr: usize,
  vPtr: usize,
  wPtr: usize,
  uPtr: usize,
  gate: usize,
  isTail: bool,
): void {
  const one = f32x4.splat(1.0);
  const zero = f32x4.splat(0);
  const k = loadLanes(kPtr, isTail);
  const v = loadLanes(vPtr, isTail);
  const aa = loadLanes(statePtr, isTail);
  const bb = loadLanes(statePtr + gate, isTail);
  const pp = loadLanes(statePtr + 2 * gate, isTail);

  const lead = f32x4.sub(pp, f32x4.add(loadLanes(uPtr, isTail), k));
  const e = smallerWeight(lead);
  const isPast = f32x4.ge(lead, zero);
  const e1 = v128.bitselect(one, e, isPast);
  const e2 = v128.bitselect(e, one, isPast);
  const inverse = f32x4.div(one, madd(e1, bb, e2));
  const wkv = f32x4.mul(madd(e1, aa, f32x4.mul(e2, v)), inverse);
  const dNumerator = f32x4.mul(loadLanes(dyPtr, isTail), inverse);
  const dRead = f32x4.mul(f32x4.mul(e2, dNumerator), f32x4.sub(v, wkv)); // by u + k
  storeLanes(duPtr, f32x4.add(loadLanes(duPtr, isTail), dRead), isTail);

  const fadedLead = f32x4.sub(f32x4.add(pp, loadLanes(wPtr, isTail)), k);
  const f = smallerWeight(fadedLead);
  const isFaded = f32x4.ge(fadedLead, zero);
  const f1 = v128.bitselect(one, f, isFaded);
  const f2 = v128.bitselect(f, one, isFaded);
  const daNext = loadLanes(carryPtr, isTail);
  const dbNext = loadLanes(carryPtr + gate, isTail);
  storeLanes(dkPtr, madd(f2, madd(daNext, v, dbNext), dRead), isTail);
  storeLanes(dvPtr, madd(f2, daNext, f32x4.mul(e2, dNumerator)), isTail);
  const faded = madd(daNext, aa, f32x4.mul(dbNext, bb));
  storeLanes(dwPtr, madd(f1, faded, loadLanes(dwPtr, isTail)), isTail);
  const da = f32x4.mul(e1, dNumerator); // by aa, of the read
  storeLanes(carryPtr, madd(f1, daNext, da), isTail);
  storeLanes(carryPtr + gate, f32x4.sub(f32x4.mul(f1, dbNext), f32x4.mul(da, wkv)), isTail);
}

export function wkvScanBackward(
  dkPtr: usize,
  dvPtr: usize,
  ddecayPtr: usize,
  dfirstPtr: usize,
  dyPtr: usize,
  statesPtr: usize,
  kPtr: usize,
  vPtr: usize,
  decayPtr: usize,
  firstPtr: usize,
  timeCount: i32,
  batchCount: i32,
  count: i32,
  scratchPtr: usize,
): void {
  const rowBytes = <usize>count << 2;
  const wPtr = scratchPtr; // [d]
  const dwPtr = wPtr + rowBytes; // [d]
  const carriesPtr = dwPtr + rowBytes; // [B][2][d]
  fillDecay(wPtr, decayPtr, rowBytes);
  memory.fill(dwPtr, 0, rowBytes + 2 * rowBytes * <usize>batchCount);
  for (let t = timeCount - 1; t >= 0; t--) {
    for (let b = 0; b < batchCount; b++) {
      const row = <usize>(t * batchCount + b);
      const at = row * rowBytes;
      const state = statesPtr + 3 * at;
      const carry = carriesPtr + 2 * <usize>b * rowBytes;
      let i: usize = 0;
      for (; i + 16 <= rowBytes; i += 16) {
        retreat(
          dkPtr + at + i, dvPtr + at + i, dwPtr + i, dfirstPtr + i, carry + i, dyPtr + at + i,
          state + i, kPtr + at + i, vPtr + at + i, wPtr + i, firstPtr + i, rowBytes, false,
        );
      }
      for (; i < rowBytes; i += 4) {
        retreat(
          dkPtr + at + i, dvPtr + at + i, dwPtr + i, dfirstPtr + i, carry + i, dyPtr + at + i,
          state + i, kPtr + at + i, vPtr + at + i, wPtr + i, firstPtr + i, rowBytes, true,
        );
      }
    }
  }
  // dw / dtime_decay = w
  let i: usize = 0;
  for (; i + 16 <= rowBytes; i += 16) {
    v128.store(ddecayPtr + i, madd(v128.load(dwPtr + i), v128.load(wPtr + i), v128.load(ddecayPtr + i)));
  }
  for (; i < rowBytes; i += 4) {
    store<f32>(ddecayPtr + i, load<f32>(ddecayPtr + i) + load<f32>(dwPtr + i) * load<f32>(wPtr + i));
  }
}
