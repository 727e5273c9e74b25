/**
 * Leaky integrate-and-fire neuron with a hard reset, in units of its threshold (SpikingSSM, arXiv 2408.14909, eq. of LIF):
 *   u'[t] = decay u[t-1] + exp(-lnVth) y[t],   s[t] = 1 if u'[t] >= 1,   u[t] = (1 - s[t]) u'[t]
 * Backward, the spike in the reset taken as a constant, f the surrogate:
 *   g[t] = ds[t] f(u'[t] - 1) + decay (1 - s[t]) g[t+1],   dy[t] = exp(-lnVth) g[t],   dlnVth = -sum g[t] exp(-lnVth) y[t]
 */
import { dspikeScaleOf, listSpikes, spikeCount, spikeLanes, surrogateLanes, thresholdGain } from './spikes';
import { CHANNELS, gatherStreams, scatterStreams, storeChannels } from './streams';
import { madd } from './vector';

/** In place: y[T][4] becomes s[T][4]. */
function forwardStream(sPtr: usize, uPtr: usize, gain: v128, decay: f32, timeCount: i32): void {
  const decays = f32x4.splat(decay);
  const one = f32x4.splat(1.0);
  let u = f32x4.splat(0);
  const bytes = <usize>timeCount << 4;
  for (let t: usize = 0; t < bytes; t += 16) {
    u = madd(decays, u, f32x4.mul(gain, v128.load(sPtr + t)));
    v128.store(uPtr + t, u);
    const fires = f32x4.ge(u, one);
    v128.store(sPtr + t, spikeLanes(fires, u));
    u = v128.andnot(u, fires);
  }
}

/** In place: ds[T][4] becomes dy[T][4]. Returns dlnVth. */
function backwardStream(
  dsPtr: usize,
  uPtr: usize,
  gain: v128,
  decay: f32,
  surrogate: i32,
  sharpness: f32,
  timeCount: i32,
): v128 {
  const decays = f32x4.splat(decay);
  const one = f32x4.splat(1.0);
  const sharp = f32x4.splat(sharpness);
  const scale = dspikeScaleOf(sharpness);
  let g = f32x4.splat(0);
  let product = f32x4.splat(0);
  let next = v128.load(uPtr + (<usize>(timeCount - 1) << 4));
  for (let t = <usize>timeCount << 4; t > 0; ) {
    t -= 16;
    const u = next;
    next = t > 0 ? v128.load(uPtr + t - 16) : f32x4.splat(0);
    const slope = surrogateLanes(f32x4.sub(u, one), surrogate, sharp, scale);
    g = madd(v128.load(dsPtr + t), slope, f32x4.mul(decays, v128.andnot(g, f32x4.ge(u, one))));
    v128.store(dsPtr + t, f32x4.mul(gain, g));
    const kept = v128.andnot(next, f32x4.ge(next, one));
    product = madd(g, f32x4.sub(u, f32x4.mul(decays, kept)), product);
  }
  return f32x4.neg(product);
}

export function lifScanForward(
  sPtr: usize,
  uPtr: usize,
  yPtr: usize,
  lnVthPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  let u = uPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < channelCount; channel += CHANNELS) {
      const width = min(CHANNELS, channelCount - channel);
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, yPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const gain = thresholdGain(lnVthPtr + (<usize>(channel + c) << 2), width - c);
        forwardStream(scratchPtr + <usize>(c >> 2) * streamBytes, u, gain, decay, timeCount);
        u += streamBytes;
      }
      scatterStreams(sPtr + at, scratchPtr, timeCount, rowBytes, width, false);
    }
  }
}

export function lifScanBackward(
  dyPtr: usize,
  dlnVthPtr: usize,
  dsPtr: usize,
  uPtr: usize,
  lnVthPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  surrogate: i32,
  sharpness: f32,
  accumulate: i32,
  scratchPtr: usize,
): void {
  if (timeCount == 0) return;
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  let u = uPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < channelCount; channel += CHANNELS) {
      const width = min(CHANNELS, channelCount - channel);
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, dsPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const channelBytes = <usize>(channel + c) << 2;
        const gain = thresholdGain(lnVthPtr + channelBytes, width - c);
        const stream = scratchPtr + <usize>(c >> 2) * streamBytes;
        const slope = backwardStream(stream, u, gain, decay, surrogate, sharpness, timeCount);
        storeChannels(dlnVthPtr + channelBytes, slope, width - c, true);
        u += streamBytes;
      }
      scatterStreams(dyPtr + at, scratchPtr, timeCount, rowBytes, width, accumulate != 0);
    }
  }
}

export function lifStep(listPtr: usize, uPtr: usize, yPtr: usize, channelCount: i32, decay: f32): i32 {
  const decays = f32x4.splat(decay);
  let end = listPtr;
  let faults = f32x4.splat(0);
  for (let channel = 0; channel < channelCount; channel += 4) {
    const at = <usize>channel << 2;
    const u = madd(decays, v128.load(uPtr + at), v128.load(yPtr + at));
    const fires = f32x4.ge(u, f32x4.splat(1.0));
    v128.store(uPtr + at, v128.andnot(u, fires));
    faults = v128.or(faults, f32x4.ne(u, u));
    end = listSpikes(end, fires, channel);
  }
  return spikeCount(listPtr, end, faults);
}
