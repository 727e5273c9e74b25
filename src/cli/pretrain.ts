/** `betz pretrain`: one core for several sessions, to calibrate new sessions from. */
import { createHash } from 'node:crypto';
import { Command } from 'commander';
import { describeDrift } from '../calibration/drift/model-drift.ts';
import { pretrain } from '../calibration/session/pretrain.ts';
import type { Pretraining, PretrainOptions } from '../calibration/session/pretrain.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { canonicalJson } from '../decoders/architecture-hash.ts';
import { decoderKinds, findDecoderKind } from '../decoders/registry.ts';
import { createCalibrationHost } from '../host/calibration-host.ts';
import { CheckpointStore } from '../host/checkpoint-store.ts';
import { assertModelPathWritable, writeModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { driftReferenceLines } from './drift-text.ts';
import { usageError } from './failure.ts';
import { interruptedError, listenForInterrupt } from './interrupt.ts';
import { lagText } from './metrics-text.ts';
import { lagOf, openBinnedRecording } from './open-data.ts';
import {
  LAG_HELP,
  parseBinMs,
  parseChannelCount,
  parseMilliseconds,
  parsePositiveInteger,
  parseSeconds,
  parseSeed,
  parseSetting,
} from './option-parsers.ts';
import { startProgress } from './progress.ts';
import { refuseLatents } from './refuse-oversize.ts';
import { keptLines, REPLACE_HELP, refuseReplacing } from './refuse-replacing.ts';
import type { OutputFiles } from './refuse-replacing.ts';
import { parseDays, simulateDay } from './simulated-days.ts';

interface PretrainCommandOptions {
  recording?: string[];
  source?: string;
  days?: number[];
  seconds?: number;
  channels?: number;
  decoder: string;
  out: string;
  replace?: true;
  target?: string;
  binMs?: number;
  lagMs?: number;
  latents?: number;
  set?: Record<string, unknown>;
  steps?: number;
  seed: number;
  threads?: number;
  resume?: true;
  json?: true;
}

const DEFAULT_DAYS = '0-7';
const DEFAULT_SECONDS = 240;

export function pretrainCommand(): Command {
  const kinds = decoderKinds.filter(({ ends }) => ends !== undefined).map(({ name }) => name);
  return new Command('pretrain')
    .description('Train one core on several sessions, each behind a read-in of its own channels.')
    .option('--recording <file...>', 'recordings of the sessions, oldest first (MATLAB v5)')
    .option('--source <kind>', "'simulated': days of the simulated array instead of recordings")
    .option(
      '--days <list>',
      `simulated: which days, for example 0-7 or 1,3,5 (default: ${DEFAULT_DAYS})`,
      parseDays,
    )
    .option('--seconds <seconds>', `simulated: length of each (default: ${DEFAULT_SECONDS})`, parseSeconds)
    .option('--channels <count>', 'simulated: electrodes (default: 96)', parseChannelCount)
    .option('--decoder <kind>', kinds.join(', '), 'gru')
    .requiredOption('--out <file>', 'model file to write')
    .option('--replace', REPLACE_HELP)
    .option('--target <name>', 'behaviour to predict (default: the first velocity)')
    .option('--bin-ms <ms>', "bin width (default: the recordings' own, or 20)", parseBinMs)
    .option('--lag-ms <ms>', `${LAG_HELP} (default: 0)`, parseMilliseconds)
    .option('--latents <count>', 'inputs of the core (default: 48, or fewer channels)', parsePositiveInteger)
    .option(
      '--set <name=value>',
      'a setting of the decoder, as docs/decoders.md lists them; may be repeated',
      parseSetting,
    )
    .option('--steps <count>', 'training steps in all (default: by the amount of data)', parsePositiveInteger)
    .option('--seed <number>', 'of initial weights, batches and the simulation', parseSeed, 1)
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--resume', 'go on from the checkpoint that an interrupted run left beside --out')
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      `
Examples:
  $ betz pretrain --recording monday.mat tuesday.mat wednesday.mat --out core.safetensors
  $ betz pretrain --source simulated --days 0-7 --seconds 120 --out core.safetensors
A checkpoint is written every 20 s to OUT.checkpoint, and on Ctrl-C; --resume goes on from it. docs/calibration.md`,
    )
    .action(runPretrain);
}

async function runPretrain(options: PretrainCommandOptions): Promise<void> {
  findDecoderKind(options.decoder);
  const recordings = openSessions(options);
  refuseLatents(options.latents, Math.max(...recordings.map(({ channels }) => channels.length)));
  const { out } = options;
  for (const path of options.recording ?? [])
    refuseReplacing(path, out, 'the model would replace a recording');
  assertModelPathWritable(out, options.replace);
  const settings: PretrainOptions = {
    kind: options.decoder,
    config: options.set ?? {},
    training: { seed: options.seed, ...(options.steps === undefined ? {} : { stepCount: options.steps }) },
    ...(options.latents === undefined ? {} : { latentCount: options.latents }),
  };
  const host = createCalibrationHost(options.threads);
  const checkpoints = new CheckpointStore(
    `${out}.checkpoint`,
    fingerprint(settings, recordings, options.threads),
  );
  refuseForgotten(checkpoints, options);
  const resume = options.resume === true ? checkpoints.read() : undefined;
  const interrupt = listenForInterrupt('stopping; a checkpoint is kept');
  const progress = startProgress(`pretraining ${options.decoder} on ${recordings.length} sessions`);
  const stopProgress = (): void => {
    progress.stop();
  };
  interrupt.signal.addEventListener('abort', stopProgress);
  try {
    const result = await pretrain(
      recordings,
      {
        ...settings,
        ...(resume === undefined ? {} : { resume }),
        onProgress: ({ step, stepCount, loss, validationR2 }) => {
          const checked = Number.isNaN(validationR2) ? '' : `  held-out R2 ${validationR2.toFixed(3)}`;
          progress.update(step / stepCount, `loss ${loss.toFixed(3)}${checked}`);
        },
        onStep: (take) => {
          checkpoints.onStep(take);
        },
      },
      {
        ...host,
        yieldToHost: async () => {
          await host.yieldToHost();
          if (!interrupt.signal.aborted) return;
          if (checkpoints.write())
            throw interruptedError(`Go on with --resume; the checkpoint is ${checkpoints.path}.`);
          throw interruptedError();
        },
      },
    );
    progress.stop();
    const files = { out, previous: writeModelFile(out, result.model, `betz ${version}`).previous };
    checkpoints.remove();
    process.stdout.write(
      options.json ? `${JSON.stringify(report(result, files))}\n` : reportText(result, files),
    );
  } finally {
    interrupt.signal.removeEventListener('abort', stopProgress);
    progress.stop();
    interrupt.dispose();
  }
}

function openSessions(options: PretrainCommandOptions): BinnedRecording[] {
  const { recording = [], source, days, seconds, channels } = options;
  if (source === 'simulated') {
    if (recording.length > 0)
      throw usageError(
        '--recording and --source simulated exclude each other',
        recording[0],
        'Leave one out.',
      );
    if (options.target !== undefined)
      throw usageError(
        '--target is for --recording',
        options.target,
        'Leave it out: the array has one behaviour.',
      );
    return (days ?? parseDays(DEFAULT_DAYS)).map((day) =>
      simulateDay(day, seconds ?? DEFAULT_SECONDS, options),
    );
  }
  if (source !== undefined)
    throw usageError(
      `'${source}' is no source to pretrain on`,
      source,
      'Give --recording, or --source simulated.',
    );
  for (const [name, value] of Object.entries({ days, seconds, channels })) {
    if (value !== undefined) throw usageError(`--${name} is for --source simulated`, value, 'Leave it out.');
  }
  if (recording.length === 0)
    throw usageError(
      'no sessions were given',
      undefined,
      'Give --recording FILE FILE ..., or --source simulated.',
    );
  return recording.map((path) => openBinnedRecording(path, options));
}

/** An interrupted run is not started anew by mistake. */
function refuseForgotten(checkpoints: CheckpointStore, { resume }: PretrainCommandOptions): void {
  if (resume === true || !checkpoints.exists()) return;
  throw usageError(
    'an interrupted pretraining left a checkpoint there',
    checkpoints.path,
    'Give --resume to go on from it, or delete the file to start anew.',
  );
}

/** Of all that decides what a training computes; the thread count decides the order of sums. */
function fingerprint(settings: PretrainOptions, recordings: readonly BinnedRecording[], threads = 0): string {
  const hash = createHash('sha256').update(canonicalJson({ settings, threads, version }));
  for (const { name, binMs, lagMs = 0, channels, features, target, segments } of recordings) {
    hash
      .update(canonicalJson({ name, binMs, lagMs, channels, segments }))
      .update(features)
      .update(target.values);
  }
  return hash.digest('hex');
}

function report(
  { model, options: training, heldOutR2, trainSeconds, trained }: Pretraining,
  { out, previous }: OutputFiles,
): object {
  return {
    decoder: model.kind,
    latents: model.readIn?.weight.shape[0] ?? null,
    steps: training.stepCount,
    lagMs: lagOf(model),
    bestStep: trained.bestStep,
    trainSeconds,
    heldOutR2,
    drift: describeDrift(model),
    out,
    previous: previous ?? null,
  };
}

function reportText(
  { model, options: training, heldOutR2, trainSeconds }: Pretraining,
  { out, previous }: OutputFiles,
): string {
  const mean = heldOutR2.reduce((sum, { r2Mean }) => sum + r2Mean, 0) / heldOutR2.length;
  const width = Math.max(...heldOutR2.map(({ recording }) => recording.length));
  return [
    `${model.kind} pretrained on ${heldOutR2.length} sessions in ${trainSeconds.toFixed(1)} s (${training.stepCount} steps)`,
    `R2 of ${model.output.name}${lagText(lagOf(model))} on the last 15 % of each, which choices were made by:`,
    ...heldOutR2.map(({ recording, r2Mean }) => `  ${recording.padEnd(width)}  ${r2Mean.toFixed(3)}`),
    `  ${'mean'.padEnd(width)}  ${mean.toFixed(3)}`,
    ...driftReferenceLines(model),
    `model written to ${out}`,
    ...keptLines(previous),
    '',
  ].join('\n');
}
