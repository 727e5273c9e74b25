/** `betz bench closed-loop`: a simulated user in the loop, from the first second of collection to a plateau. */
import { Command, Option } from 'commander';
import { benchClosedLoop, summarise } from '../bench/closed-loop.ts';
import type { ClosedLoopRow, ClosedLoopSummary, Spread } from '../bench/closed-loop.ts';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { SESSION_METHODS } from '../calibration/session/session-methods.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import { parseConfig } from '../decoders/parse-config.ts';
import { decoderKinds, findDecoderKind } from '../decoders/registry.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { taskNames } from '../task/target-sequence.ts';
import type { TaskName } from '../task/target-sequence.ts';
import { tableLines } from './bench-text.ts';
import { usageError } from './failure.ts';
import {
  atMost,
  parseChannelCount,
  parseCount,
  parseDay,
  parsePositiveInteger,
  parseSeconds,
  parseSeed,
  parseSeedCount,
  parseSetting,
} from './option-parsers.ts';

interface ClosedLoopCliOptions {
  task: TaskName;
  decoder: string;
  set?: Record<string, unknown>;
  seeds: number;
  seed: number;
  channels: number;
  day: number;
  pretrained?: SessionMethod;
  minutes: number;
  collect: number;
  visualDelayMs: number;
  fitSeconds?: number;
  threads?: number;
  json?: true;
}

/** Session time of the refits with intention estimation. */
const REFITS_AT_S = [60, 120];

const parseMinutes = atMost(parsePositiveInteger, 240, 'minutes are longer than a session can be');
const parseVisualDelay = atMost(parseCount, 500, 'ms are later than any screen');

export function benchClosedLoopCommand(): Command {
  return new Command('closed-loop')
    .description('A simulated user controls a cursor: seconds to the first target, success, bit rate.')
    .addOption(new Option('--task <name>', 'what to do').choices(taskNames).default('centre-out'))
    .option('--decoder <kind>', decoderKinds.map(({ name }) => name).join(', '), parseKind, 'kalman')
    .option('--set <name=value>', 'a setting of the decoder; may be repeated', parseSetting)
    .option('--seeds <count>', 'sessions: --seed and those after it', parseSeedCount, 5)
    .option('--seed <number>', 'of array, user and targets', parseSeed, 1)
    .option('--channels <count>', 'of the simulated array', parseChannelCount, 96)
    .option('--day <number>', 'of its drift; from 1 on a decoder of day 0 takes part too', parseDay, 0)
    .addOption(
      new Option(
        '--pretrained <method>',
        'a decoder trained on up to four days before --day takes part too, calibrated so',
      ).choices(SESSION_METHODS),
    )
    .option('--minutes <count>', 'length of a session, 4 to 240', parseMinutes, 5)
    .option('--collect <seconds>', 'of data before the first fit', parseSeconds, 20)
    .option('--visual-delay-ms <ms>', 'until the user sees the cursor, up to 500', parseVisualDelay, 200)
    .option('--fit-seconds <seconds>', 'session time of a fit (default: what it took)', parseSeconds)
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz bench closed-loop' +
        '\n  $ betz bench closed-loop --task random-target --decoder wiener --channels 24 --seeds 3' +
        '\n  $ betz bench closed-loop --decoder gru --day 8 --pretrained readout --seeds 3' +
        '\n\ndocs/closed-loop.md says what the user is like and how to read the table.',
    )
    .action(runClosedLoop);
}

function parseKind(text: string): string {
  return findDecoderKind(text).name;
}

async function runClosedLoop(options: ClosedLoopCliOptions): Promise<void> {
  const { task, decoder, set, seeds, seed, channels, day, minutes, collect, visualDelayMs } = options;
  const sessionS = minutes * 60;
  if (minutes < 4 || collect > sessionS / 2) {
    throw usageError(
      'the session is too short to judge a plateau after three minutes',
      `--minutes ${minutes} --collect ${collect}`,
      'Give at least 4 minutes, of which at most half are collection.',
    );
  }
  const { pretrained } = options;
  if (pretrained !== undefined && (day === 0 || findDecoderKind(decoder).training !== 'gradient')) {
    throw usageError(
      'there is nothing to train before this day, or this decoder is not trained',
      `--pretrained ${pretrained} --day ${day} --decoder ${decoder}`,
      'Give a day from 1 on and a decoder that is trained by gradient, for example --day 8 --decoder gru.',
    );
  }
  parseConfig(findDecoderKind(decoder), set ?? {}); // before the minutes of collection
  const machine = describeMachine();
  const rows = await benchClosedLoop(
    {
      task,
      decoder,
      ...(set === undefined ? {} : { decoderConfig: set }),
      seeds: Array.from({ length: seeds }, (_, i) => seed + i),
      ...(pretrained === undefined ? {} : { pretrained }),
      channelCount: channels,
      day,
      sessionS,
      collectS: collect,
      refitsAtS: REFITS_AT_S,
      user: { visualDelayMs },
      ...(options.fitSeconds === undefined ? {} : { fitS: options.fitSeconds }),
      onProgress: (line) => process.stderr.write(`session: ${line}\n`),
    },
    createCalibrationHost(options.threads),
  );
  const summary = summarise(rows);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine, options, rows, summary })}\n`);
    return;
  }
  const fits =
    options.fitSeconds === undefined ? 'as long as they took' : `${options.fitSeconds} s each, as given`;
  const lines = [
    `Closed loop, ${task}, ${channels} channels, day ${day}: simulated user, ${minutes} min sessions. ${machineLine(machine)}`,
    `Collection ${collect} s; ReFIT at ${REFITS_AT_S.join(' and ')} s; fits take session time: ${fits}.`,
    'first: end of the first trial won, some help / no help; plateau: 19 of 20 won without help; from first target on',
    'seconds count from the start of collection; success, time to target, path, bits: trials from 3 min on',
    '',
    ...tableLines([ROW_HEAD, ...rows.map(cells)]),
    '',
    `median (min to max) of ${seeds} seeds`,
    ...tableLines([SUMMARY_HEAD, ...summary.map(summaryCells)]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const ROW_HEAD =
  'cursor moved by|seed|control s|first s|plateau s|success by minute %|success %|time s|path|bit/s|achieved|fits s'.split(
    '|',
  );

function cells(row: ClosedLoopRow): string[] {
  const { late } = row;
  return [
    row.contestant,
    String(row.seed),
    number(row.controlS, 1),
    `${number(row.firstAcquiredS, 1)} / ${number(row.firstUnaidedS, 1)}`,
    number(row.plateauS, 0),
    row.successByMinute.map((share) => number(share * 100, 0)).join(' '),
    number(late.successRate * 100, 1),
    number(late.timeToTargetS, 2),
    number(late.pathEfficiency, 2),
    number(late.throughputBitPerS, 2),
    number(late.achievedBitPerS, 2),
    row.fits.map(({ tookS }) => number(tookS, 1)).join(' ') || '-',
  ];
}

const SUMMARY_HEAD = 'cursor moved by|first s, no help|plateau s|success %|time s|path|bit/s|achieved'.split(
  '|',
);

function summaryCells(summary: ClosedLoopSummary): string[] {
  return [
    summary.contestant,
    spread(summary.firstUnaidedS, 1),
    spread(summary.plateauS, 0),
    spread(summary.lateSuccess, 1, 100),
    spread(summary.timeToTargetS, 2),
    spread(summary.pathEfficiency, 2),
    spread(summary.throughputBitPerS, 2),
    spread(summary.achievedBitPerS, 2),
  ];
}

function spread({ median, min, max }: Spread, digits: number, factor = 1): string {
  const [middle, least, most] = [median, min, max].map((value) => number(value * factor, digits));
  return `${middle} (${least} to ${most})`;
}

/** '-' for what never happened. */
function number(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '-';
}
