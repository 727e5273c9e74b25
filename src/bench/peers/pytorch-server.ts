/**
 * A Python process that answers lines of JSON with lines of JSON: peers/pytorch/training_server.py. Python is not installed
 * by `npm run peers`; whichever one on the path imports torch will do.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BetzError } from '../../core/errors.ts';

/** Two folders below src and dist alike. */
const SERVER = fileURLToPath(new URL('../../../peers/pytorch/training_server.py', import.meta.url));
/** The first is what a user's environment puts in front; the second is the system's own. */
const PYTHONS = ['python3', '/usr/bin/python3'];
/** A training step of the largest sizes that make sense takes seconds. */
const REPLY_TIMEOUT_MS = 300_000;
const STDERR_CHARACTERS_MAX = 2000;

let foundPython: string | null | undefined;

/** A Python that has PyTorch, or null. Starting each takes a second or two, so it is asked once. */
export function findPytorchPython(candidates: readonly string[] = PYTHONS): string | null {
  return candidates.find((python) => spawnSync(python, ['-c', 'import torch']).status === 0) ?? null;
}

export function pytorchPython(): string | null {
  if (foundPython === undefined) foundPython = findPytorchPython();
  return foundPython;
}

/** One request at a time. */
export class PytorchServer {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;
  private stderr = '';

  /**
   * On a busy machine, OpenMP's waiting threads spin in the time of those that they wait for, and a step takes 25 times as
   * long: unless the environment says otherwise they sleep.
   * @param threadCount of PyTorch and of the libraries beneath it, which read theirs from the environment
   */
  constructor(python: string, threadCount: number, script: string = SERVER) {
    const count = String(threadCount);
    this.child = spawn(python, [script, count], {
      env: {
        OMP_WAIT_POLICY: 'PASSIVE',
        PYTHONDONTWRITEBYTECODE: '1', // the package's folder may be nobody's to write to
        ...process.env,
        OMP_NUM_THREADS: count,
        OPENBLAS_NUM_THREADS: count,
        MKL_NUM_THREADS: count,
      },
    });
    this.child.on('error', (error) => (this.stderr += error.message));
    this.child.stdin.on('error', () => undefined); // it has ended: the missing reply says so
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_CHARACTERS_MAX);
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** @returns the reply, for the caller to check @throws BetzError CFG_PEER_BROKEN */
  async ask(request: object): Promise<unknown> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), REPLY_TIMEOUT_MS);
    const line = await this.lines.next();
    clearTimeout(timer);
    if (line.done === true) throw broken(this.stderr.trim() || 'it ended without a word');
    try {
      return JSON.parse(line.value);
    } catch {
      throw broken(line.value.slice(0, STDERR_CHARACTERS_MAX));
    }
  }

  /** The server ends when nobody can ask any more. */
  close(): void {
    this.child.stdin.end();
  }
}

/** @param how what the server said of it */
export function broken(how: string): BetzError {
  return new BetzError('CFG_PEER_BROKEN', 'PyTorch is installed but does not take the training step', {
    value: how,
    tip: 'Leave PyTorch out; if it is 1.13 or newer, please report what it said.',
  });
}
