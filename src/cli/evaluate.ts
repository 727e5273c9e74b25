/** `betz evaluate`: how well a model decodes a recording, offline. */
import { Command } from 'commander';
import { readModelFile } from '../host/model-store.ts';
import { named, namedR2, r2Text } from './metrics-text.ts';
import { openForModel } from './open-data.ts';
import { parseFraction, parseMilliseconds } from './option-parsers.ts';
import { scoreModel } from './score-model.ts';

interface EvaluateOptions {
  recording: string;
  model: string;
  from: number;
  lagMs?: number;
  json?: true;
}

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description("Decode a recording offline with a model, and compare with the recording's behaviour.")
    .requiredOption('--recording <file>', 'recording to decode (MATLAB v5)')
    .requiredOption('--model <file>', 'model file from `betz calibrate`')
    .option(
      '--from <position>',
      'where to begin; 80% is the part that calibration never saw',
      parseFraction,
      0,
    )
    .option(
      '--lag-ms <ms>',
      'neural activity leads: pair each bin with the behaviour so much later (default: as the model was trained)',
      parseMilliseconds,
    )
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExample:\n  $ betz evaluate --recording data.mat --model model.safetensors --from 80%',
    )
    .action(runEvaluate);
}

function runEvaluate(options: EvaluateOptions): void {
  const { model } = readModelFile(options.model);
  const recording = openForModel(options.recording, model, undefined, options.lagMs);
  const range = { startBin: Math.floor(recording.binCount * options.from), endBin: recording.binCount };
  const metrics = scoreModel(model, recording, range);
  const { labels } = recording.target;
  if (options.json) {
    const result = {
      decoder: model.kind,
      bins: metrics.binCount,
      lagMs: recording.lagMs ?? 0,
      r2: namedR2(labels, metrics),
      r2VarianceWeighted: metrics.r2VarianceWeighted,
      pearsonR: named(labels, metrics.pearsonR),
      model: options.model,
      recording: options.recording,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const pearson = labels.map((label, i) => `${label} ${metrics.pearsonR[i].toFixed(3)}`).join('  ');
  process.stdout.write(
    `${model.kind} on ${recording.name}, ${metrics.binCount} bins of ${recording.binMs} ms\n` +
      `R2         ${r2Text(labels, metrics)}  variance-weighted ${metrics.r2VarianceWeighted.toFixed(3)}\n` +
      `Pearson r  ${pearson}\n`,
  );
}
