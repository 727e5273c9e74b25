/** `betz quantize`: a model with int8 weights, and what that gains and loses. */
import { basename } from 'node:path';
import { Command } from 'commander';
import { benchLatency } from '../bench/latency.ts';
import type { LatencyBenchRow } from '../bench/latency.ts';
import { describeMachine, machineLine } from '../bench/machine.ts';
import type { Machine } from '../bench/machine.ts';
import type { DecodingMetrics } from '../calibration/metrics.ts';
import { splitBins } from '../calibration/splits.ts';
import type { Model } from '../decoders/decoder.ts';
import { decodeModel } from '../decoders/model-file.ts';
import { quantiseModel } from '../decoders/quantise-model.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { assertModelPathWritable, modelHash, readModelBytes, writeModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { lagText, namedR2, r2Text } from './metrics-text.ts';
import { lagOf, openForModel } from './open-data.ts';
import { parsePacedSeconds } from './option-parsers.ts';
import { keptLines, REPLACE_HELP, refuseReplacing } from './refuse-replacing.ts';
import { scoreModel } from './score-model.ts';

interface QuantizeOptions {
  model: string;
  out: string;
  replace?: true;
  recording?: string;
  seconds: number;
  json?: true;
}

/** Of the float32 model and of the int8 model. */
interface Pair<T> {
  before: T;
  after: T;
}

/** What became of a model; `r2` is there when a recording was given. */
interface Outcome {
  model: Model;
  bytes: Pair<number>;
  r2: Pair<DecodingMetrics> | undefined;
  latency: Pair<LatencyBenchRow>;
  hash: string;
  /** Where the file that was there is kept. */
  previous: string | undefined;
}

const WARM_STEPS = 20_000;
const PACED_BIN_MS = 10;
/** Ways of timing a step, as `betz bench latency` does. */
const MODES = { warmUs: 'warm', pacedUs: 'paced', pacedWarmedUs: 'warmed' } as const;
type Mode = keyof typeof MODES;

export function quantizeCommand(): Command {
  return new Command('quantize')
    .description('Give a model that was trained by gradient int8 weights; compare size, R2 and latency.')
    .requiredOption('--model <file>', 'model file from `betz calibrate` or `betz import`')
    .requiredOption('--out <file>', 'model file to write')
    .option('--replace', REPLACE_HELP)
    .option('--recording <file>', 'compare R2 on the last 20 % of this recording (MATLAB v5)')
    .option('--seconds <s>', 'seconds of pacing per model and mode', parsePacedSeconds, 2)
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExample:\n  $ betz quantize --model model.safetensors --out model-int8.safetensors --recording data.mat',
    )
    .action(runQuantize);
}

function runQuantize(options: QuantizeOptions): void {
  const { model: path, out, recording, seconds } = options;
  refuseReplacing(path, out, 'the int8 model would replace the one it is made from');
  if (recording !== undefined) refuseReplacing(recording, out, 'the int8 model would replace the recording');
  const file = readModelBytes(path);
  const model = decodeModel(file);
  const provenance = {
    ...model.provenance,
    quantisedFrom: basename(path),
    quantisedSha256: modelHash(file),
  };
  const int8: Model = { ...quantiseModel(model), provenance };
  assertModelPathWritable(out, options.replace);
  const r2 = recording === undefined ? undefined : compareR2(model, int8, recording);
  const machine = describeMachine();
  const latency = compareLatency(model, int8, seconds);
  const { hash, bytes, previous } = writeModelFile(out, int8, `betz ${version}`);
  const outcome = { model, bytes: { before: file.byteLength, after: bytes }, r2, latency, hash, previous };
  if (options.json) process.stdout.write(`${JSON.stringify(report(outcome, machine, options))}\n`);
  else process.stdout.write(`${reportLines(outcome, machine, options).join('\n')}\n`);
}

function compareR2(model: Model, int8: Model, path: string): Pair<DecodingMetrics> {
  const recording = openForModel(path, model);
  const { test } = splitBins(recording.binCount);
  return { before: scoreModel(model, recording, test), after: scoreModel(int8, recording, test) };
}

function compareLatency(model: Model, int8: Model, pacedSeconds: number): Pair<LatencyBenchRow> {
  const kind = findDecoderKind(model.kind);
  const size = `${model.shape.inputCount} channels`;
  const subjects = [model, int8].map((candidate) => ({ kind, size, model: candidate }));
  const [before, after] = benchLatency(subjects, {
    warmStepCount: WARM_STEPS,
    pacedSeconds,
    binMs: PACED_BIN_MS,
    seed: 1,
    onProgress: (line) => process.stderr.write(`timing ${line}\n`),
  });
  return { before, after };
}

function report(
  { model, bytes, r2, latency, hash, previous }: Outcome,
  machine: Machine,
  options: QuantizeOptions,
) {
  const { labels } = model.output;
  const times = ({ warmUs, pacedUs, pacedWarmedUs }: LatencyBenchRow) => ({ warmUs, pacedUs, pacedWarmedUs });
  return {
    decoder: model.kind,
    bytes,
    r2:
      r2 === undefined
        ? null
        : {
            before: namedR2(labels, r2.before),
            after: namedR2(labels, r2.after),
            lost: r2.before.r2Mean - r2.after.r2Mean,
          },
    latency: {
      before: times(latency.before),
      after: times(latency.after),
      speedup: Object.fromEntries(
        Object.entries(MODES).map(([mode, name]) => [name, speedup(latency, mode as Mode)]),
      ),
    },
    machine,
    recording: options.recording ?? null,
    hash,
    out: options.out,
    previous: previous ?? null,
  };
}

function reportLines(
  { model, bytes, r2, latency, previous }: Outcome,
  machine: Machine,
  { seconds, out }: QuantizeOptions,
): string[] {
  const { labels, name } = model.output;
  const { before, after } = bytes;
  return [
    `${model.kind} in int8: ${before} -> ${after} bytes (${((100 * after) / before).toFixed(0)} %)`,
    ...(r2 === undefined
      ? []
      : [
          `R2 of ${name}${lagText(lagOf(model))} on the last 20 %`,
          `  float32 ${r2Text(labels, r2.before)}`,
          `  int8    ${r2Text(labels, r2.after)}  (${lossText(r2.before.r2Mean - r2.after.r2Mean)})`,
        ]),
    `one step, p50 in us: ${WARM_STEPS} steps warm; paced, one every ${PACED_BIN_MS} ms for ${seconds} s; warmed, with an` +
      ' untimed step before each',
    ...Object.entries(MODES).map(
      ([mode, label]) =>
        `  ${label.padEnd(8)}${latency.before[mode as Mode].p50.toFixed(1)} -> ` +
        `${latency.after[mode as Mode].p50.toFixed(1)} (${speedup(latency, mode as Mode).toFixed(2)} times as fast)`,
    ),
    machineLine(machine),
    `model written to ${out}`,
    ...keptLines(previous),
  ];
}

function speedup({ before, after }: Outcome['latency'], mode: Mode): number {
  return before[mode].p50 / after[mode].p50;
}

function lossText(lost: number): string {
  return `${Math.abs(lost).toFixed(4)} ${lost >= 0 ? 'lost' : 'gained'}`;
}
