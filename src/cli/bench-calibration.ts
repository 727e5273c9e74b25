/** `betz bench calibration`: methods of calibrating a session beside each other, by the seconds of data. */
import { Command } from 'commander';
import { benchCalibration } from '../bench/calibration.ts';
import type { CalibrationBenchRow } from '../bench/calibration.ts';
import { recordedBenchData, simulatedBenchData } from '../bench/calibration-data.ts';
import type { CalibrationBenchData } from '../bench/calibration-data.ts';
import { median } from '../bench/distribution.ts';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { SESSION_METHODS } from '../calibration/session/session-methods.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import { decoderKinds } from '../decoders/registry.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { tableLines } from './bench-text.ts';
import { openBinnedRecording } from './open-data.ts';
import {
  atMost,
  LAG_HELP,
  listParser,
  namesParser,
  parseChannelCount,
  parseMilliseconds,
  parsePositiveInteger,
  parseSeconds,
  parseSeed,
  parseSeedCount,
  parseSetting,
} from './option-parsers.ts';
import { parseDays } from './simulated-days.ts';

interface CalibrationBenchOptions {
  decoder: string[];
  set?: Record<string, unknown>;
  recording?: string;
  target?: string;
  lagMs?: number;
  channels: number;
  newDays: number[];
  trainingDays: number;
  trainingSeconds: number;
  sessionSeconds: number;
  methods: string[];
  seconds: number[];
  seed: number;
  seeds: number;
  threads?: number;
  json?: true;
}

const KINDS = decoderKinds.filter(({ ends }) => ends !== undefined).map(({ name }) => name);

const parseDayCount = atMost(parsePositiveInteger, 100, 'are too many days');

export function benchCalibrationCommand(): Command {
  return new Command('calibration')
    .description(
      'R2 and seconds of every way to calibrate a new session, by the seconds of data that it gets.',
    )
    .option('--decoder <list>', KINDS.join(', '), namesParser(KINDS, 'decoder that is trained by gradient'), [
      'gru',
      'mamba',
    ])
    .option('--set <name=value>', 'a setting of the decoder; may be repeated', parseSetting)
    .option(
      '--recording <file>',
      'a recording instead of the simulated array: 60 % before, 20 % session, 20 % test',
    )
    .option('--target <name>', 'recording: behaviour to predict (default: the first velocity)')
    .option('--lag-ms <ms>', `recording: ${LAG_HELP} (default: 0)`, parseMilliseconds)
    .option('--channels <count>', 'simulated: of the array', parseChannelCount, 96)
    .option('--new-days <list>', 'simulated: new days, after the training days', parseDays, [8, 30])
    .option('--training-days <count>', 'simulated: days to pretrain on', parseDayCount, 8)
    .option('--training-seconds <seconds>', 'simulated: of each', parseSeconds, 240)
    .option('--session-seconds <seconds>', 'simulated: of the whole new day', parseSeconds, 600)
    .option('--methods <list>', SESSION_METHODS.join(', '), namesParser(SESSION_METHODS, 'method'), [
      ...SESSION_METHODS,
    ])
    .option('--seconds <list>', 'seconds of data', listParser(parsePositiveInteger), [15, 30, 60, 120])
    .option('--seed <number>', 'of array and training', parseSeed, 1)
    .option('--seeds <count>', 'this many seeds, --seed and those after it', parseSeedCount, 3)
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples:
  $ betz bench calibration --decoder gru --seeds 1 --methods auto,read-in,scratch --seconds 30,60
  $ betz bench calibration --recording data.mat --decoder gru`,
    )
    .action(runBench);
}

async function runBench(options: CalibrationBenchOptions): Promise<void> {
  const machine = describeMachine();
  const host = createCalibrationHost(options.threads);
  const rows: CalibrationBenchRow[] = [];
  for (const decoder of options.decoder) {
    for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
      const settings = {
        decoder,
        config: options.set ?? {},
        seed,
        methods: options.methods as SessionMethod[],
        secondsList: options.seconds,
        onProgress: (line: string) => process.stderr.write(`${line}\n`),
      };
      rows.push(...(await benchCalibration(sessionsOf(options, seed), settings, host)));
    }
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine, options, rows })}\n`);
    return;
  }
  const lines = [
    options.seeds === 1
      ? 'R2 on a later part of the session, and the seconds of the fit: one seed.'
      : `R2 on a later part of the session: median over ${options.seeds} seeds (lowest to highest), and the median seconds of the fit.`,
    'After the verdict: median R2 of what is in service when its advice is followed, the new decoder or the one there was.',
    machineLine(machine),
    '',
    ...tableLines([HEAD, ...summarise(rows)]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function sessionsOf(options: CalibrationBenchOptions, seed: number): CalibrationBenchData[] {
  const { recording, newDays, channels } = options;
  if (recording !== undefined) return [recordedBenchData(openBinnedRecording(recording, options))];
  return newDays.map((newDay) => simulatedBenchData(seed, { ...options, channelCount: channels, newDay }));
}

const HEAD = [
  'decoder',
  'session',
  'method',
  'data, s',
  'R2',
  'lowest',
  'highest',
  'after the verdict',
  'fit, s',
];

/** One line for each decoder, session, method and amount of data. */
function summarise(rows: readonly CalibrationBenchRow[]): string[][] {
  const groups = new Map<string, CalibrationBenchRow[]>();
  for (const row of rows) {
    const key = [row.decoder, row.data, row.seconds, row.method].join('\n');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => {
    const [{ decoder, data, method, seconds }] = group;
    const r2 = group.map((row) => row.r2);
    const decidedR2 = median(group.map((row) => row.decidedR2));
    const fitSeconds = median(group.map((row) => row.fitSeconds));
    return [
      decoder,
      data,
      method,
      seconds.toFixed(0),
      median(r2).toFixed(3),
      Math.min(...r2).toFixed(3),
      Math.max(...r2).toFixed(3),
      method === 'ridge' ? '-' : decidedR2.toFixed(3),
      method === 'ridge' ? '-' : fitSeconds.toFixed(2),
    ];
  });
}
