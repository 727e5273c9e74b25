/** Settings of the simulated electrode array: docs/simulated-array.md says where the defaults come from. */
import { z } from 'zod';

/** Frames of the simulation are 1 ms long. */
export const FRAME_RATE_HZ = 1000;
export const CHANNEL_COUNT_MAX = 4096;
/** Days of drift. */
export const DAY_MAX = 1000;

const reachingConfig = z.strictObject({
  /** Targets lie in a square of this side, its centre at (0, 0). */
  workspaceM: z.number().min(0.01).max(2).default(0.2),
  /** Targets nearer to the hand than this are not drawn; at most half the workspace, so that there always is one. */
  reachMinM: z.number().min(0).default(0.05),
  /** Duration of a reach = base + perMetre x its length, times a log-normal factor of this spread. */
  movementBaseMs: z.number().min(50).max(5000).default(280),
  movementMsPerM: z.number().min(0).max(20_000).default(2000),
  movementSpread: z.number().min(0).max(1).default(0.12),
  /** Rest between two reaches (the reaction to the new target): log-normal around this median. */
  pauseMedianMs: z.number().min(0).max(5000).default(180),
  pauseSpread: z.number().min(0).max(1).default(0.35),
});

const tuningConfig = z.strictObject({
  /** Part of the channels that record no unit. */
  silentFraction: z.number().min(0).max(1).default(0.06),
  /** Rates at rest are log-normal over units, capped. */
  restRateMedianHz: z.number().min(0).max(200).default(6.3),
  restRateSpread: z.number().min(0).max(3).default(0.95),
  restRateMaxHz: z.number().min(0).max(500).default(38),
  /** Speed at which the modulations below hold. */
  referenceSpeedMPerS: z.number().min(0.01).max(10).default(0.4),
  /** Speed at which the tuning to direction bends; far above the reference speed it stays in proportion to speed. */
  halfSpeedMPerS: z.number().min(0.001).max(1000).default(0.08),
  /** Mean direction-dependent and mean speed-dependent change of the drive at that speed, as parts of the drive at rest. */
  directionDepth: z.number().min(0).max(5).default(0.22),
  speedDepth: z.number().min(0).max(5).default(0.25),
  /** Spike activity leads movement by a normal draw per unit, kept within 0 to 300 ms. */
  leadMs: z.number().min(0).max(300).default(100),
  leadSpreadMs: z.number().min(0).max(100).default(25),
});

const driftConfig = z.strictObject({
  /** Standard deviation of one day's change, per channel: of the logarithm of the gain, ... */
  gainSpread: z.number().min(0).max(1).default(0.08),
  /** ... of the rate added to or taken from all rates, as part of the rate at rest, ... */
  offsetSpread: z.number().min(0).max(1).default(0.06),
  /** ... and of the preferred direction. */
  rotationDeg: z.number().min(0).max(180).default(8),
  /** Chance per day that a channel's unit is lost. */
  lossPerDay: z.number().min(0).max(1).default(0.03),
  /** Chance per day that a channel without a unit records a new one, of other tuning. */
  arrivalPerDay: z.number().min(0).max(1).default(0.25),
});

export const simulatedArrayConfig = z
  .strictObject({
    /** Same seed: same array, same movements, same spikes. */
    seed: z.int().min(0).max(0xffffffff).default(1),
    /** 0 is the day the array is described by; drift accumulates from there. Movements differ from day to day. */
    day: z.int().min(0).max(DAY_MAX).default(0),
    channelCount: z.int().min(1).max(CHANNEL_COUNT_MAX).default(96),
    reaching: reachingConfig.prefault({}),
    tuning: tuningConfig.prefault({}),
    drift: driftConfig.prefault({}),
  })
  .refine(({ reaching }) => reaching.reachMinM <= reaching.workspaceM / 2, {
    path: ['reaching', 'reachMinM'],
    message: 'must be at most half of workspaceM',
  });

export type SimulatedArrayConfig = z.output<typeof simulatedArrayConfig>;
/** The same with everything optional. */
export type SimulatedArrayOptions = z.input<typeof simulatedArrayConfig>;
export type ReachingConfig = SimulatedArrayConfig['reaching'];
export type TuningConfig = SimulatedArrayConfig['tuning'];
