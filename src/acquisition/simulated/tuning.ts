/**
 * How the units of the array respond to the hand's movement.
 *
 * Rates are broadly tuned to the direction of movement (cosine: Georgopoulos et al. 1982, J Neurosci 2:1527-1537) and
 * grow with its speed, and it is the square root of the rate that is linear in both (Moran and Schwartz 1999,
 * J Neurophysiol 82:2676-2692):
 *   drive = b (1 + speedDepth |v|/v0 + directionDepth g(|v|) cos(angle of v - preferred direction)),  v at t + lead,
 *   rate = gain max(0, drive)^2 + offset, not below 0;   b^2 is the rate at rest, v0 the reference speed,
 *   g(|v|) = |v| (v0 + h) / ((|v| + h) v0).
 * There the tuning to direction is in proportion to speed; here it saturates (g is 0 at rest, 1 at v0, and bends at h),
 * because motor cortex tells direction better than speed (Golub et al. 2014, J Neurophysiol 112:411-429). Together with
 * the square and its floor that leaves a linear decoder short of what the spikes say, as it is on recordings.
 */
import type { Rng } from '../../core/rng.ts';
import { FRAME_RATE_HZ } from './array-config.ts';
import type { TuningConfig } from './array-config.ts';

export const LEAD_MAX_FRAMES = 0.3 * FRAME_RATE_HZ;

/** What one channel records. */
export interface Unit {
  /** Of the rate. 0: nothing, the channel is silent. */
  restRateHz: number;
  preferredDirectionRad: number;
  directionDepth: number;
  speedDepth: number;
  leadFrames: number;
  /** Drift of the electrode, 1 and 0 on day 0. */
  gain: number;
  offsetHz: number;
}

export function drawUnit(config: TuningConfig, rng: Rng): Unit {
  const rateHz = config.restRateMedianHz * Math.exp(config.restRateSpread * rng.normal());
  const leadMs = Math.max(0, Math.min(300, rng.normal(config.leadMs, config.leadSpreadMs)));
  return {
    restRateHz: Math.min(config.restRateMaxHz, rateHz),
    preferredDirectionRad: rng.uniform(0, 2 * Math.PI),
    // From hardly tuned to strongly tuned, with the configured mean.
    directionDepth: config.directionDepth * rng.uniform(0, 2),
    speedDepth: config.speedDepth * rng.uniform(-1, 3),
    leadFrames: Math.round((leadMs * FRAME_RATE_HZ) / 1000),
    gain: 1,
    offsetHz: 0,
  };
}

/** A channel that records no unit. */
export function silence(unit: Unit): Unit {
  return { ...unit, restRateHz: 0, gain: 1, offsetHz: 0 };
}

/**
 * The units as columns, scaled for the inner loop of the simulation: the expected count of a frame is
 * max(0, max(0, base + alongX x + alongY y + alongSpeed s)^2 + offset), x, y, s being the movement drive.
 */
export interface TuningColumns {
  readonly base: Float64Array;
  readonly alongX: Float64Array;
  readonly alongY: Float64Array;
  readonly alongSpeed: Float64Array;
  readonly offset: Float64Array;
  readonly leadFrames: Int32Array;
}

/** @param leadFramesMax how far ahead the movement is known; no unit leads by more */
export function tabulateUnits(units: readonly Unit[], leadFramesMax = LEAD_MAX_FRAMES): TuningColumns {
  const base = (unit: Unit): number => Math.sqrt((unit.gain * unit.restRateHz) / FRAME_RATE_HZ);
  return {
    base: Float64Array.from(units, base),
    alongX: Float64Array.from(units, (u) => base(u) * u.directionDepth * Math.cos(u.preferredDirectionRad)),
    alongY: Float64Array.from(units, (u) => base(u) * u.directionDepth * Math.sin(u.preferredDirectionRad)),
    alongSpeed: Float64Array.from(units, (u) => base(u) * u.speedDepth),
    offset: Float64Array.from(units, (u) => u.offsetHz / FRAME_RATE_HZ),
    leadFrames: Int32Array.from(units, (u) => Math.min(u.leadFrames, leadFramesMax)),
  };
}

/** g(|v|) / |v|: what turns a velocity into the movement drive's x and y. At |v| = 0 it is finite. */
export function directionScale(config: TuningConfig, speedMPerS: number): number {
  const { referenceSpeedMPerS: v0, halfSpeedMPerS: h } = config;
  return (v0 + h) / ((speedMPerS + h) * v0);
}
