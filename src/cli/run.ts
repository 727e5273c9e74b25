/** `betz run`: decodes a source live, calibrating first when no model is given. */
import { Command } from 'commander';
import { ADAPTATIONS } from '../calibration/adaptive/adaptations.ts';
import { SESSION_METHODS } from '../calibration/session/session-methods.ts';
import { encodeModel } from '../decoders/model-file.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { modelHash, readModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { parseMethod } from './calibrate-session.ts';
import { calibrateWithProgress } from './calibration-run.ts';
import { driftReferenceLines } from './drift-text.ts';
import { listenForInterrupt } from './interrupt.ts';
import type { Interrupt } from './interrupt.ts';
import { r2Text } from './metrics-text.ts';
import {
  namesParser,
  parseBinMs,
  parseChannelCount,
  parseDay,
  parseFraction,
  parsePositive,
  parsePositiveInteger,
  parseSeconds,
  parseSeed,
  parseSpeed,
} from './option-parsers.ts';
import { assertRecordingPathFree, chooseRecordPath } from './record-path.ts';
import { checkCalibration, refuseHopelessCalibration } from './run-calibration-checks.ts';
import { calibrationReport } from './run-calibration.ts';
import { checkRunOptions } from './run-options.ts';
import type { RunOptions } from './run-options.ts';
import { checkSavedModel, refuseUnsavable } from './run-saved-model.ts';
import { checkSavedState } from './run-saved-state.ts';
import { hasKeys, runSession } from './run-session.ts';
import type { LoadedModel } from './run-session.ts';
import { REPLACE_HELP } from './refuse-replacing.ts';
import { chooseSource } from './run-source.ts';
import type { RunSource } from './run-source.ts';
import { SessionControl } from './session-control.ts';

export function runCommand(): Command {
  return new Command('run')
    .description('Decode a source live. With no model it calibrates one first.')
    .option(
      '--source <kind>',
      'simulated or replay (default: replay if --recording is given, else simulated)',
    )
    .option('--recording <file>', 'recording to replay (MATLAB v5)')
    .option('--model <file>', 'model file from `betz calibrate`')
    .option('--decoder <kind>', 'without a model: which decoder to calibrate (default: gru)')
    .option(
      '--from <position>',
      'replay: where to begin (default: 0%, or 80% if calibrated on it first)',
      parseFraction,
    )
    .option('--speed <factor>', "1 is real time, 'max' as fast as possible", parseSpeed, 1)
    .option(
      '--duration <seconds>',
      'end after this much of the data (default: the end, or Ctrl-C)',
      parseSeconds,
    )
    .option(
      '--record <file>',
      'session recording to write, MCAP (default, at finite speed: recordings/<time>.mcap)',
    )
    .option('--no-record', 'write no session recording')
    .option('--load-state <file>', 'go on from this state of the decoder, saved with the same --model')
    .option(
      '--save-state <file>',
      "save the decoder's state at the end, to go on from it another time; may be the file of --load-state, which it then replaces",
    )
    .option('--target <name>', 'replay: behaviour to compare with (default: the first velocity)')
    .option(
      '--bin-ms <ms>',
      "without a model: bin width (default: 20 simulated, the recording's own in replay)",
      parseBinMs,
    )
    .option(
      '--deadline-ms <ms>',
      'latest useful time after the bin edge (default: the bin width)',
      parsePositive,
    )
    .option('--channels <count>', 'simulated: electrodes (default: 96)', parseChannelCount)
    .option(
      '--day <number>',
      'simulated: days of drift since the array was calibrated (default: 0)',
      parseDay,
    )
    .option('--seed <number>', 'of the simulation and of calibration', parseSeed, 1)
    .option(
      '--threads <count>',
      'without a model: training threads (default: one per core)',
      parsePositiveInteger,
    )
    .option(
      '--calibrate <seconds>',
      'while it decodes, fit --model anew to the first seconds of this session (8 to 3600); without the live view it needs --auto-promote or --candidate-out',
      parsePositive,
    )
    .option('--method <name>', `with --calibrate: ${SESSION_METHODS.join(', ')} (default: auto)`, parseMethod)
    .option('--auto-promote', 'with --calibrate: put the new decoder into service when it is better')
    .option('--candidate-out <file>', 'with --calibrate: write the new model there when it is better')
    .option(
      '--adapt <list>',
      `how the decoder adapts while it is used: ${ADAPTATIONS.join(', ')} (default: not at all)`,
      namesParser(ADAPTATIONS, 'way to adapt'),
    )
    .option(
      '--save-model <file>',
      'with --adapt: write a model at the end, with what the decoder has learned',
    )
    .option('--replace', `of --candidate-out, --save-model and --save-state: ${REPLACE_HELP}`)
    .option('--plain', 'one line a second instead of the live view')
    .option('--json', 'print one JSON object on stdout at the end')
    .addHelpText(
      'after',
      `
Examples:
  $ betz run                                     calibrate on a simulated array, then decode it live
  $ betz run --recording data.mat --model model.safetensors --from 80% --speed max --json
  $ betz run --model model.safetensors --save-state morning.state      and after a pause:
  $ betz run --model model.safetensors --load-state morning.state
  $ betz run --model model.safetensors --day 30 --calibrate 60 --auto-promote
  $ betz run --model model.safetensors --day 30 --calibrate 60 --candidate-out day30.safetensors
  $ betz run --model model.safetensors --day 8 --adapt normalise --save-model day8.safetensors

Keys in the live view, which shows those that do something now:
  r   go back to the decoder before the last change
  c   cancel the calibration, or discard the decoder that it proposes, and go on decoding
  p   put the decoder into service that the calibration proposes
  q   stop, as Ctrl-C does
Without the live view the signal SIGUSR2 goes back to the decoder before (kill -USR2 PID). docs/live-calibration.md`,
    )
    .action(runRun);
}

async function runRun(options: RunOptions): Promise<void> {
  checkRunOptions(options);
  checkCalibration(options, hasKeys(options));
  checkSavedModel(options);
  checkSavedState(options);
  const loaded = options.model === undefined ? undefined : readModelFile(options.model);
  if (loaded !== undefined) refuseUnsavable(options, loaded.model);
  if (options.decoder !== undefined) findDecoderKind(options.decoder);
  const source = chooseSource(options, loaded?.model);
  if (loaded !== undefined) refuseHopelessCalibration(options, loaded.model, source);
  const { recordPath, folder } = chooseRecordPath(options);
  const interrupt = listenForInterrupt('stopping');
  const control = new SessionControl((text) => process.stderr.write(`${text}\n`));
  try {
    if (recordPath !== undefined) await assertRecordingPathFree(recordPath);
    const model = loaded ?? (await calibrateFirst(options, source, interrupt));
    const { summary, calibration, savedModel } = await runSession(options, source, model, {
      recordPath,
      interrupt,
      control,
    });
    if (calibration?.proposalError !== undefined) throw calibration.proposalError;
    const files = { recording: recordPath ?? null, state: options.saveState ?? null, savedModel };
    if (options.json) {
      const { labels } = model.model.output;
      const story =
        calibration === undefined
          ? {}
          : { calibration: calibrationReport(calibration.account(), labels, options.candidateOut ?? null) };
      process.stdout.write(`${JSON.stringify({ ...summary, ...files, ...story })}\n`);
    }
  } finally {
    control.dispose();
    interrupt.dispose();
    folder?.removeIfUnused();
  }
}

async function calibrateFirst(
  options: RunOptions,
  source: RunSource,
  interrupt: Interrupt,
): Promise<LoadedModel> {
  const data = source.calibrationData();
  const seconds = Math.round((data.binCount * data.binMs) / 1000);
  process.stderr.write(
    `No model: calibrating on ${seconds} s of ${data.name}, ${data.channels.length} channels.\n`,
  );
  const { chosen } = await calibrateWithProgress(
    data,
    { kind: options.decoder ?? 'gru' },
    [options.seed],
    interrupt.signal,
    options.threads,
  );
  const { model, test, baseline } = chosen.calibration;
  const { labels } = data.target;
  process.stderr.write(
    `held-out R2  ${r2Text(labels, test)}   (ridge baseline ${baseline.r2Mean.toFixed(3)})\n`,
  );
  for (const line of driftReferenceLines(model)) process.stderr.write(`${line}\n`);
  const bytes = encodeModel(model, `betz ${version}`);
  return { model, bytes, hash: modelHash(bytes) };
}
