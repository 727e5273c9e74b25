/**
 * Integer leaky integrate-and-fire neuron, in units of its threshold (SpikeYOLO and Spike-driven Transformer V3, arXiv
 * 2411.16061): it fires 0 to D times a step and subtracts as much.
 *   u[t] = decay (u[t-1] - k[t-1]) + exp(-lnVth) y[t],   k[t] = floor(clip(u[t], 0, D) + 1/2),   s[t] = k[t] / D
 * Backward, k in the reset taken as a constant, straight through where 0 <= u <= D:
 *   g[t] = ds[t] / D [0 <= u[t] <= D] + decay g[t+1],   dy[t] = exp(-lnVth) g[t]
 * The step unrolls k into D binary sub-steps of one integrate-and-fire neuron: it fires while u + 1/2 >= 1, and u falls by 1.
 * All of these subtractions are exact in float32, so the spikes add up to k and u ends at u - k to the last bit.
 */
import { listSpikes, spikeCount, thresholdGain } from './spikes';
import { CHANNELS, gatherStreams, scatterStreams, storeChannels } from './streams';
import { madd } from './vector';

// @ts-ignore: decorator
@inline
function firings(u: v128, levels: v128): v128 {
  const clipped = f32x4.max(f32x4.splat(0), f32x4.min(u, levels));
  return f32x4.floor(f32x4.add(clipped, f32x4.splat(0.5)));
}

export function ilifScanForward(
  sPtr: usize,
  uPtr: usize,
  yPtr: usize,
  lnVthPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  levelCount: i32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  const decays = f32x4.splat(decay);
  const levels = f32x4.splat(<f32>levelCount);
  let saved = uPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < channelCount; channel += CHANNELS) {
      const width = min(CHANNELS, channelCount - channel);
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, yPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const gain = thresholdGain(lnVthPtr + (<usize>(channel + c) << 2), width - c);
        const stream = scratchPtr + <usize>(c >> 2) * streamBytes;
        let u = f32x4.splat(0);
        for (let t: usize = 0; t < streamBytes; t += 16) {
          u = madd(decays, u, f32x4.mul(gain, v128.load(stream + t)));
          v128.store(saved + t, u);
          const k = firings(u, levels);
          v128.store(stream + t, f32x4.div(k, levels));
          u = f32x4.sub(u, k);
        }
        saved += streamBytes;
      }
      scatterStreams(sPtr + at, scratchPtr, timeCount, rowBytes, width, false);
    }
  }
}

export function ilifScanBackward(
  dyPtr: usize,
  dlnVthPtr: usize,
  dsPtr: usize,
  uPtr: usize,
  lnVthPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  levelCount: i32,
  accumulate: i32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  const decays = f32x4.splat(decay);
  const levels = f32x4.splat(<f32>levelCount);
  let membranes = uPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < channelCount; channel += CHANNELS) {
      const width = min(CHANNELS, channelCount - channel);
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, dsPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const channelBytes = <usize>(channel + c) << 2;
        const gain = thresholdGain(lnVthPtr + channelBytes, width - c);
        const ds = scratchPtr + <usize>(c >> 2) * streamBytes;
        let g = f32x4.splat(0);
        let drives = f32x4.splat(0); // sum g (u[t] - decay (u[t-1] - k[t-1]))
        for (let t = streamBytes; t > 0; ) {
          t -= 16;
          const u = v128.load(membranes + t);
          const isOpen = v128.and(f32x4.ge(u, f32x4.splat(0)), f32x4.le(u, levels));
          g = madd(decays, g, v128.and(isOpen, f32x4.div(v128.load(ds + t), levels)));
          v128.store(ds + t, f32x4.mul(gain, g));
          let kept = f32x4.splat(0);
          if (t > 0) {
            const before = v128.load(membranes + t - 16);
            kept = f32x4.sub(before, firings(before, levels));
          }
          drives = madd(g, f32x4.sub(u, f32x4.mul(decays, kept)), drives);
        }
        storeChannels(dlnVthPtr + channelBytes, f32x4.neg(drives), width - c, true);
        membranes += streamBytes;
      }
      scatterStreams(dyPtr + at, scratchPtr, timeCount, rowBytes, width, accumulate != 0);
    }
  }
}

export function ilifStep(
  listPtr: usize,
  uPtr: usize,
  yPtr: usize,
  channelCount: i32,
  decay: f32,
  levelCount: i32,
): i32 {
  const decays = f32x4.splat(decay);
  const one = f32x4.splat(1.0);
  const half = f32x4.splat(0.5);
  let end = listPtr;
  let faults = f32x4.splat(0);
  for (let channel = 0; channel < channelCount; channel += 4) {
    const at = <usize>channel << 2;
    let u = madd(decays, v128.load(uPtr + at), v128.load(yPtr + at));
    faults = v128.or(faults, f32x4.ne(u, u));
    for (let level = 0; level < levelCount; level++) {
      const fires = f32x4.ge(f32x4.add(u, half), one);
      if (!v128.any_true(fires)) break; // a neuron that is silent stays so
      end = listSpikes(end, fires, channel);
      u = f32x4.sub(u, v128.and(fires, one));
    }
    v128.store(uPtr + at, u);
  }
  return spikeCount(listPtr, end, faults);
}
