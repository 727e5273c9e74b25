/**
 * Neuron with an adaptive threshold, in units of its resting threshold (SpikeFPN, arXiv 2307.12900; SpikingEDN, arXiv
 * 2304.11857, whose trace adds the spike):
 *   u'[t] = decay u[t-1] + exp(-lnVth) y[t],   s[t] = 1 if u'[t] >= 1 + adaptation a[t],   u[t] = (1 - s[t]) u'[t]
 *   a[t+1] = k a[t] + s[t],   k = exp(-1 / rho),   rho = exp(lnRho),   a[0] = 0
 * Backward, the spike in the reset taken as a constant, that in the trace not, f the surrogate:
 *   e[t] = (ds[t] + alpha[t+1]) f(u'[t] - 1 - adaptation a[t])
 *   g[t] = e[t] + decay (1 - s[t]) g[t+1],   alpha[t] = k alpha[t+1] - adaptation e[t]
 *   dy[t] = exp(-lnVth) g[t],   dk = sum alpha[t+1] a[t],   dlnRho = dk k / rho
 */
import { expLanes } from './activations';
import { dspikeScaleOf, listSpikes, spikeCount, spikeLanes, surrogateLanes, thresholdGain } from './spikes';
import { CHANNELS, gatherStreams, loadChannels, scatterStreams, storeChannels } from './streams';
import { madd } from './vector';

/** In place: y[T][4] becomes s[T][4]. */
function forwardStream(
  sPtr: usize,
  uPtr: usize,
  aPtr: usize,
  gain: v128,
  keep: v128,
  decay: f32,
  adaptation: f32,
  timeCount: i32,
): void {
  const decays = f32x4.splat(decay);
  const adaptations = f32x4.splat(adaptation);
  let u = f32x4.splat(0);
  let a = f32x4.splat(0);
  const bytes = <usize>timeCount << 4;
  for (let t: usize = 0; t < bytes; t += 16) {
    u = madd(decays, u, f32x4.mul(gain, v128.load(sPtr + t)));
    v128.store(uPtr + t, u);
    v128.store(aPtr + t, a);
    const fires = f32x4.ge(u, madd(adaptations, a, f32x4.splat(1.0)));
    const s = spikeLanes(fires, u);
    v128.store(sPtr + t, s);
    u = v128.andnot(u, fires);
    a = madd(keep, a, s);
  }
}

export function alifScanForward(
  sPtr: usize,
  uPtr: usize,
  aPtr: usize,
  yPtr: usize,
  lnVthPtr: usize,
  lnRhoPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  adaptation: f32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  let saved: usize = 0;
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < channelCount; channel += CHANNELS) {
      const width = min(CHANNELS, channelCount - channel);
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, yPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const channelBytes = <usize>(channel + c) << 2;
        const gain = thresholdGain(lnVthPtr + channelBytes, width - c);
        const rho = expLanes(loadChannels(lnRhoPtr + channelBytes, width - c));
        const keep = expLanes(f32x4.div(f32x4.splat(-1.0), rho));
        const stream = scratchPtr + <usize>(c >> 2) * streamBytes;
        forwardStream(stream, uPtr + saved, aPtr + saved, gain, keep, decay, adaptation, timeCount);
        saved += streamBytes;
      }
      scatterStreams(sPtr + at, scratchPtr, timeCount, rowBytes, width, false);
    }
  }
}

export function alifScanBackward(
  dyPtr: usize,
  dlnVthPtr: usize,
  dlnRhoPtr: usize,
  dsPtr: usize,
  uPtr: usize,
  aPtr: usize,
  lnVthPtr: usize,
  lnRhoPtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  adaptation: f32,
  surrogate: i32,
  sharpness: f32,
  accumulate: i32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  const decays = f32x4.splat(decay);
  const adaptations = f32x4.splat(adaptation);
  const one = f32x4.splat(1.0);
  const sharp = f32x4.splat(sharpness);
  const scale = dspikeScaleOf(sharpness);
  let us = uPtr;
  let as = aPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < channelCount; channel += CHANNELS) {
      const width = min(CHANNELS, channelCount - channel);
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, dsPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const channelBytes = <usize>(channel + c) << 2;
        const gain = thresholdGain(lnVthPtr + channelBytes, width - c);
        const rho = expLanes(loadChannels(lnRhoPtr + channelBytes, width - c));
        const keep = expLanes(f32x4.div(f32x4.splat(-1.0), rho));
        const ds = scratchPtr + <usize>(c >> 2) * streamBytes;
        let g = f32x4.splat(0);
        let alpha = f32x4.splat(0);
        let drives = f32x4.splat(0); // sum g (u'[t] - decay u[t-1])
        let traces = f32x4.splat(0); // sum alpha[t+1] a[t]
        for (let t = streamBytes; t > 0; ) {
          t -= 16;
          const u = v128.load(us + t);
          const a = v128.load(as + t);
          const threshold = madd(adaptations, a, one);
          const slope = surrogateLanes(f32x4.sub(u, threshold), surrogate, sharp, scale);
          const e = f32x4.mul(f32x4.add(v128.load(ds + t), alpha), slope);
          g = madd(decays, v128.andnot(g, f32x4.ge(u, threshold)), e);
          v128.store(ds + t, f32x4.mul(gain, g));
          traces = madd(alpha, a, traces);
          alpha = f32x4.sub(f32x4.mul(keep, alpha), f32x4.mul(adaptations, e));
          let kept = f32x4.splat(0);
          if (t > 0) {
            const before = v128.load(us + t - 16);
            kept = v128.andnot(before, f32x4.ge(before, madd(adaptations, v128.load(as + t - 16), one)));
          }
          drives = madd(g, f32x4.sub(u, f32x4.mul(decays, kept)), drives);
        }
        storeChannels(dlnVthPtr + channelBytes, f32x4.neg(drives), width - c, true);
        const slope = f32x4.mul(traces, f32x4.div(keep, rho));
        storeChannels(dlnRhoPtr + channelBytes, slope, width - c, true);
        us += streamBytes;
        as += streamBytes;
      }
      scatterStreams(dyPtr + at, scratchPtr, timeCount, rowBytes, width, accumulate != 0);
    }
  }
}

export function alifStep(
  listPtr: usize,
  uPtr: usize,
  aPtr: usize,
  yPtr: usize,
  keepPtr: usize,
  channelCount: i32,
  decay: f32,
  adaptation: f32,
): i32 {
  const decays = f32x4.splat(decay);
  const adaptations = f32x4.splat(adaptation);
  const one = f32x4.splat(1.0);
  let end = listPtr;
  let faults = f32x4.splat(0);
  for (let channel = 0; channel < channelCount; channel += 4) {
    const at = <usize>channel << 2;
    const a = v128.load(aPtr + at);
    const u = madd(decays, v128.load(uPtr + at), v128.load(yPtr + at));
    const fires = f32x4.ge(u, madd(adaptations, a, one));
    v128.store(uPtr + at, v128.andnot(u, fires));
    v128.store(aPtr + at, madd(v128.load(keepPtr + at), a, v128.and(fires, one)));
    faults = v128.or(faults, f32x4.ne(u, u));
    end = listSpikes(end, fires, channel);
  }
  return spikeCount(listPtr, end, faults);
}
