#!/usr/bin/env node
/** The `betz` program, and the one place where a command's failure becomes an exit code. */
import { reportFailure } from './failure.ts';
import { watchOutput } from './lost-output.ts';
import { createProgram } from './program.ts';

watchOutput();
try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, process.argv.includes('--json'));
}
