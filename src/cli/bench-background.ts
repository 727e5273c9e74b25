/** `betz bench background`: latency of a paced session with and without a fine-tune in the background. */
import { Command } from 'commander';
import { benchBackground } from '../bench/background-latency.ts';
import type { BackgroundPart } from '../bench/background-latency.ts';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { tableLines } from './bench-text.ts';
import {
  parseBinMs,
  parseChannelCount,
  parseHiddenCount,
  parseSeconds,
  parseSeed,
} from './option-parsers.ts';

interface Options {
  seconds: number;
  channels: number;
  hidden: number;
  binMs: number;
  seed: number;
  json?: true;
}

export function benchBackgroundCommand(): Command {
  return new Command('background')
    .description('Latency of a paced GRU session, by itself and while all its weights are fine-tuned aside.')
    .option('--seconds <s>', 'of each of the two sessions', parseSeconds, 30)
    .option('--channels <count>', 'of the simulated array', parseChannelCount, 96)
    .option('--hidden <count>', 'hidden units of the GRU', parseHiddenCount, 256)
    .option('--bin-ms <ms>', 'bin width', parseBinMs, 10)
    .option('--seed <number>', 'of the simulation and the weights', parseSeed, 1)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\n"stolen" is the share of all cores\' time that the host of a virtual machine gave to others: above some tenths of a\npercent, the tails of both rows are its own.\n\nExample:\n  $ betz bench background --seconds 60',
    )
    .action(runBackground);
}

async function runBackground(options: Options): Promise<void> {
  const machine = describeMachine();
  const { seconds, channels, hidden, binMs, seed } = options;
  const parts = await benchBackground({
    ...{ seconds, binMs, seed },
    channelCount: channels,
    hiddenCount: hidden,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine, options, ...parts })}\n`);
    return;
  }
  const rows = [
    ['', 'p50 us', 'p99 us', 'p99.9 us', 'max us', 'missed', 'bins', 'steps/s', 'real-time', 'stolen'],
    row('by itself', parts.idle),
    row('while fitting', parts.fitting),
  ];
  const title = `GRU ${hidden}, ${channels} channels, ${binMs} ms bins: bin edge to output`;
  process.stdout.write(`${[machineLine(machine), title, ...tableLines(rows)].join('\n')}\n`);
}

function row(
  name: string,
  { latencyUs, deadlineMisses, bins, stepsPerSecond, isRealTime, stolenPercent }: BackgroundPart,
): string[] {
  const { p50, p99, p999, max } = latencyUs;
  const numbers = [p50, p99, p999, max, deadlineMisses, bins].map((value) => String(Math.round(value)));
  const stolen = stolenPercent === null ? '-' : `${stolenPercent.toFixed(1)} %`;
  return [name, ...numbers, stepsPerSecond.toFixed(1), isRealTime ? 'yes' : 'no', stolen];
}
