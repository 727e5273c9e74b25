/** `betz info`: what a model is, and what a step of it costs. */
import { Command } from 'commander';
import { countOperations } from '../calibration/count-operations.ts';
import { describeDrift } from '../calibration/drift/model-drift.ts';
import { splitBins } from '../calibration/splits.ts';
import type { Model } from '../decoders/decoder.ts';
import { stateUpdateEnergyPj, synapticEnergyPj } from '../decoders/energy.ts';
import { accountModel } from '../decoders/model-account.ts';
import type { ModelAccount } from '../decoders/model-account.ts';
import { mergeReadIn } from '../decoders/read-in.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { loadKernels } from '../host/load-kernels.ts';
import { readModelFile } from '../host/model-store.ts';
import { infoText } from './info-text.ts';
import type { MeasuredCost, ModelInfo } from './info-text.ts';
import { lagOf, openForModel } from './open-data.ts';

interface InfoOptions {
  recording?: string;
  json?: true;
}

export function infoCommand(): Command {
  return new Command('info')
    .description('Show what a model is, its size, and the operations of a step.')
    .argument('<model>', 'model file from `betz calibrate`, `betz import` or `betz quantize`')
    .option(
      '--recording <file>',
      'count the operations that the last 20 % of this recording needs (MATLAB v5)',
    )
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz info model.safetensors\n  $ betz info model.safetensors --recording data.mat' +
        '\n\nWhat is counted: docs/decoders.md, "What a step costs".',
    )
    .action(runInfo);
}

function runInfo(path: string, { recording, json }: InfoOptions): void {
  const { model: read } = readModelFile(path);
  const kind = findDecoderKind(read.kind);
  const model = mergeReadIn(read, kind); // what a step computes
  const account = accountModel(model, kind);
  const { stateBytes } = kind.createDecoder(model, loadKernels());
  const info: ModelInfo = { model, account, stateBytes, readIn: describeReadIn(read) };
  if (recording !== undefined) info.measured = measure(model, account, recording);
  process.stdout.write(json ? `${JSON.stringify(report(path, info))}\n` : `${infoText(info).join('\n')}\n`);
}

/** Of a pretrained model. */
function describeReadIn({ readIn, sessions = [] }: Model): ModelInfo['readIn'] {
  if (readIn === undefined) return undefined;
  return { latents: readIn.weight.shape[0], otherSessions: sessions.map(({ name }) => name) };
}

function measure(model: Model, account: ModelAccount, path: string): MeasuredCost {
  const recording = openForModel(path, model);
  const { test } = splitBins(recording.binCount);
  const counts = countOperations(findDecoderKind(model.kind), model, recording, test, loadKernels());
  return {
    recording: path,
    counts,
    energyPj: {
      maps: synapticEnergyPj(counts.effectiveMacs, counts.effectiveAcs),
      stateUpdates: stateUpdateEnergyPj(account.stateUpdateTotal),
    },
  };
}

function report(path: string, { model, account, stateBytes, readIn, measured }: ModelInfo): object {
  const { kind, config, shape, output, binMs, provenance } = model;
  const { precision, parameterCount, float32Bytes, int8Bytes, ...operations } = account;
  return {
    decoder: kind,
    config,
    shape,
    smoothing: model.features.smoothing,
    output,
    lagMs: lagOf(model),
    binMs,
    readIn: readIn ?? null,
    drift: describeDrift(model),
    provenance,
    precision,
    parameters: parameterCount,
    bytes: { float32: float32Bytes, int8: int8Bytes },
    stateBytes,
    ...operations,
    measured:
      measured === undefined
        ? null
        : { ...measured.counts, energyEstimatePj: measured.energyPj, recording: measured.recording },
    model: path,
  };
}
