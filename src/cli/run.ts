/** `betz run`: decodes a source live, calibrating first when no model is given. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { Model } from '../decoders/decoder.ts';
import { encodeModel } from '../decoders/model-file.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { modelHash, readModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { RecordingSink } from '../runtime/recording-sink.ts';
import { Session } from '../runtime/session.ts';
import type { SessionSummary } from '../runtime/session-summary.ts';
import type { Sink } from '../runtime/sink.ts';
import { calibrateWithProgress } from './calibration-run.ts';
import { listenForInterrupt } from './interrupt.ts';
import type { Interrupt } from './interrupt.ts';
import { r2Text } from './metrics-text.ts';
import {
  parseCount,
  parseFraction,
  parsePositive,
  parsePositiveInteger,
  parseSpeed,
} from './option-parsers.ts';
import { chooseSource } from './run-source.ts';
import type { RunSource, RunSourceOptions } from './run-source.ts';
import { SessionDisplay } from './session-display.ts';
import { eventText, summaryLines } from './session-text.ts';

interface RunOptions extends RunSourceOptions {
  model?: string;
  decoder?: string;
  /** A path, or false for --no-record. */
  record?: string | false;
  deadlineMs?: number;
  threads?: number;
  plain?: true;
  json?: true;
}

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
      parsePositive,
    )
    .option(
      '--record <file>',
      'session recording to write, MCAP (default, at finite speed: recordings/<time>.mcap)',
    )
    .option('--no-record', 'write no session recording')
    .option('--target <name>', 'replay: behaviour to compare with (default: the first velocity)')
    .option(
      '--bin-ms <ms>',
      "without a model: bin width (default: 20 simulated, the recording's own in replay)",
      parsePositive,
    )
    .option(
      '--deadline-ms <ms>',
      'latest useful time after the bin edge (default: the bin width)',
      parsePositive,
    )
    .option('--channels <count>', 'simulated: electrodes (default: 96)', parsePositiveInteger)
    .option(
      '--day <number>',
      'simulated: days of drift since the array was calibrated (default: 0)',
      parseCount,
    )
    .option('--seed <number>', 'of the simulation and of calibration', parseCount, 1)
    .option('--threads <count>', 'training threads (default: one per core)', parsePositiveInteger)
    .option('--plain', 'one line a second instead of the live view')
    .option('--json', 'print one JSON object on stdout at the end')
    .addHelpText(
      'after',
      `
Examples:
  $ betz run                                     calibrate on a simulated array, then decode it live
  $ betz run --recording data.mat --model model.safetensors --from 80% --speed max --json`,
    )
    .action(runRun);
}

async function runRun(options: RunOptions): Promise<void> {
  const loaded = options.model === undefined ? undefined : readModelFile(options.model).model;
  if (options.decoder !== undefined) findDecoderKind(options.decoder);
  const source = chooseSource(
    options,
    loaded === undefined ? undefined : { name: loaded.output.name, binMs: loaded.binMs },
  );
  const interrupt = listenForInterrupt('stopping');
  try {
    const model = loaded ?? (await calibrateFirst(options, source, interrupt));
    const summary = await runSession(options, source, model, interrupt);
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  } finally {
    interrupt.dispose();
  }
}

async function calibrateFirst(options: RunOptions, source: RunSource, interrupt: Interrupt): Promise<Model> {
  const data = source.calibrationData();
  const seconds = Math.round((data.binCount * data.binMs) / 1000);
  process.stderr.write(
    `No model given: calibrating on ${seconds} s of ${data.name}, ${data.channels.length} channels.\n`,
  );
  const { model, test, baseline } = await calibrateWithProgress(
    data,
    { kind: options.decoder ?? 'gru', training: { seed: options.seed } },
    interrupt.signal,
    options.threads,
  );
  const { labels } = data.target;
  process.stderr.write(
    `held-out R2  ${r2Text(labels, test)}   (ridge baseline ${baseline.r2Mean.toFixed(3)})\n`,
  );
  return model;
}

async function runSession(
  options: RunOptions,
  source: RunSource,
  model: Model,
  interrupt: Interrupt,
): Promise<SessionSummary> {
  const modelBytes = encodeModel(model, `betz ${version}`);
  const modelName = options.model ?? `${model.kind}, calibrated for this run`;
  const recordPath = chooseRecordPath(options);
  const display = new SessionDisplay(`Betz  ${source.name}   ${model.kind}`, {
    isLive: process.stdout.isTTY && options.json === undefined && options.plain === undefined,
    lines: options.json === undefined ? process.stdout : process.stderr,
    recordPath,
  });
  const sinks: Sink[] = [display.trace];
  if (recordPath !== undefined) {
    sinks.push(
      new RecordingSink({
        path: recordPath,
        modelHash: modelHash(modelBytes),
        config: { ...options },
        versions: { betz: version, node: process.version },
      }),
    );
  }
  const session = await Session.start({
    source: source.worker,
    modelBytes,
    modelName,
    sourceName: source.name,
    ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    sinks,
    onEvent: (event) => {
      const text = eventText(event);
      if (text !== undefined) display.tell(text);
    },
  });
  const stop = (): void => void session.stop().catch(() => undefined); // `done` has the error
  if (interrupt.signal.aborted) stop();
  interrupt.signal.addEventListener('abort', stop);
  display.start(session);
  try {
    const summary = await session.done;
    display.close();
    const stream = options.json === undefined ? process.stdout : process.stderr;
    stream.write(`${summaryLines(summary, recordPath).join('\n')}\n`);
    return summary;
  } finally {
    display.close();
    interrupt.signal.removeEventListener('abort', stop);
  }
}

/** What is decoded live is recorded unless told otherwise; a computation at full speed only when told to. */
function chooseRecordPath({ record, speed }: RunOptions): string | undefined {
  if (record === false || (record === undefined && speed === 'max')) return undefined;
  if (record !== undefined) return record;
  mkdirSync('recordings', { recursive: true });
  return join('recordings', `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.mcap`);
}
