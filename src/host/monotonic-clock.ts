/**
 * Node's monotonic clock, with one zero for all threads of the machine.
 *
 * `process.hrtime()` and not its successors: `performance.now()` and `hrtime.bigint()` allocate at every call, which
 * costs the decode thread one garbage collection every 64,000 readings; the pair that `hrtime()` returns is taken
 * apart where it is made, so the compiler never builds it (measured: none in 2e7 readings, 33 ns each).
 */
import process from 'node:process';
import type { Clock } from '../core/clock.ts';

const hrtime = process.hrtime;

export class MonotonicClock implements Clock {
  nowNs(): number {
    const time = hrtime();
    return time[0] * 1e9 + time[1];
  }
}
