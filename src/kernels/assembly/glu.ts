/** Gated linear unit (Dauphin et al. 2017, arXiv 1612.08083): the first half of a row times the sigmoid of the second. */
import { sigmoidLanes } from './activations';
import { madd } from './vector';

export function glu(yPtr: usize, xPtr: usize, rows: i32, cols: i32): void {
  const half = <usize>cols << 2;
  let x = xPtr;
  let y = yPtr;
  for (let r = 0; r < rows; r++) {
    let i: usize = 0;
    for (; i + 16 <= half; i += 16) {
      v128.store(y + i, f32x4.mul(v128.load(x + i), sigmoidLanes(v128.load(x + half + i))));
    }
    for (; i < half; i += 4) {
      const gate = f32x4.extract_lane(sigmoidLanes(v128.load32_splat(x + half + i)), 0);
      store<f32>(y + i, load<f32>(x + i) * gate);
    }
    x += 2 * half;
    y += half;
  }
}

export function gluBackward(dxPtr: usize, dyPtr: usize, xPtr: usize, rows: i32, cols: i32, accumulate: i32): void {
  const half = <usize>cols << 2;
  let x = xPtr;
  let dx = dxPtr;
  let dy = dyPtr;
  for (let r = 0; r < rows; r++) {
    let i: usize = 0;
    for (; i + 16 <= half; i += 16) {
      const gate = sigmoidLanes(v128.load(x + half + i));
      const slope = v128.load(dy + i);
      let da = f32x4.mul(slope, gate);
      let db = f32x4.mul(f32x4.mul(da, v128.load(x + i)), f32x4.sub(f32x4.splat(1.0), gate));
      if (accumulate != 0) {
        da = f32x4.add(da, v128.load(dx + i));
        db = f32x4.add(db, v128.load(dx + half + i));
      }
      v128.store(dx + i, da);
      v128.store(dx + half + i, db);
    }
    for (; i < half; i += 4) {
      const gate = f32x4.extract_lane(sigmoidLanes(v128.load32_splat(x + half + i)), 0);
      let da = load<f32>(dy + i) * gate;
      let db = da * load<f32>(x + i) * (<f32>1.0 - gate);
      if (accumulate != 0) {
        da += load<f32>(dx + i);
        db += load<f32>(dx + half + i);
      }
      store<f32>(dx + i, da);
      store<f32>(dx + half + i, db);
    }
    x += 2 * half;
    dx += 2 * half;
    dy += half;
  }
}

export function gluResidual(xPtr: usize, mPtr: usize, gainPtr: usize, offsetPtr: usize, cols: i32): void {
  const half = <usize>cols << 2;
  let i: usize = 0;
  for (; i + 16 <= half; i += 16) {
    const sum = madd(v128.load(mPtr + i), sigmoidLanes(v128.load(mPtr + half + i)), v128.load(xPtr + i));
    v128.store(xPtr + i, madd(v128.load(gainPtr + i), sum, v128.load(offsetPtr + i)));
  }
  for (; i < half; i += 4) {
    const gate = f32x4.extract_lane(sigmoidLanes(v128.load32_splat(mPtr + half + i)), 0);
    const sum = load<f32>(xPtr + i) + load<f32>(mPtr + i) * gate;
    store<f32>(xPtr + i, load<f32>(gainPtr + i) * sum + load<f32>(offsetPtr + i));
  }
}
