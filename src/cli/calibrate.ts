/** `betz calibrate`: makes a model from a recording. */
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { assertModelPathWritable, writeModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import type { SeededCalibration } from '../calibration/calibrate-seeds.ts';
import { SESSION_METHODS } from '../calibration/session/session-methods.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { DecoderKind } from '../decoders/decoder.ts';
import { decoderKinds, findDecoderKind } from '../decoders/registry.ts';
import { calibrateWithProgress } from './calibration-run.ts';
import { parseMethod, runSessionCalibration } from './calibrate-session.ts';
import type { SessionCommandOptions } from './calibrate-session.ts';
import { describeDrift } from '../calibration/drift/model-drift.ts';
import { DefaultFolder } from './default-folder.ts';
import { driftReferenceLines } from './drift-text.ts';
import { usageError } from './failure.ts';
import { freePath } from './free-path.ts';
import { listenForInterrupt } from './interrupt.ts';
import { lagText, namedR2, r2Text } from './metrics-text.ts';
import { openBinnedRecording } from './open-data.ts';
import {
  LAG_HELP,
  parseBinMs,
  parseChannelCount,
  parseDay,
  parseMilliseconds,
  parsePositiveInteger,
  parseReportPath,
  parseSeconds,
  parseSeed,
  parseSeedCount,
  parseSetting,
} from './option-parsers.ts';
import { refuseLatents } from './refuse-oversize.ts';
import { keptLines, REPLACE_HELP, refuseReplacing } from './refuse-replacing.ts';
import type { OutputFiles } from './refuse-replacing.ts';

interface CalibrateOptions {
  recording: string;
  decoder?: string;
  out?: string;
  replace?: true;
  target?: string;
  binMs?: number;
  lagMs?: number;
  set?: Record<string, unknown>;
  steps?: number;
  latents?: number;
  seed: number;
  seeds?: number;
  threads?: number;
  json?: true;
}

export function calibrateCommand(): Command {
  return new Command('calibrate')
    .description(
      'Train a decoder on the first 80 % of a recording, and report its R2 on the last 20 %; or, with --model, bring a model to a new session.',
    )
    .option('--recording <file>', 'recording to learn from (MATLAB v5)')
    .option('--decoder <kind>', `${decoderKinds.map(({ name }) => name).join(', ')} (default: gru)`)
    .option('--model <file>', 'a model to begin from: `betz pretrain`, or an earlier session')
    .option('--method <name>', `with --model: ${SESSION_METHODS.join(', ')} (default: auto)`, parseMethod)
    .option(
      '--seconds <seconds>',
      'with --model: how much of the data to calibrate on (default: all of a recording; 60 simulated)',
      parseSeconds,
    )
    .option(
      '--source <kind>',
      "with --model: 'simulated', a day of the simulated array instead of a recording",
    )
    .option('--day <number>', 'simulated: which day (default: 0)', parseDay)
    .option('--channels <count>', 'simulated: electrodes (default: 96)', parseChannelCount)
    .option(
      '--report <file>',
      'with --model: a page about the calibration, .html, and the same as .json beside it',
      parseReportPath,
    )
    .option('--rank <count>', 'with --method lora: rank of the changes (default: 4)', parsePositiveInteger)
    .option('--out <file>', 'model file to write (default: models/<recording>-<decoder>.safetensors)')
    .option('--replace', REPLACE_HELP)
    .option('--target <name>', 'behaviour to predict (default: the first velocity)')
    .option('--bin-ms <ms>', "bin width (default: the recording's own)", parseBinMs)
    .option('--lag-ms <ms>', `${LAG_HELP} (default: 0)`, parseMilliseconds)
    .option(
      '--set <name=value>',
      'a setting of the decoder, as docs/decoders.md lists them; may be repeated',
      parseSetting,
    )
    .option(
      '--steps <count>',
      'training steps in all, for decoders trained by gradient (default: by the amount of data)',
      parsePositiveInteger,
    )
    .option(
      '--latents <count>',
      'decode this many latents of the channels, so that the model can be stabilised another day (10 is usual)',
      parsePositiveInteger,
    )
    .option('--seed <number>', 'of initial weights, batches and dropout', parseSeed, 1)
    .option(
      '--seeds <count>',
      'train from this many seeds, --seed and those after it; write the best on held-out data, report the spread',
      parseSeedCount,
    )
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz calibrate --recording data.mat --decoder gru --out model.safetensors' +
        '\n  $ betz calibrate --recording data.mat --decoder gru --set hiddenCount=256 --seeds 5' +
        '\n  $ betz calibrate --model core.safetensors --recording today.mat --seconds 60 --out today.safetensors' +
        '\n  $ betz calibrate --model core.safetensors --source simulated --day 8 --out day8.safetensors',
    )
    .action(runCalibrate);
}

async function runCalibrate(options: CalibrateOptions | SessionCommandOptions): Promise<void> {
  if (isForSession(options)) await runSessionCalibration(options);
  else await runNewCalibration(options);
}

/** Options of one way to calibrate mean nothing to the other: say so instead of ignoring them. */
function isForSession(options: CalibrateOptions | SessionCommandOptions): options is SessionCommandOptions {
  const foreign =
    'model' in options
      ? ['decoder', 'set', 'seeds', 'binMs', 'lagMs', 'latents']
      : ['method', 'seconds', 'source', 'day', 'channels', 'rank', 'report'];
  const given = Object.entries(options).find(([name]) => foreign.includes(name));
  const flag = given?.[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (given !== undefined) {
    throw 'model' in options
      ? usageError(
          `--${flag} means nothing beside --model`,
          given[1],
          'Leave it out: the model says what it is.',
        )
      : usageError(`--${flag} needs --model`, given[1], 'Give --model FILE to begin from, or leave it out.');
  }
  return 'model' in options;
}

async function runNewCalibration(options: CalibrateOptions): Promise<void> {
  const { decoder = 'gru', recording: path, seed } = options;
  if ((path as string | undefined) === undefined)
    throw usageError(
      "required option '--recording <file>' not specified",
      undefined,
      'Give a recording to learn from.',
    );
  refuseForeignOptions(options, findDecoderKind(decoder));
  const recording = openBinnedRecording(path, options);
  refuseLatents(options.latents, recording.channels.length);
  const folder = options.out === undefined ? new DefaultFolder('models') : undefined;
  const name = `${basename(path).replace(/\.[^.]+$/, '')}-${decoder}`;
  const out = options.out ?? freePath((suffix) => join('models', `${name}${suffix}.safetensors`));
  const interrupt = listenForInterrupt('stopping; no model will be written');
  try {
    refuseReplacing(path, out, 'the model would replace the recording');
    assertModelPathWritable(out, options.replace);
    const result = await calibrateWithProgress(
      recording,
      {
        kind: decoder,
        config: options.set ?? {},
        training: options.steps === undefined ? {} : { stepCount: options.steps },
        ...(options.latents === undefined ? {} : { latentCount: options.latents }),
      },
      Array.from({ length: options.seeds ?? 1 }, (_, i) => seed + i),
      interrupt.signal,
      options.threads,
    );
    const { previous } = writeModelFile(out, result.chosen.calibration.model, `betz ${version}`);
    const files = { out, previous };
    if (options.json) process.stdout.write(`${JSON.stringify(report(decoder, recording, result, files))}\n`);
    else process.stdout.write(`${reportLines(decoder, recording, result, files).join('\n')}\n`);
  } finally {
    interrupt.dispose();
    folder?.removeIfUnused();
  }
}

/** The chosen model; with several seeds also each of them, and their spread. */
function report(
  decoder: string,
  { target, lagMs = 0 }: BinnedRecording,
  result: SeededCalibration,
  { out, previous }: OutputFiles,
): object {
  const { model, parameterCount, trainSeconds, stepCount, test, baseline } = result.chosen.calibration;
  const { labels } = target;
  return {
    decoder,
    parameters: parameterCount,
    trainSeconds,
    steps: stepCount,
    lagMs,
    r2: namedR2(labels, test),
    baselineR2: namedR2(labels, baseline),
    drift: describeDrift(model),
    out,
    previous: previous ?? null,
    ...(result.runs.length === 1
      ? {}
      : {
          chosenSeed: result.chosen.seed,
          seeds: result.runs.map(({ seed, calibration }) => ({
            seed,
            r2: namedR2(labels, calibration.test),
            validationR2: calibration.validationR2,
            trainSeconds: calibration.trainSeconds,
          })),
          spread: result.testR2,
        }),
  };
}

function reportLines(
  decoder: string,
  { target, lagMs }: BinnedRecording,
  { runs, chosen, testR2 }: SeededCalibration,
  { out, previous }: OutputFiles,
): string[] {
  const { model, parameterCount, trainSeconds, stepCount, test, baseline } = chosen.calibration;
  const steps = stepCount > 0 ? ` (${stepCount} steps)` : '';
  const { mean, deviation, min, max } = testR2;
  return [
    `${decoder}: ${parameterCount} parameters, trained in ${trainSeconds.toFixed(1)} s${steps}`,
    `R2 of ${target.name}${lagText(lagMs)} on the last 20 %:  ${r2Text(target.labels, test)}`,
    `ridge baseline there:  ${r2Text(target.labels, baseline)}`,
    ...(runs.length === 1
      ? []
      : [
          `${runs.length} seeds: mean R2 ${mean.toFixed(3)}, standard deviation ${deviation.toFixed(3)}, ` +
            `${min.toFixed(3)} to ${max.toFixed(3)}; seed ${chosen.seed} was best on held-out data`,
        ]),
    ...driftReferenceLines(model),
    `model written to ${out}`,
    ...keptLines(previous),
  ];
}

/** Options of gradient training mean nothing to a fit in closed form: say so instead of ignoring them. */
function refuseForeignOptions(options: CalibrateOptions, kind: DecoderKind): void {
  if (kind.training === 'gradient') return;
  for (const name of ['steps', 'seeds', 'latents', 'set'] as const) {
    if (options[name] === undefined) continue;
    throw usageError(
      `--${name} means nothing to a ${kind.name} decoder`,
      options[name],
      'Leave it out, or choose a kind that is trained by gradient, for example --decoder gru.',
    );
  }
}
