/** `betz bench drift`: whether the label-free drift index tells what a decoder has lost, and what adaptation brings back. */
import { Command } from 'commander';
import { benchDrift, DRIFT_KINDS } from '../bench/drift.ts';
import type { DriftBench, DriftKind, DriftRow, DriftScores } from '../bench/drift.ts';
import { driftRecordingData, hasInstability } from '../bench/drift-recording-data.ts';
import { driftOfRecording } from '../bench/drift-recording.ts';
import type { RecordingDrift } from '../bench/drift-recording.ts';
import { DRIFT_CHANNELS_MIN } from '../calibration/drift/model-drift.ts';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { openRecording } from '../recording/open-recording.ts';
import { openRecordedInstability } from '../recording/recorded-instability.ts';
import { tableLines } from './bench-text.ts';
import {
  LAG_HELP,
  listParser,
  namesParser,
  parseChannelCount,
  parseCount,
  parseDay,
  parseFraction,
  parseHiddenCount,
  parseMilliseconds,
  parsePositiveInteger,
  parseSeconds,
  parseSeed,
} from './option-parsers.ts';

interface DriftOptions {
  seeds: number[];
  days: number[];
  kinds: string[];
  channels: number;
  seconds: number;
  testSeconds: number;
  hidden: number;
  sameDay: number;
  threads?: number;
  recording?: string;
  target?: string;
  lagMs?: number;
  referenceShare: number;
  blockSeconds: number;
  json?: true;
}

const ADAPTED = 'wiener|wienerNormalised|gru|gruNormalised|gruModulated|gruHebbian|gruBoth'.split(
  '|',
) as (keyof DriftScores)[];

export function benchDriftCommand(): Command {
  return new Command('drift')
    .description(
      'The label-free drift index beside the true R2 of decoders of day 0, and R2 with adaptation without labels.',
    )
    .option('--seeds <list>', 'of the simulated array', listParser(parseSeed), [11, 12, 13])
    .option('--days <list>', 'days of drift', listParser(parseDay), [0, 1, 2, 4, 8, 12, 16])
    .option(
      '--kinds <list>',
      `kinds of drift: ${DRIFT_KINDS.join(', ')}`,
      namesParser(DRIFT_KINDS, 'kind of drift'),
      [...DRIFT_KINDS],
    )
    .option('--channels <count>', 'of the simulated array', parseChannelCount, 96)
    .option('--seconds <s>', 'of calibration on day 0', parseSeconds, 300)
    .option('--test-seconds <s>', 'of every day; R2 is taken on the last two thirds', parseSeconds, 180)
    .option('--hidden <count>', 'hidden units of the GRU', parseHiddenCount, 64)
    .option('--same-day <count>', 'more stretches of day 0, to count false alarms on', parseCount, 5)
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--recording <file>', 'a real recording instead: index and R2 block by block in time')
    .option('--target <name>', 'behaviour that the ridge decoder of the recording is fitted to')
    .option('--lag-ms <ms>', `recording: ${LAG_HELP} (default: 0)`, parseMilliseconds)
    .option('--reference-share <share>', 'first part of the recording, the reference', parseFraction, 0.25)
    .option('--block-seconds <s>', 'length of a block of the recording', parseSeconds, 60)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz bench drift --seeds 11 --kinds all,rotation --days 0,4,12' +
        '\n  $ betz bench drift --recording 20160325.mat --target targetDirection --reference-share 17.4%',
    )
    .action(runDrift);
}

async function runDrift(options: DriftOptions): Promise<void> {
  const machine = describeMachine();
  if (options.recording !== undefined) {
    const result = openDrift(options.recording, options);
    print(options, { machine, options, result }, [
      machineLine(machine),
      ...watchedLines(result),
      ...recordingLines(result),
    ]);
    return;
  }
  const result = await benchDrift(
    {
      seeds: options.seeds,
      days: options.days,
      drifts: DRIFT_KINDS.filter((kind) => options.kinds.includes(kind)),
      channelCount: options.channels,
      calibrationS: options.seconds,
      testS: options.testSeconds,
      hiddenCount: options.hidden,
      sameDayCount: options.sameDay,
      onProgress: (line) => process.stderr.write(`${line}\n`),
    },
    createCalibrationHost(options.threads),
  );
  print(options, { machine, options, ...result }, [
    machineLine(machine),
    ...watchedLines(result),
    ...simulatorLines(options, result),
  ]);
}

function watchedLines({ isWatched }: { isWatched: boolean }): string[] {
  if (isWatched) return [];
  return [
    `fewer than ${DRIFT_CHANNELS_MIN} channels vary: no session would watch by such a reference, and none of its advice would be given`,
  ];
}

function print(options: DriftOptions, report: object, lines: readonly string[]): void {
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${lines.join('\n')}\n`);
}

function openDrift(path: string, options: DriftOptions): RecordingDrift {
  const recording = openRecording(path);
  const instability = hasInstability(recording) ? openRecordedInstability(path) : undefined;
  const { binned, isScored } = driftRecordingData(recording, options.target, instability);
  const { referenceShare, blockSeconds, lagMs = 0 } = options;
  return driftOfRecording(binned, { referenceShare, blockS: blockSeconds, isScored, lagMs });
}

function recordingLines(result: RecordingDrift): string[] {
  return [
    `${result.recording}: reference from its first ${result.referenceS.toFixed(0)} s, ridge decoder of ${result.targetName} fitted there;`,
    `threshold ${result.threshold.toFixed(2)}; index and R2 over blocks: Spearman ${result.spearman.toFixed(2)}, Pearson ${result.pearson.toFixed(2)}`,
    '',
    ...tableLines([
      ['from s', 'to s', 'index', 'advice', 'lost', 'R2', 'R2 normalised'],
      ...result.blocks.map(({ startS, endS, index, isAdvised, reason, lostCount, r2, r2Normalised }) => [
        startS.toFixed(0),
        endS.toFixed(0),
        index.toFixed(2),
        isAdvised ? (reason ?? 'yes') : '-',
        String(lostCount),
        r2.toFixed(3),
        r2Normalised.toFixed(3),
      ]),
    ]),
  ];
}

function simulatorLines(
  options: DriftOptions,
  { rows, correlations, sameDay, reasons }: DriftBench,
): string[] {
  return [
    `simulated array, ${options.channels} channels, ${options.seconds} s of calibration on day 0, ${options.testSeconds} s of each day;`,
    'kinds of drift alone are twice as strong as within all; means over seeds, with the lowest and highest index',
    '',
    ...tableLines([
      ['drift', 'day', 'index', 'range', 'advised', ...ADAPTED],
      ...options.kinds.flatMap((kind) => options.days.map((day) => cells(rows, kind as DriftKind, day))),
    ]),
    '',
    'index with R2, over days and kinds of drift:',
    ...tableLines([
      ['seed', 'wiener Spearman', 'Pearson', 'gru Spearman', 'Pearson'],
      ...correlations.map(({ seed, wiener, gru }) => [
        String(seed),
        ...[wiener.spearman, wiener.pearson, gru.spearman, gru.pearson].map((value) => value.toFixed(2)),
      ]),
    ]),
    '',
    sameDay.stretchCount === 0
      ? 'same day: no more stretches asked for'
      : `same day: ${sameDay.alarmCount} false alarms in ${sameDay.stretchCount} stretches, index ${sameDay.indexMin.toFixed(2)} to ${sameDay.indexMax.toFixed(2)}`,
    ...reasons.map(
      ({ drift, rowCount, advisedCount, fittingCount }) =>
        `${drift}: advised on ${advisedCount} of ${rowCount} days, the reason fits in ${fittingCount}`,
    ),
  ];
}

function cells(rows: readonly DriftRow[], drift: DriftKind, day: number): string[] {
  const own = rows.filter((row) => row.drift === drift && row.day === day);
  const mean = (value: (row: DriftRow) => number): number =>
    own.reduce((sum, row) => sum + value(row), 0) / own.length;
  const index = own.map((row) => row.index);
  return [
    drift,
    String(day),
    mean((row) => row.index).toFixed(2),
    `${Math.min(...index).toFixed(2)}-${Math.max(...index).toFixed(2)}`,
    `${own.filter(({ isAdvised }) => isAdvised).length}/${own.length}`,
    ...ADAPTED.map((name) => mean(({ r2 }) => r2[name]).toFixed(3)),
  ];
}
