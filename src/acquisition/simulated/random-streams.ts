/**
 * One independent random stream per purpose, all from the user's seed: what one part draws never shifts what another
 * part gets, so that, say, channel 7 is the same unit in an array of 8 and of 96 channels.
 */
import { hash32, Rng } from '../../core/rng.ts';

const PURPOSES = { reaching: 1, spikes: 2, units: 3, drift: 4, user: 5, targets: 6 } as const;

/** @param a, b what the stream belongs to within its purpose, e.g. day and channel */
export function randomStream(seed: number, purpose: keyof typeof PURPOSES, a: number, b: number): Rng {
  return new Rng(hash32(hash32(seed, PURPOSES[purpose], 0), a, b));
}
