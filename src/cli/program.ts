/** The commands of the `betz` program. */
import { Command } from 'commander';
import { version } from '../host/version.ts';
import { benchCommand } from './bench.ts';
import { calibrateCommand } from './calibrate.ts';
import { evaluateCommand } from './evaluate.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { infoCommand } from './info.ts';
import { pretrainCommand } from './pretrain.ts';
import { quantizeCommand } from './quantize.ts';
import { runCommand } from './run.ts';

/** Its errors are thrown, not printed, so that all of them look alike (failure.ts). */
export function createProgram(): Command {
  const program = new Command('betz')
    .description(
      'A real-time runtime for brain-computer interfaces. Research use only, not a medical device.',
    )
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
    .addCommand(pretrainCommand())
    .addCommand(evaluateCommand())
    .addCommand(infoCommand())
    .addCommand(quantizeCommand())
    .addCommand(importCommand())
    .addCommand(exportCommand())
    .addCommand(benchCommand());
  silence(program);
  writeListsAsTyped(program);
  return program;
}

function silence(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  command.commands.forEach(silence);
}

/** In helps: `default: 8,30`, as one would give it. */
function writeListsAsTyped(command: Command): void {
  for (const option of command.options) {
    const list: unknown = option.defaultValue;
    if (Array.isArray(list)) option.default(list, list.join(','));
  }
  command.commands.forEach(writeListsAsTyped);
}
