/** The `betz` program as its users run it: the compiled one, in a process of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { compiledPath } from '../../src/host/compiled.ts';

export interface CliResult {
  /** null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliFailure {
  code: string;
  message: string;
  value: unknown;
  tip: string;
}

/** A command that runs. */
export class RunningCli {
  readonly process: ChildProcess;
  readonly done: Promise<CliResult>;
  private stdout = '';
  private stderr = '';

  constructor(
    args: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>>,
    launcher: readonly string[] = [],
  ) {
    const [command, ...rest] = [...launcher, process.execPath, compiledPath('cli/main.js'), ...args];
    const child = spawn(command, rest, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.done = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Resolves when what was printed so far matches; rejects when the program ends without. */
  async printed(pattern: RegExp): Promise<void> {
    const streams = [this.process.stdout, this.process.stderr];
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!pattern.test(this.stdout + this.stderr)) return;
        streams.forEach((stream) => stream?.off('data', look));
        resolve();
      };
      streams.forEach((stream) => stream?.on('data', look));
      look();
      void this.done.then(({ stdout, stderr }) => {
        reject(new Error(`ended before it printed ${String(pattern)}:\n${stdout}${stderr}`));
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  interruptTwice(): void {
    interruptTwice(this.process.pid!);
  }
}

/**
 * Ctrl-C twice, so quickly that nothing is done between: both wait while the process is stopped. They differ because a signal
 * that waits to be heard is not queued twice. Not on Windows.
 */
export function interruptTwice(pid: number): void {
  (['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const).forEach((signal) => {
    process.kill(pid, signal);
  });
}

export function startCli(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): RunningCli {
  return new RunningCli(args, cwd, env);
}

export function runCli(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  return startCli(args, cwd, env).done;
}

/** As on a disk that has room for so much of each file: the limit on the size of files stands for its end. Not on Windows. */
export function runCliOnSmallDisk(
  kibibytes: number,
  args: readonly string[],
  cwd: string,
): Promise<CliResult> {
  const limited = ['bash', '-c', `ulimit -f ${kibibytes}; exec "$0" "$@"`];
  return new RunningCli(args, cwd, {}, limited).done;
}

/** The one JSON object on stdout; anything else there fails the test. */
export function jsonOf({ stdout }: CliResult): Record<string, unknown> {
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What the command said on stderr about its failure, which has to be one error in the agreed form. */
export function failureOf({ stderr }: CliResult): { code: string; message: string; tip: string } {
  const match = /^error ([A-Z_]+): (.+)\n(?: {2}value: .+\n)? {2}tip: (.+)\n$/m.exec(stderr);
  if (match === null) expect.fail(`no error in the agreed form on stderr:\n${stderr}`);
  expect(stderr.match(/^error /gm), 'one error').toHaveLength(1);
  expect(stderr.endsWith(match[0]), 'the error comes last').toBe(true);
  const [, code, message, tip] = match;
  return { code, message, tip };
}

/** Names of everything below a folder, sorted. */
export function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

/** Calls `use` with a new folder, which is removed afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'betz-cli-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
