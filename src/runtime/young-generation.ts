/**
 * The loop allocates nothing, but reading the clock does (about 150 bytes a bin: `process.hrtime()` returns a pair, and
 * the compiler takes it apart only where it can see the whole call). A new thread starts with 1 MB for young objects,
 * which that fills every 7,000 bins; with 16 MB it is a matter of 20 minutes at 10 ms bins, and the collection then
 * takes a fraction of a millisecond, because nothing in there is alive.
 *
 * `resourceLimits` of a worker set only the largest size, which the engine would grow to; the smallest is a flag of
 * the process that counts for threads started from then on.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const YOUNG_MB = 16;

export function enlargeYoungGeneration(): void {
  setFlagsFromString(`--min-semi-space-size=${YOUNG_MB}`);
}

/**
 * Empties this thread's part for young objects. What was done before the first bin (the rehearsal makes 7 MB of garbage,
 * or twice that while the compiler is late) would else bring the first collection forward into the session.
 */
export function collectYoungGarbage(): void {
  setFlagsFromString('--expose-gc'); // counts for contexts made from now on, and is of no use without one
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  collect({ type: 'minor' });
}
