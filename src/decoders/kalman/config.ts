/** What is chosen about a Kalman filter, as opposed to fitted. */
import { z } from 'zod';

export const kalmanConfig = z.strictObject({
  mode: z.enum(['steadyState', 'full']).default('steadyState'),
  /**
   * Bins that spikes run ahead of the movement: the state at t is observed through the features at t - lagBins
   * (Wu et al. 2006, section 3.2: about 140 ms in open-loop reaching). It delays the output by that much.
   */
  lagBins: z.int().min(0).max(100).default(0),
  /** What the state holds beyond the outputs, e.g. accelerations or positions: they help, and are not given out. */
  extraStateNames: z.array(z.string()).max(64).default([]),
});
export type KalmanConfig = z.infer<typeof kalmanConfig>;
