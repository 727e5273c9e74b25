/** `betz bench`: measured figures, each with the machine and the method beside it. */
import { Command } from 'commander';
import { gradientSubjects } from '../bench/gradient-subjects.ts';
import { benchLatency } from '../bench/latency.ts';
import type { LatencyBenchOptions } from '../bench/latency.ts';
import { closedFormSubjects } from '../bench/closed-form-subjects.ts';
import type { Distribution } from '../bench/distribution.ts';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { benchTraining } from '../bench/training.ts';
import { parseCount, parsePositive, parsePositiveInteger, parsePositiveIntegers } from './option-parsers.ts';

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure Betz on this machine.')
    .addHelpText('after', '\nExample:\n  $ betz bench latency --hidden 256 --seconds 10')
    .addCommand(latencyCommand())
    .addCommand(trainingCommand());
}

interface LatencyOptions {
  inputs: number;
  hidden: number[];
  steps: number;
  seconds: number;
  binMs: number;
  seed: number;
  json?: true;
}

function latencyCommand(): Command {
  return new Command('latency')
    .description(
      'Time of one decoder step: warm (back to back) and paced (one per bin interval, caches cold).',
    )
    .option('--inputs <count>', 'channels', parsePositiveInteger, 96)
    .option('--hidden <list>', 'hidden units of the GRUs to time', parsePositiveIntegers, [64, 256, 512])
    .option('--steps <count>', 'steps timed warm', parsePositiveInteger, 20_000)
    .option('--seconds <s>', 'seconds of pacing per decoder and mode', parsePositive, 10)
    .option('--bin-ms <ms>', 'bin interval of the paced steps', parsePositive, 10)
    .option('--seed <number>', 'of weights and inputs', parseCount, 1)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText('after', '\nExample:\n  $ betz bench latency --hidden 256 --seconds 10')
    .action(runLatency);
}

function runLatency(options: LatencyOptions): void {
  const machine = describeMachine();
  const benchOptions: LatencyBenchOptions = {
    inputCount: options.inputs,
    hiddenCounts: options.hidden,
    warmStepCount: options.steps,
    pacedSeconds: options.seconds,
    binMs: options.binMs,
    seed: options.seed,
    onProgress: (line) => process.stderr.write(`timing ${line}\n`),
  };
  const subjects = [...gradientSubjects(benchOptions), ...closedFormSubjects(benchOptions)];
  const rows = benchLatency(subjects, benchOptions);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine, options: benchOptions, rows })}\n`);
    return;
  }
  const lines = [
    `One decoder step, microseconds. ${machineLine(machine)}`,
    `warm: ${options.steps} steps back to back; paced: one step every ${options.binMs} ms for ${options.seconds} s;`,
    'warmed: paced, with an untimed step just before each bin, as the runtime does; decoders take turns of 1 s',
    '',
    row(['decoder', 'size', 'weights', 'mode', 'p50', 'p90', 'p99', 'p99.9', 'max']),
  ];
  for (const { decoder, size, precision, warmUs, pacedUs, pacedWarmedUs } of rows) {
    lines.push(row([decoder, size, precision, 'warm', ...cells(warmUs)]));
    lines.push(row([decoder, size, precision, 'paced', ...cells(pacedUs)]));
    lines.push(row([decoder, size, precision, 'warmed', ...cells(pacedWarmedUs)]));
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

interface TrainingOptions {
  hidden: number;
  inputs: number;
  batch: number;
  bins: number;
  rounds: number;
  threads: number[];
  seed: number;
  json?: true;
}

function trainingCommand(): Command {
  return new Command('training')
    .description(
      'Time of one GRU training step (forward, backward, AdamW), per kernel variant and thread count.',
    )
    .option('--hidden <count>', 'hidden units', parsePositiveInteger, 256)
    .option('--inputs <count>', 'channels', parsePositiveInteger, 96)
    .option('--batch <count>', 'windows in a batch', parsePositiveInteger, 32)
    .option('--bins <count>', 'bins in a window', parsePositiveInteger, 100)
    .option('--rounds <count>', 'timed steps of each, in turn', parsePositiveInteger, 15)
    .option('--threads <list>', 'thread counts to compare', parsePositiveIntegers, [1, 2])
    .option('--seed <number>', 'of weights and data', parseCount, 1)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText('after', '\nExample:\n  $ betz bench training --threads 1,2 --rounds 25')
    .action(runTraining);
}

async function runTraining(options: TrainingOptions): Promise<void> {
  const machine = describeMachine();
  const rows = await benchTraining({
    hiddenCount: options.hidden,
    inputCount: options.inputs,
    batchCount: options.batch,
    windowBins: options.bins,
    roundCount: options.rounds,
    threadCounts: options.threads,
    seed: options.seed,
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine, options, rows })}\n`);
    return;
  }
  const lines = [
    `One GRU training step, milliseconds: ${options.inputs} inputs, ${options.hidden} hidden, batch ${options.batch}, ${options.bins} bins. ${machineLine(machine)}`,
    `${options.rounds} rounds, the configurations in turn; gradients checked by finite differences first`,
    '',
    row(['kernels', 'threads', 'median', 'min', 'max', 'gradient error']),
    ...rows.map((r) =>
      row([
        r.variant,
        String(r.threadCount),
        r.stepMsMedian.toFixed(1),
        r.stepMsMin.toFixed(1),
        r.stepMsMax.toFixed(1),
        r.gradientError.toExponential(1),
      ]),
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function cells({ p50, p90, p99, p999, max }: Distribution): string[] {
  return [p50, p90, p99, p999, max].map((value) => value.toFixed(1));
}

function row(texts: readonly string[]): string {
  return texts.map((text, i) => (i === 0 ? text.padEnd(9) : text.padStart(9))).join(' ');
}
