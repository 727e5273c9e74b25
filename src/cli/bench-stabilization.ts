/** `betz bench stabilization`: what a recorded instability costs, and how much the stabiliser brings back without labels. */
import { Command } from 'commander';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { benchStabilization } from '../bench/stabilization.ts';
import type { StabilizationRow } from '../bench/stabilization.ts';
import { decoderKinds } from '../decoders/registry.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { openRecording } from '../recording/open-recording.ts';
import { openRecordedInstability } from '../recording/recorded-instability.ts';
import { tableLines } from './bench-text.ts';
import {
  LAG_HELP,
  listParser,
  namesParser,
  parseMilliseconds,
  parsePositiveInteger,
  parseSeconds,
  parseSeed,
  parseSeedCount,
  parseSetting,
} from './option-parsers.ts';

interface StabilizationOptions {
  recording: string;
  decoder: string[];
  set?: Record<string, unknown>;
  onChannels?: true;
  steps?: number;
  seconds?: number[];
  lagMs?: number;
  oldest?: true;
  seed: number;
  seeds: number;
  threads?: number;
  json?: true;
}

/** Kinds that have a first map for a read-in to go into. */
const NAMES = ['ridge', ...decoderKinds.filter(({ ends }) => ends !== undefined).map(({ name }) => name)];

export function benchStabilizationCommand(): Command {
  return new Command('stabilization')
    .description(
      'R2 on trials with a recorded instability: before, with it, and after alignment by factor analysis and Procrustes.',
    )
    .requiredOption(
      '--recording <file>',
      'recording with a recorded instability (MATLAB v5, closed-loop trials)',
    )
    .option('--decoder <list>', NAMES.join(', '), namesParser(NAMES, 'decoder of latents'), ['ridge'])
    .option('--set <name=value>', 'a setting of the decoders other than ridge; may be repeated', parseSetting)
    .option(
      '--on-channels',
      'train the decoders other than ridge on the channels, as most are, and not on their latents',
    )
    .option('--steps <count>', 'training steps (default: by the amount of data)', parsePositiveInteger)
    .option('--lag-ms <ms>', `${LAG_HELP} (default: 0)`, parseMilliseconds)
    .option(
      '--seconds <list>',
      'how much of the new day to align from (default: all of it)',
      listParser(parseSeconds),
    )
    .option('--oldest', 'align from the first trials after the instability began, not from the newest')
    .option('--seed <number>', 'of factor analysis and training', parseSeed, 1)
    .option('--seeds <count>', 'repeat from this many seeds, --seed and those after it', parseSeedCount, 3)
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz bench stabilization --recording 20160325.mat' +
        '\n  $ betz bench stabilization --recording 20160325.mat --decoder ridge,gru --seconds 30,60,120',
    )
    .action(runStabilization);
}

async function runStabilization(options: StabilizationOptions): Promise<void> {
  const machine = describeMachine();
  const { recording: path, decoder, set, steps, seed } = options;
  const recording = openRecording(path);
  const rows = await benchStabilization({
    recording,
    instability: openRecordedInstability(path),
    decoders: decoder,
    ...(set === undefined ? {} : { config: set }),
    inputs: options.onChannels === true ? 'channels' : 'latents',
    ...(steps === undefined ? {} : { stepCount: steps }),
    seeds: Array.from({ length: options.seeds }, (_, i) => seed + i),
    newDaySeconds: options.seconds ?? [Infinity],
    ...(options.lagMs === undefined ? {} : { lagMs: options.lagMs }),
    newDayPart: options.oldest === true ? 'oldest' : 'newest',
    host: createCalibrationHost(options.threads),
    onProgress: (line) => process.stderr.write(`fitting ${line}\n`),
  });
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine, options, rows })}\n`);
    return;
  }
  const lines = [
    `R2 of the direction to the target, ${recording.name}, no labels of the new day. ${machineLine(machine)}`,
    'x / y before the instability, with it, and with it after alignment; the share of the mean loss that came back',
    '',
    ...tableLines([HEAD, ...rows.map(cells)]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const HEAD = 'decoder|seed|new day s|before|unstable|stabilised|recovered|left out|took ms'.split('|');

function cells(row: StabilizationRow): string[] {
  const r2 = (values: readonly number[]): string => values.map((value) => value.toFixed(3)).join(' / ');
  return [
    row.decoder,
    String(row.seed),
    row.newDayS.toFixed(0),
    r2(row.r2Before),
    r2(row.r2Unstable),
    r2(row.r2Stabilized),
    `${(100 * row.recoveredShare).toFixed(1)} %`,
    String(row.dropped.length),
    (1000 * row.stabilizeS).toFixed(0),
  ];
}
