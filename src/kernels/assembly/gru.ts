/**
 * GRU in PyTorch's form (Cho et al. 2014, with the reset gate applied after the product, as cuDNN does):
 *   r = sigmoid(gi_r + gh_r), z = sigmoid(gi_z + gh_z), n = tanh(gi_n + r gh_n), h' = (1 - z) n + z h
 * with gi = W_ih x + b_ih and gh = W_hh h + b_hh, each laid out r, z, n.
 */
import { sigmoidLanes, tanhLanes } from './activations';
import { fillRows } from './elementwise';
import { gemm } from './gemm';
import { madd } from './vector';

// @ts-ignore: decorator
@inline
function updateLanes(z: v128, n: v128, h: v128): v128 {
  return madd(z, f32x4.sub(h, n), n);
}

export function gruGates(hPtr: usize, giPtr: usize, ghPtr: usize, hiddenCount: i32): void {
  const gate = <usize>hiddenCount << 2;
  let i: usize = 0;
  for (; i + 16 <= gate; i += 16) {
    const r = sigmoidLanes(f32x4.add(v128.load(giPtr + i), v128.load(ghPtr + i)));
    const z = sigmoidLanes(f32x4.add(v128.load(giPtr + gate + i), v128.load(ghPtr + gate + i)));
    const n = tanhLanes(madd(r, v128.load(ghPtr + 2 * gate + i), v128.load(giPtr + 2 * gate + i)));
    v128.store(hPtr + i, updateLanes(z, n, v128.load(hPtr + i)));
  }
  for (; i < gate; i += 4) {
    const r = sigmoidLanes(f32x4.add(v128.load32_splat(giPtr + i), v128.load32_splat(ghPtr + i)));
    const z = sigmoidLanes(f32x4.add(v128.load32_splat(giPtr + gate + i), v128.load32_splat(ghPtr + gate + i)));
    const n = tanhLanes(madd(r, v128.load32_splat(ghPtr + 2 * gate + i), v128.load32_splat(giPtr + 2 * gate + i)));
    store<f32>(hPtr + i, f32x4.extract_lane(updateLanes(z, n, v128.load32_splat(hPtr + i)), 0));
  }
}

/** One row: h'[H] and the saved gates[4H] from gi[3H], gh[3H], h[H]. */
function gatesForward(nextPtr: usize, gatesPtr: usize, giPtr: usize, ghPtr: usize, hPtr: usize, gate: usize): void {
  let i: usize = 0;
  for (; i + 16 <= gate; i += 16) {
    const r = sigmoidLanes(f32x4.add(v128.load(giPtr + i), v128.load(ghPtr + i)));
    const z = sigmoidLanes(f32x4.add(v128.load(giPtr + gate + i), v128.load(ghPtr + gate + i)));
    const m = v128.load(ghPtr + 2 * gate + i);
    const n = tanhLanes(madd(r, m, v128.load(giPtr + 2 * gate + i)));
    v128.store(gatesPtr + i, r);
    v128.store(gatesPtr + gate + i, z);
    v128.store(gatesPtr + 2 * gate + i, n);
    v128.store(gatesPtr + 3 * gate + i, m);
    v128.store(nextPtr + i, updateLanes(z, n, v128.load(hPtr + i)));
  }
  for (; i < gate; i += 4) {
    const r = sigmoidLanes(f32x4.add(v128.load32_splat(giPtr + i), v128.load32_splat(ghPtr + i)));
    const z = sigmoidLanes(f32x4.add(v128.load32_splat(giPtr + gate + i), v128.load32_splat(ghPtr + gate + i)));
    const m = v128.load32_splat(ghPtr + 2 * gate + i);
    const n = tanhLanes(madd(r, m, v128.load32_splat(giPtr + 2 * gate + i)));
    store<f32>(gatesPtr + i, f32x4.extract_lane(r, 0));
    store<f32>(gatesPtr + gate + i, f32x4.extract_lane(z, 0));
    store<f32>(gatesPtr + 2 * gate + i, f32x4.extract_lane(n, 0));
    store<f32>(gatesPtr + 3 * gate + i, f32x4.extract_lane(m, 0));
    store<f32>(nextPtr + i, f32x4.extract_lane(updateLanes(z, n, v128.load32_splat(hPtr + i)), 0));
  }
}

export function gruScanForward(
  hPtr: usize,
  gatesPtr: usize,
  giPtr: usize,
  packedPtr: usize,
  biasPtr: usize,
  timeCount: i32,
  batchCount: i32,
  hiddenCount: i32,
  scratchPtr: usize,
): void {
  const gate = <usize>hiddenCount << 2;
  const ghPtr = scratchPtr; // [B, 3H]
  const gemmScratchPtr = scratchPtr + 3 * gate * <usize>batchCount;
  let h = hPtr;
  let gates = gatesPtr;
  let gi = giPtr;
  for (let t = 0; t < timeCount; t++) {
    const next = h + gate * <usize>batchCount;
    fillRows(ghPtr, biasPtr, batchCount, 3 * hiddenCount);
    gemm(ghPtr, 3 * hiddenCount, h, hiddenCount, 1, packedPtr, batchCount, 3 * hiddenCount, hiddenCount, 1, gemmScratchPtr);
    for (let b = 0; b < batchCount; b++) {
      const row = <usize>b * gate;
      gatesForward(next + row, gates, gi, ghPtr + 3 * row, h + row, gate);
      gates += 4 * gate;
      gi += 3 * gate;
    }
    h = next;
  }
}

/**
 * One element group: the saved gates and dh (total gradient by h') give the gradients by both gate inputs, and the
 * part of the gradient by h that does not go through W_hh.
 */
// @ts-ignore: decorator
@inline
function storeGateGradients(
  dgiPtr: usize,
  dghPtr: usize,
  carryPtr: usize,
  i: usize,
  gate: usize,
  r: v128,
  z: v128,
  n: v128,
  m: v128,
  h: v128,
  dh: v128,
  isTail: bool,
): void {
  const one = f32x4.splat(1.0);
  const keep = f32x4.sub(one, z);
  const dn = f32x4.mul(f32x4.mul(dh, keep), f32x4.sub(one, f32x4.mul(n, n)));
  const dz = f32x4.mul(f32x4.mul(dh, f32x4.sub(h, n)), f32x4.mul(z, keep));
  const dr = f32x4.mul(f32x4.mul(dn, m), f32x4.mul(r, f32x4.sub(one, r)));
  const dm = f32x4.mul(dn, r);
  const carry = f32x4.mul(dh, z);
  if (isTail) {
    store<f32>(dgiPtr + i, f32x4.extract_lane(dr, 0));
    store<f32>(dgiPtr + gate + i, f32x4.extract_lane(dz, 0));
    store<f32>(dgiPtr + 2 * gate + i, f32x4.extract_lane(dn, 0));
    store<f32>(dghPtr + i, f32x4.extract_lane(dr, 0));
    store<f32>(dghPtr + gate + i, f32x4.extract_lane(dz, 0));
    store<f32>(dghPtr + 2 * gate + i, f32x4.extract_lane(dm, 0));
    store<f32>(carryPtr + i, f32x4.extract_lane(carry, 0));
  } else {
    v128.store(dgiPtr + i, dr);
    v128.store(dgiPtr + gate + i, dz);
    v128.store(dgiPtr + 2 * gate + i, dn);
    v128.store(dghPtr + i, dr);
    v128.store(dghPtr + gate + i, dz);
    v128.store(dghPtr + 2 * gate + i, dm);
    v128.store(carryPtr + i, carry);
  }
}

function gatesBackward(
  dgiPtr: usize,
  dghPtr: usize,
  carryPtr: usize,
  dhPtr: usize,
  gatesPtr: usize,
  hPtr: usize,
  gate: usize,
): void {
  let i: usize = 0;
  for (; i + 16 <= gate; i += 16) {
    const dh = f32x4.add(v128.load(dhPtr + i), v128.load(carryPtr + i));
    storeGateGradients(
      dgiPtr, dghPtr, carryPtr, i, gate,
      v128.load(gatesPtr + i), v128.load(gatesPtr + gate + i), v128.load(gatesPtr + 2 * gate + i),
      v128.load(gatesPtr + 3 * gate + i), v128.load(hPtr + i), dh, false,
    );
  }
  for (; i < gate; i += 4) {
    const dh = f32x4.add(v128.load32_splat(dhPtr + i), v128.load32_splat(carryPtr + i));
    storeGateGradients(
      dgiPtr, dghPtr, carryPtr, i, gate,
      v128.load32_splat(gatesPtr + i), v128.load32_splat(gatesPtr + gate + i), v128.load32_splat(gatesPtr + 2 * gate + i),
      v128.load32_splat(gatesPtr + 3 * gate + i), v128.load32_splat(hPtr + i), dh, true,
    );
  }
}

export function gruScanBackward(
  dgiPtr: usize,
  dghPtr: usize,
  dhPtr: usize,
  hPtr: usize,
  gatesPtr: usize,
  packedPtr: usize,
  timeCount: i32,
  batchCount: i32,
  hiddenCount: i32,
  scratchPtr: usize,
): void {
  const gate = <usize>hiddenCount << 2;
  const stepBytes = gate * <usize>batchCount;
  const carryPtr = scratchPtr; // [B, H]
  const gemmScratchPtr = scratchPtr + stepBytes;
  memory.fill(carryPtr, 0, stepBytes);
  for (let t = timeCount - 1; t >= 0; t--) {
    const at = <usize>t * stepBytes;
    for (let b = 0; b < batchCount; b++) {
      const row = <usize>b * gate;
      gatesBackward(
        dgiPtr + 3 * (at + row), dghPtr + 3 * (at + row), carryPtr + row,
        dhPtr + at + row, gatesPtr + 4 * (at + row), hPtr + at + row, gate,
      );
    }
    gemm(
      carryPtr, hiddenCount, dghPtr + 3 * at, 3 * hiddenCount, 1, packedPtr,
      batchCount, hiddenCount, 3 * hiddenCount, 1, gemmScratchPtr,
    );
  }
}
