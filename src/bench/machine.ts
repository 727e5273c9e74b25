/** What every figure was measured on and with. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem, type as osType, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { loadKernels } from '../host/load-kernels.ts';

export interface Machine {
  cpu: string;
  coreCount: number;
  memoryGib: number;
  os: string;
  node: string;
  kernels: string;
  gitHash: string;
  /** Runnable processes over the last minute, before the benchmark: foreign load makes tails. */
  load1: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    coreCount: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    os: `${osType()} ${release()}`,
    node: process.version,
    kernels: loadKernels({ memoryBytes: 1 << 20 }).variant,
    gitHash: gitHash(),
    load1: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Linux counts in these, whatever the kernel's own tick is (proc(5)). */
const TICKS_PER_SECOND = 100;

/**
 * Seconds that the host of a virtual machine gave to others while a core here wanted to run, since the start, over all cores: the
 * tails that they make are nobody's fault here. NaN where the system does not say (not Linux).
 */
export function stolenSeconds(): number {
  try {
    // cpu user nice system idle iowait irq softirq steal ...
    return Number(readFileSync('/proc/stat', 'utf8').split(/\s+/, 9)[8]) / TICKS_PER_SECOND;
  } catch {
    return NaN;
  }
}

/** The commit that is checked out, with '+' when files differ from it; 'unknown' outside a clone. */
function gitHash(): string {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}

export function machineLine(machine: Machine): string {
  const { cpu, coreCount, memoryGib, os, node, kernels, gitHash: hash, load1 } = machine;
  return `${cpu}, ${coreCount} cores, ${memoryGib} GiB; ${os}; Node ${node}; kernels ${kernels}; commit ${hash}; load ${load1}`;
}
