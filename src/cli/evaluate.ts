/** `betz evaluate`: how well a model decodes a recording, offline. */
import { Command } from 'commander';
import { learnedBinCount } from '../calibration/learned-data.ts';
import type { BinRange } from '../calibration/splits.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { readModelFile } from '../host/model-store.ts';
import { lagText, named, namedR2, r2Text } from './metrics-text.ts';
import { lagOf, openForModel } from './open-data.ts';
import { LAG_HELP, parseFraction, parseMilliseconds } from './option-parsers.ts';
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
    .option('--lag-ms <ms>', `${LAG_HELP} (default: as the model was trained)`, parseMilliseconds)
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
  const trainedBins = Math.max(0, Math.min(learnedBinCount(model, recording), range.endBin) - range.startBin);
  if (options.json) {
    const result = {
      decoder: model.kind,
      bins: metrics.binCount,
      lagMs: recording.lagMs ?? 0,
      trainedBins,
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
    `${model.kind} on ${recording.name}, ${metrics.binCount} bins of ${recording.binMs} ms${lagText(recording.lagMs)}\n` +
      `R2         ${r2Text(labels, metrics)}  variance-weighted ${metrics.r2VarianceWeighted.toFixed(3)}\n` +
      `Pearson r  ${pearson}\n${remarks(model, recording, range, trainedBins)}`,
  );
}

/** What has to be known before the figures are believed. */
function remarks(
  model: Model,
  { lagMs = 0, binCount }: BinnedRecording,
  { startBin, endBin }: BinRange,
  trainedBins: number,
): string {
  const trainedLag = lagText(lagOf(model)) || ' (behaviour of the bin itself)';
  const lag = lagMs === lagOf(model) ? '' : `note: the model was trained with another lag${trainedLag}\n`;
  if (trainedBins === 0) return lag;
  const end = startBin + trainedBins;
  const percent = Math.ceil((100 * end) / binCount);
  const advice = percent >= 100 ? '' : `; --from ${percent}% leaves them out`;
  const which = end === endBin ? 'these data' : `${trainedBins} of these bins`;
  return `${lag}note: the model was trained on ${which}: these figures say little about new data${advice}\n`;
}
