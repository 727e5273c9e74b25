/**
 * Neuron with a refractory trace, in units of its threshold (SPikE-SSM, arXiv 2410.17268; docs/decoders.md says which form):
 *   r[t] = traceDecay r[t-1] + s[t-1]
 *   u[t] = decay u[t-1] + exp(-lnVth) y[t] - m r[t],   s[t] = 1 if u[t] >= 1,   m = exp(lnMagnitude)
 * The trace is the reset, a soft one: it subtracts. Backward, past spikes taken as constants, f the surrogate:
 *   g[t] = ds[t] f(u[t] - 1) + decay g[t+1],   dy[t] = exp(-lnVth) g[t]
 *   q[t] = g[t+1] + traceDecay q[t+1],   sum g[t] r[t] = sum s[t] q[t],   dlnMagnitude = -m sum s[t] q[t]
 */
import { expLanes } from './activations';
import { dspikeScaleOf, listSpikes, spikeCount, spikeLanes, surrogateLanes, thresholdGain } from './spikes';
import { CHANNELS, gatherStreams, loadChannels, scatterStreams, storeChannels } from './streams';
import { madd } from './vector';

/** In place: y[T][4] becomes s[T][4]. */
function forwardStream(
  sPtr: usize,
  uPtr: usize,
  gain: v128,
  magnitude: v128,
  decay: f32,
  traceDecay: f32,
  timeCount: i32,
): void {
  const decays = f32x4.splat(decay);
  const traceDecays = f32x4.splat(traceDecay);
  let u = f32x4.splat(0);
  let r = f32x4.splat(0);
  const bytes = <usize>timeCount << 4;
  for (let t: usize = 0; t < bytes; t += 16) {
    const input = f32x4.sub(f32x4.mul(gain, v128.load(sPtr + t)), f32x4.mul(magnitude, r));
    u = madd(decays, u, input);
    v128.store(uPtr + t, u);
    const s = spikeLanes(f32x4.ge(u, f32x4.splat(1.0)), u);
    v128.store(sPtr + t, s);
    r = madd(traceDecays, r, s);
  }
}

export function refractoryScanForward(
  sPtr: usize,
  uPtr: usize,
  yPtr: usize,
  lnVthPtr: usize,
  lnMagnitudePtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  traceDecay: f32,
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
        const channelBytes = <usize>(channel + c) << 2;
        const gain = thresholdGain(lnVthPtr + channelBytes, width - c);
        const magnitude = expLanes(loadChannels(lnMagnitudePtr + channelBytes, width - c));
        const stream = scratchPtr + <usize>(c >> 2) * streamBytes;
        forwardStream(stream, u, gain, magnitude, decay, traceDecay, timeCount);
        u += streamBytes;
      }
      scatterStreams(sPtr + at, scratchPtr, timeCount, rowBytes, width, false);
    }
  }
}

export function refractoryScanBackward(
  dyPtr: usize,
  dlnVthPtr: usize,
  dlnMagnitudePtr: usize,
  dsPtr: usize,
  uPtr: usize,
  lnVthPtr: usize,
  lnMagnitudePtr: usize,
  timeCount: i32,
  batchCount: i32,
  channelCount: i32,
  decay: f32,
  traceDecay: f32,
  surrogate: i32,
  sharpness: f32,
  accumulate: i32,
  scratchPtr: usize,
): void {
  const rowBytes = (<usize>batchCount * <usize>channelCount) << 2;
  const streamBytes = <usize>timeCount << 4;
  const decays = f32x4.splat(decay);
  const traceDecays = f32x4.splat(traceDecay);
  const one = f32x4.splat(1.0);
  const sharp = f32x4.splat(sharpness);
  const scale = dspikeScaleOf(sharpness);
  let membranes = uPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let channel = 0; channel < channelCount; channel += CHANNELS) {
      const width = min(CHANNELS, channelCount - channel);
      const at = (<usize>b * <usize>channelCount + <usize>channel) << 2;
      gatherStreams(scratchPtr, dsPtr + at, timeCount, rowBytes, width);
      for (let c = 0; c < width; c += 4) {
        const channelBytes = <usize>(channel + c) << 2;
        const gain = thresholdGain(lnVthPtr + channelBytes, width - c);
        const magnitude = expLanes(loadChannels(lnMagnitudePtr + channelBytes, width - c));
        const ds = scratchPtr + <usize>(c >> 2) * streamBytes;
        let g = f32x4.splat(0);
        let q = f32x4.splat(0);
        let drives = f32x4.splat(0); // sum g (u[t] - decay u[t-1])
        let traces = f32x4.splat(0); // sum s q
        for (let t = streamBytes; t > 0; ) {
          t -= 16;
          const u = v128.load(membranes + t);
          const before = t > 0 ? v128.load(membranes + t - 16) : f32x4.splat(0);
          const slope = surrogateLanes(f32x4.sub(u, one), surrogate, sharp, scale);
          g = madd(v128.load(ds + t), slope, f32x4.mul(decays, g));
          v128.store(ds + t, f32x4.mul(gain, g));
          drives = madd(g, f32x4.sub(u, f32x4.mul(decays, before)), drives);
          traces = madd(spikeLanes(f32x4.ge(u, one), u), q, traces);
          q = madd(traceDecays, q, g);
        }
        // exp(-lnVth) y[t] = u[t] - decay u[t-1] + m r[t]
        const traceSlope = f32x4.mul(magnitude, traces);
        storeChannels(dlnVthPtr + channelBytes, f32x4.neg(f32x4.add(drives, traceSlope)), width - c, true);
        storeChannels(dlnMagnitudePtr + channelBytes, f32x4.neg(traceSlope), width - c, true);
        membranes += streamBytes;
      }
      scatterStreams(dyPtr + at, scratchPtr, timeCount, rowBytes, width, accumulate != 0);
    }
  }
}

export function refractoryStep(
  listPtr: usize,
  uPtr: usize,
  rPtr: usize,
  yPtr: usize,
  magnitudePtr: usize,
  channelCount: i32,
  decay: f32,
  traceDecay: f32,
): i32 {
  const decays = f32x4.splat(decay);
  const traceDecays = f32x4.splat(traceDecay);
  let end = listPtr;
  let faults = f32x4.splat(0);
  for (let channel = 0; channel < channelCount; channel += 4) {
    const at = <usize>channel << 2;
    const r = v128.load(rPtr + at);
    const input = f32x4.sub(v128.load(yPtr + at), f32x4.mul(v128.load(magnitudePtr + at), r));
    const u = madd(decays, v128.load(uPtr + at), input);
    const fires = f32x4.ge(u, f32x4.splat(1.0));
    v128.store(uPtr + at, u);
    v128.store(rPtr + at, madd(traceDecays, r, v128.and(fires, f32x4.splat(1.0))));
    faults = v128.or(faults, f32x4.ne(u, u));
    end = listSpikes(end, fires, channel);
  }
  return spikeCount(listPtr, end, faults);
}
