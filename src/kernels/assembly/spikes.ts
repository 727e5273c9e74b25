/**
 * What spiking neurons share. All of them work in units of their threshold: the input is scaled by exp(-lnVth), which is
 * the same as a threshold of exp(lnVth) because membranes start at and are reset to 0 (SpikingSSM, arXiv 2408.14909).
 *
 * A membrane that is NaN gives NaN in place of a spike, so that a fault shows.
 */
import { expLanes, tanhLanes } from './activations';
import { loadChannels } from './streams';

/** Surrogate gradients, by the numbers of src/tensor/spiking-neuron.ts. */
const TRIANGULAR: i32 = 0;
const DSPIKE: i32 = 1;

/** exp(-lnVth) of up to four channels. */
// @ts-ignore: decorator
@inline
export function thresholdGain(lnVthPtr: usize, count: i32): v128 {
  return expLanes(f32x4.neg(loadChannels(lnVthPtr, count)));
}

/** 1 where `fires`, else 0; NaN where the membrane is. */
// @ts-ignore: decorator
@inline
export function spikeLanes(fires: v128, membrane: v128): v128 {
  return v128.or(v128.and(f32x4.splat(1.0), fires), v128.and(membrane, f32x4.ne(membrane, membrane)));
}

/**
 * What stands for the derivative of the step at x = membrane - threshold:
 *   triangular     max(0, 1 - |x|)                                     arXiv 2408.14909
 *   dspike         b/2 (1 - tanh^2(b x)) / tanh(b/2) for |x| < 1/2     Li et al. 2021, as in arXiv 2410.18580
 *   fast sigmoid   1 / (1 + b |x|)^2                                   Zenke and Ganguli 2018, arXiv 1705.11146
 */
// @ts-ignore: decorator
@inline
export function surrogateLanes(x: v128, kind: i32, sharpness: v128, dspikeScale: v128): v128 {
  const one = f32x4.splat(1.0);
  const distance = f32x4.abs(x);
  if (kind == TRIANGULAR) return f32x4.max(f32x4.splat(0), f32x4.sub(one, distance));
  if (kind == DSPIKE) {
    const t = tanhLanes(f32x4.mul(sharpness, x));
    const slope = f32x4.mul(dspikeScale, f32x4.sub(one, f32x4.mul(t, t)));
    return v128.and(slope, f32x4.lt(distance, f32x4.splat(0.5)));
  }
  const root = f32x4.div(one, f32x4.add(one, f32x4.mul(sharpness, distance)));
  return f32x4.mul(root, root);
}

/** b/2 / tanh(b/2) */
// @ts-ignore: decorator
@inline
export function dspikeScaleOf(sharpness: f32): v128 {
  const half = f32x4.splat(<f32>0.5 * sharpness);
  return f32x4.div(half, tanhLanes(half));
}

/** Appends the channels of a group of four that fire to a list of int32 and returns its new end. */
// @ts-ignore: decorator
@inline
export function listSpikes(endPtr: usize, fires: v128, firstChannel: i32): usize {
  let end = endPtr;
  for (let bits = i32x4.bitmask(fires); bits != 0; bits &= bits - 1) {
    store<i32>(end, firstChannel + ctz<i32>(bits));
    end += 4;
  }
  return end;
}

/** The number of spikes in a list, or -1 when a membrane is NaN. */
// @ts-ignore: decorator
@inline
export function spikeCount(listPtr: usize, endPtr: usize, faults: v128): i32 {
  return v128.any_true(faults) ? -1 : <i32>((endPtr - listPtr) >> 2);
}
