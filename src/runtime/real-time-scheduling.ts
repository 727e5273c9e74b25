/**
 * Asks the operating system to run the calling thread before ordinary ones (Linux, SCHED_FIFO). Without it a thread
 * that wakes on a busy machine may wait for the time slice of another, about 3 ms, whatever its nice value: with
 * autogrouping, nice counts only within one terminal. Node has no call for it, so util-linux's `chrt` makes it.
 *
 * It needs the right to do so (root, CAP_SYS_NICE, or an rtprio limit; docs/latency.md). Only the two threads of a
 * paced session ask, which sleep nine tenths of the time; the kernel's own limit keeps 5 % for everybody else even if
 * one of them ran wild.
 */
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';

/** The source goes before the decode thread: what does not arrive cannot be decoded. 1 is the lowest of 99. */
export const REAL_TIME_PRIORITY = { source: 11, decode: 10 } as const;

/** @returns whether it was granted */
export function requestRealTime(priority: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const threadId = readlinkSync('/proc/thread-self').split('/').pop() ?? '';
    const { status } = spawnSync('chrt', ['--fifo', '--pid', String(priority), threadId], {
      stdio: 'ignore',
      timeout: 1000,
    });
    return status === 0;
  } catch {
    return false; // no /proc: then there is nothing to ask
  }
}
