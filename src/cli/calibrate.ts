/** `betz calibrate`: makes a model from a recording. */
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { assertModelPathWritable, writeModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import type { DecoderKind } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { calibrateWithProgress } from './calibration-run.ts';
import { DefaultFolder } from './default-folder.ts';
import { usageError } from './failure.ts';
import { listenForInterrupt } from './interrupt.ts';
import { namedR2, r2Text } from './metrics-text.ts';
import { openBinnedRecording } from './open-data.ts';
import { parseCount, parsePositive, parsePositiveInteger } from './option-parsers.ts';

interface CalibrateOptions {
  recording: string;
  decoder: string;
  out?: string;
  target?: string;
  binMs?: number;
  hidden?: number;
  steps?: number;
  seed: number;
  threads?: number;
  json?: true;
}

export function calibrateCommand(): Command {
  return new Command('calibrate')
    .description('Train a decoder on the first 80 % of a recording, and report its R2 on the last 20 %.')
    .requiredOption('--recording <file>', 'recording to learn from (MATLAB v5)')
    .option('--decoder <kind>', 'gru, wiener or kalman', 'gru')
    .option('--out <file>', 'model file to write (default: models/<recording>-<decoder>.safetensors)')
    .option('--target <name>', 'behaviour to predict (default: the first velocity)')
    .option('--bin-ms <ms>', "bin width (default: the recording's own)", parsePositive)
    .option(
      '--hidden <count>',
      'hidden units, for decoders that have them (default: 128)',
      parsePositiveInteger,
    )
    .option(
      '--steps <count>',
      'training steps, for decoders trained by gradient (default: by the amount of data)',
      parsePositiveInteger,
    )
    .option('--seed <number>', 'of initial weights, batches and dropout', parseCount, 1)
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExample:\n  $ betz calibrate --recording data.mat --decoder gru --out model.safetensors',
    )
    .action(runCalibrate);
}

async function runCalibrate(options: CalibrateOptions): Promise<void> {
  const { decoder, recording: path, seed } = options;
  refuseForeignOptions(options, findDecoderKind(decoder));
  const recording = openBinnedRecording(path, options);
  const folder = options.out === undefined ? new DefaultFolder('models') : undefined;
  const out =
    options.out ?? join('models', `${basename(path).replace(/\.[^.]+$/, '')}-${decoder}.safetensors`);
  const interrupt = listenForInterrupt('stopping; no model will be written');
  try {
    assertModelPathWritable(out);
    const { model, parameterCount, stepCount, trainSeconds, test, baseline } = await calibrateWithProgress(
      recording,
      {
        kind: decoder,
        ...(options.hidden === undefined ? {} : { config: { hiddenCount: options.hidden } }),
        training: { seed, ...(options.steps === undefined ? {} : { stepCount: options.steps }) },
      },
      interrupt.signal,
      options.threads,
    );
    writeModelFile(out, model, `betz ${version}`);
    const { labels } = recording.target;
    if (options.json) {
      const result = {
        decoder,
        parameters: parameterCount,
        trainSeconds,
        steps: stepCount,
        r2: namedR2(labels, test),
        baselineR2: namedR2(labels, baseline),
        out,
      };
      process.stdout.write(`${JSON.stringify(result)}\n`);
      return;
    }
    process.stdout.write(
      `${decoder}: ${parameterCount} parameters, trained in ${trainSeconds.toFixed(1)} s` +
        `${stepCount > 0 ? ` (${stepCount} steps)` : ''}\n` +
        `R2 of ${recording.target.name} on the last 20 %:  ${r2Text(labels, test)}\n` +
        `ridge baseline there:  ${r2Text(labels, baseline)}\n` +
        `model written to ${out}\n`,
    );
  } finally {
    interrupt.dispose();
    folder?.removeIfUnused();
  }
}

/** Options of gradient training mean nothing to a fit in closed form: say so instead of ignoring them. */
function refuseForeignOptions(options: CalibrateOptions, kind: DecoderKind): void {
  if (kind.training === 'gradient') return;
  for (const name of ['hidden', 'steps'] as const) {
    if (options[name] === undefined) continue;
    throw usageError(
      `--${name} means nothing to a ${kind.name} decoder`,
      options[name],
      'Leave it out, or choose --decoder gru.',
    );
  }
}
