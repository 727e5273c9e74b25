/** `betz bench`: measured figures, each with the machine and the method beside it. */
import { Command } from 'commander';
import { benchCalibrationCommand } from './bench-calibration.ts';
import { benchLatencyCommand } from './bench-latency.ts';
import { benchTrainingCommand } from './bench-training.ts';

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure Betz on this machine.')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz bench latency --hidden 256 --seconds 10\n  $ betz bench training --decoder all --rounds 5',
    )
    .addCommand(benchCalibrationCommand())
    .addCommand(benchLatencyCommand())
    .addCommand(benchTrainingCommand());
}
