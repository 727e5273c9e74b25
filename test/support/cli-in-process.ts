/** Parts of the `betz` program in this process, from source: quick, for commands that end before they start anything. */
import { vi } from 'vitest';
import { reportFailure } from '../../src/cli/failure.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { CliResult } from './cli.ts';

/** What `action` prints, kept from the screen, and what it returns as the exit code. */
export async function captured(action: () => number | Promise<number>): Promise<CliResult> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  try {
    const code = await action();
    return { code, ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** As `runCli`, one at a time. Without a folder the command must not touch files. */
export async function runHere(args: readonly string[], cwd?: string): Promise<CliResult> {
  const before = process.cwd();
  if (cwd !== undefined) process.chdir(cwd);
  try {
    return await captured(async () => {
      try {
        await createProgram().parseAsync(args, { from: 'user' });
        return 0;
      } catch (error) {
        return reportFailure(error, args.includes('--json'));
      }
    });
  } finally {
    process.chdir(before);
  }
}
