/** Measures what a stretch of code leaves on the JavaScript heap. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * Whether `work` can run with the heap growing by less than `bytesMax`, garbage included. It gets some attempts, since
 * the compiler allocates too while it is still optimising, and on a busy machine it takes its time.
 */
export function runsWithinHeapBytes(work: () => void, bytesMax: number, attempts = 40): boolean {
  for (let attempt = 0; attempt < attempts; attempt++) {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    work();
    if (process.memoryUsage().heapUsed - before < bytesMax) return true;
  }
  return false;
}
