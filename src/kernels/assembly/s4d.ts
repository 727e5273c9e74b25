/**
 * Diagonal state space model over time (S4D, Gu et al. 2022, arXiv 2206.11893), one complex state h_n per conjugate pair:
 *   h_n[t] = a_n h_n[t-1] + u[t],   y[t] = Re(sum_n c_n h_n[t]) + d u[t],   h[-1] = 0
 * a and c are the discretised coefficients of src/tensor/s4d.ts; c holds the factor 2 of the conjugate pair.
 *
 * Backward, with v_n[t] = dy[t] + a_n v_n[t+1]: the gradient by u is the same scan with time reversed,
 *   du[t] = Re(sum_n c_n v_n[t]) + d dy[t]
 * and the gradients by a and c follow from  p_n = sum v_n[t] h_n[t-1]  and  q_n = sum dy[t] h_n[t].
 *
 * States are recomputed in the backward pass: to keep them would take stateCount times the memory of the sequence.
 */
import { CHANNELS, gatherStreams, loadChannels, scatterStreams, storeChannels } from './streams';
import { madd } from './vector';

/** Of one group of 4 channels and one state: a real, a imaginary, c real, c imaginary. */
const COEFFICIENT_BYTES: usize = 64;

/** y[T][4] = d u + scan of u[T][4]. */
function scanStream(yPtr: usize, uPtr: usize, coefficientsPtr: usize, d: v128, timeCount: i32, stateCount: i32): void {
  const bytes = <usize>timeCount << 4;
  for (let t: usize = 0; t < bytes; t += 16) v128.store(yPtr + t, f32x4.mul(d, v128.load(uPtr + t)));
  let coefficient = coefficientsPtr;
  let n = 0;
  // Two states at a time: the chain of products from step to step leaves time for the second.
  for (; n + 2 <= stateCount; n += 2) {
    const a0 = v128.load(coefficient);
    const b0 = v128.load(coefficient, 16);
    const c0 = v128.load(coefficient, 32);
    const e0 = v128.load(coefficient, 48);
    const a1 = v128.load(coefficient, 64);
    const b1 = v128.load(coefficient, 80);
    const c1 = v128.load(coefficient, 96);
    const e1 = v128.load(coefficient, 112);
    let h0 = f32x4.splat(0);
    let i0 = f32x4.splat(0);
    let h1 = f32x4.splat(0);
    let i1 = f32x4.splat(0);
    for (let t: usize = 0; t < bytes; t += 16) {
      const u = v128.load(uPtr + t);
      const next0 = f32x4.sub(madd(a0, h0, u), f32x4.mul(b0, i0));
      i0 = madd(a0, i0, f32x4.mul(b0, h0));
      h0 = next0;
      const next1 = f32x4.sub(madd(a1, h1, u), f32x4.mul(b1, i1));
      i1 = madd(a1, i1, f32x4.mul(b1, h1));
      h1 = next1;
      const y = madd(c1, h1, madd(c0, h0, v128.load(yPtr + t)));
      v128.store(yPtr + t, f32x4.sub(y, madd(e1, i1, f32x4.mul(e0, i0))));
    }
    coefficient += 2 * COEFFICIENT_BYTES;
  }
  if (n < stateCount) {
    const a0 = v128.load(coefficient);
    const b0 = v128.load(coefficient, 16);
    const c0 = v128.load(coefficient, 32);
    const e0 = v128.load(coefficient, 48);
    let h0 = f32x4.splat(0);
    let i0 = f32x4.splat(0);
    for (let t: usize = 0; t < bytes; t += 16) {
      const next0 = f32x4.sub(madd(a0, h0, v128.load(uPtr + t)), f32x4.mul(b0, i0));
      i0 = madd(a0, i0, f32x4.mul(b0, h0));
      h0 = next0;
      v128.store(yPtr + t, f32x4.sub(madd(c0, h0, v128.load(yPtr + t)), f32x4.mul(e0, i0)));
    }
  }
}

export function s4dScanForward(
  yPtr: usize,
  uPtr: usize,
  coefficientsPtr: usize,
  dPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  stateCount: i32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  const yStreamsPtr = scratchPtr + 4 * streamBytes;
  for (let channel = 0; channel < channelCount; channel += CHANNELS) {
    const width = min(CHANNELS, channelCount - channel);
    for (let b = 0; b < batchCount; b++) {
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, uPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const stream = <usize>(c >> 2) * streamBytes;
        const group = <usize>((channel + c) >> 2);
        const coefficients = coefficientsPtr + group * <usize>stateCount * COEFFICIENT_BYTES;
        const d = loadChannels(dPtr + (<usize>(channel + c) << 2), width - c);
        scanStream(yStreamsPtr + stream, scratchPtr + stream, coefficients, d, timeCount, stateCount);
      }
      scatterStreams(yPtr + at, yStreamsPtr, timeCount, rowBytes, width, false);
    }
  }
}

/** h[T+1][2][4], h[0] = 0, and adds sum dy h to q. */
function statesForward(hPtr: usize, sumsPtr: usize, uPtr: usize, dyPtr: usize, coefficientPtr: usize, timeCount: i32): void {
  const a = v128.load(coefficientPtr);
  const b = v128.load(coefficientPtr, 16);
  let h = f32x4.splat(0);
  let i = f32x4.splat(0);
  let qh = v128.load(sumsPtr, 32);
  let qi = v128.load(sumsPtr, 48);
  let to = hPtr;
  v128.store(to, h);
  v128.store(to, i, 16);
  const bytes = <usize>timeCount << 4;
  for (let t: usize = 0; t < bytes; t += 16) {
    to += 32;
    const next = f32x4.sub(madd(a, h, v128.load(uPtr + t)), f32x4.mul(b, i));
    i = madd(a, i, f32x4.mul(b, h));
    h = next;
    v128.store(to, h);
    v128.store(to, i, 16);
    const dy = v128.load(dyPtr + t);
    qh = madd(dy, h, qh);
    qi = madd(dy, i, qi);
  }
  v128.store(sumsPtr, qh, 32);
  v128.store(sumsPtr, qi, 48);
}

/** Adds Re(c v) to du, and sum v h[t-1] to p. */
function statesBackward(duPtr: usize, sumsPtr: usize, hPtr: usize, dyPtr: usize, coefficientPtr: usize, timeCount: i32): void {
  const a = v128.load(coefficientPtr);
  const b = v128.load(coefficientPtr, 16);
  const c = v128.load(coefficientPtr, 32);
  const e = v128.load(coefficientPtr, 48);
  let v = f32x4.splat(0);
  let w = f32x4.splat(0);
  let ph = v128.load(sumsPtr);
  let pi = v128.load(sumsPtr, 16);
  for (let t = <usize>timeCount << 4; t > 0; ) {
    t -= 16;
    const next = f32x4.sub(madd(a, v, v128.load(dyPtr + t)), f32x4.mul(b, w));
    w = madd(a, w, f32x4.mul(b, v));
    v = next;
    v128.store(duPtr + t, f32x4.sub(madd(c, v, v128.load(duPtr + t)), f32x4.mul(e, w)));
    const h = v128.load(hPtr + 2 * t); // of the step before
    const i = v128.load(hPtr + 2 * t, 16);
    ph = f32x4.sub(madd(v, h, ph), f32x4.mul(w, i));
    pi = madd(v, i, madd(w, h, pi));
  }
  v128.store(sumsPtr, ph);
  v128.store(sumsPtr, pi, 16);
}

export function s4dScanBackward(
  duPtr: usize,
  sumsPtr: usize,
  ddPtr: usize,
  dyPtr: usize,
  uPtr: usize,
  coefficientsPtr: usize,
  dPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  stateCount: i32,
  accumulate: i32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  const dyStreamsPtr = scratchPtr + 4 * streamBytes;
  const duStreamsPtr = dyStreamsPtr + 4 * streamBytes;
  const hPtr = duStreamsPtr + 4 * streamBytes;
  for (let channel = 0; channel < channelCount; channel += CHANNELS) {
    const width = min(CHANNELS, channelCount - channel);
    for (let b = 0; b < batchCount; b++) {
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, uPtr + at, timeCount, rowBytes, width);
      gatherStreams(dyStreamsPtr, dyPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const stream = <usize>(c >> 2) * streamBytes;
        const u = scratchPtr + stream;
        const dy = dyStreamsPtr + stream;
        const du = duStreamsPtr + stream;
        const channelBytes = <usize>(channel + c) << 2;
        const d = loadChannels(dPtr + channelBytes, width - c);
        let dd = f32x4.splat(0);
        for (let t: usize = 0; t < streamBytes; t += 16) {
          const slope = v128.load(dy + t);
          v128.store(du + t, f32x4.mul(d, slope));
          dd = madd(slope, v128.load(u + t), dd);
        }
        storeChannels(ddPtr + channelBytes, dd, width - c, true);
        const first = <usize>((channel + c) >> 2) * <usize>stateCount * COEFFICIENT_BYTES;
        for (let n = 0; n < stateCount; n++) {
          const offset = first + <usize>n * COEFFICIENT_BYTES;
          statesForward(hPtr, sumsPtr + offset, u, dy, coefficientsPtr + offset, timeCount);
          statesBackward(du, sumsPtr + offset, hPtr, dy, coefficientsPtr + offset, timeCount);
        }
      }
      scatterStreams(duPtr + at, duStreamsPtr, timeCount, rowBytes, width, accumulate != 0);
    }
  }
}

export function s4dStep(
  yPtr: usize,
  hPtr: usize,
  uPtr: usize,
  coefficientsPtr: usize,
  dPtr: usize,
  channelCount: i32,
  stateCount: i32,
): void {
  let coefficient = coefficientsPtr;
  let h = hPtr;
  for (let channel = 0; channel < channelCount; channel += 4) {
    const at = <usize>channel << 2;
    const u = v128.load(uPtr + at);
    let real = f32x4.mul(v128.load(dPtr + at), u);
    let imaginary = f32x4.splat(0);
    for (let n = 0; n < stateCount; n++) {
      const a = v128.load(coefficient);
      const b = v128.load(coefficient, 16);
      const h0 = v128.load(h);
      const i0 = v128.load(h, 16);
      const h1 = f32x4.sub(madd(a, h0, u), f32x4.mul(b, i0));
      const i1 = madd(a, i0, f32x4.mul(b, h0));
      v128.store(h, h1);
      v128.store(h, i1, 16);
      real = madd(v128.load(coefficient, 32), h1, real);
      imaginary = madd(v128.load(coefficient, 48), i1, imaginary);
      coefficient += COEFFICIENT_BYTES;
      h += 32;
    }
    v128.store(yPtr + at, f32x4.sub(real, imaginary));
  }
}
