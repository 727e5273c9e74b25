#!/usr/bin/env node
/** The `betz` program: commands, and the one place where a command's failure becomes an exit code. */
import { Command } from 'commander';
import { version } from '../host/version.ts';
import { benchCommand } from './bench.ts';
import { calibrateCommand } from './calibrate.ts';
import { evaluateCommand } from './evaluate.ts';
import { reportFailure } from './failure.ts';
import { runCommand } from './run.ts';

const program = new Command('betz')
  .description('A real-time runtime for brain-computer interfaces. Research use only, not a medical device.')
  .version(version)
  .addHelpText(
    'after',
    `
Examples:
  $ betz run                                        decode a simulated array, live
  $ betz calibrate --recording data.mat --out model.safetensors
  $ betz run --source replay --recording data.mat --model model.safetensors --from 80%`,
  )
  .addCommand(runCommand())
  .addCommand(calibrateCommand())
  .addCommand(evaluateCommand())
  .addCommand(benchCommand());

/** Errors are thrown, not printed, so that all of them look alike. */
function silence(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  command.commands.forEach(silence);
}

silence(program);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, process.argv.includes('--json'));
}
