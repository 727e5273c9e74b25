/** `betz bench`: measured figures, each with the machine and the method beside it. */
import { Command } from 'commander';
import { benchBackgroundCommand } from './bench-background.ts';
import { benchCalibrationCommand } from './bench-calibration.ts';
import { benchDriftCommand } from './bench-drift.ts';
import { benchClosedLoopCommand } from './bench-closed-loop.ts';
import { benchLatencyCommand } from './bench-latency.ts';
import { benchStabilizationCommand } from './bench-stabilization.ts';
import { benchTrainingCommand } from './bench-training.ts';

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure Betz on this machine.')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz bench latency --hidden 256 --seconds 10\n  $ betz bench training --decoder all --rounds 5',
    )
    .addCommand(benchBackgroundCommand())
    .addCommand(benchCalibrationCommand())
    .addCommand(benchDriftCommand())
    .addCommand(benchLatencyCommand())
    .addCommand(benchStabilizationCommand())
    .addCommand(benchTrainingCommand())
    .addCommand(benchClosedLoopCommand());
}
