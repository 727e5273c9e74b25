/** `betz bench training`: the time of one training step, by itself or beside that of other programs. */
import { Command } from 'commander';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { pytorchPeer } from '../bench/peers/pytorch-training.ts';
import { tfjsPeer } from '../bench/peers/tfjs-training.ts';
import type { TrainingPeer } from '../bench/peers/training-peer.ts';
import { benchTraining } from '../bench/training.ts';
import type { TrainingBenchRow } from '../bench/training.ts';
import { decoderKinds, findDecoderKind } from '../decoders/registry.ts';
import { missingPeerLine, tableLines } from './bench-text.ts';
import { usageError } from './failure.ts';
import {
  atMost,
  listParser,
  namesParser,
  parseChannelCount,
  parseHiddenCount,
  parsePositiveInteger,
  parseSeed,
} from './option-parsers.ts';

interface TrainingOptions {
  /** Names of kinds that are trained by gradient. */
  decoder: string[];
  hidden: number;
  width: number;
  inputs: number;
  batch: number;
  bins: number;
  rounds: number;
  threads: number[];
  seed: number;
  peers?: string[];
  json?: true;
}

const trained = decoderKinds.filter(({ training }) => training === 'gradient');
const TRAINED_NAMES = trained.map(({ name }) => name).join(', ');
const trainingPeers: readonly TrainingPeer[] = [tfjsPeer, pytorchPeer];
const PEER_NAMES = trainingPeers.map(({ name }) => name);

const parseBatchCount = atMost(parsePositiveInteger, 4096, 'windows are more than a batch can have');
const parseWindowBins = atMost(parsePositiveInteger, 10_000, 'bins are more than a window can have');

export function benchTrainingCommand(): Command {
  return new Command('training')
    .description(
      'Time of one training step (forward, backward, AdamW), per decoder, kernel variant and thread count.',
    )
    .option('--decoder <list>', `${TRAINED_NAMES}, or all`, parseTrained, ['gru'])
    .option('--hidden <count>', 'hidden units of the GRU', parseHiddenCount, 256)
    .option('--width <count>', 'width of the other decoders', parsePositiveInteger, 96)
    .option('--inputs <count>', 'channels', parseChannelCount, 96)
    .option('--batch <count>', 'windows in a batch', parseBatchCount, 32)
    .option('--bins <count>', 'bins in a window', parseWindowBins, 100)
    .option('--rounds <count>', 'timed steps of each, in turn', parsePositiveInteger, 15)
    .option('--threads <list>', 'thread counts to compare', listParser(parsePositiveInteger), [1, 2])
    .option('--seed <number>', 'of weights and data', parseSeed, 1)
    .option(
      '--peers <list>',
      `time the same step in other programs too: ${PEER_NAMES.join(', ')}`,
      namesParser(PEER_NAMES, 'program to compare with'),
    )
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz bench training --threads 1,2 --rounds 25' +
        '\n  $ betz bench training --decoder rwkv,mamba --rounds 5' +
        `\n  $ betz bench training --decoder all --threads 2 --peers ${PEER_NAMES.join(',')}`,
    )
    .action(runTraining);
}

/** 'gru,mamba' or 'all' */
function parseTrained(text: string): string[] {
  if (text === 'all') return trained.map(({ name }) => name);
  const kinds = text.split(',').map((part) => findDecoderKind(part.trim()));
  const fitted = kinds.find(({ training }) => training !== 'gradient');
  if (fitted === undefined) return [...new Set(kinds.map(({ name }) => name))];
  throw usageError(
    `'${fitted.name}' has no training step: it is fitted in one go`,
    fitted.name,
    `Choose from: ${TRAINED_NAMES}.`,
  );
}

async function runTraining(options: TrainingOptions): Promise<void> {
  const machine = describeMachine();
  const { decoder, inputs, hidden, width, batch, bins, rounds, threads, seed } = options;
  const chosen = trainingPeers.filter(({ name }) => options.peers?.includes(name) === true);
  const missing = chosen.filter((peer) => !peer.isInstalled());
  const rows = await benchTraining({
    kinds: trained.filter(({ name }) => decoder.includes(name)),
    hiddenCount: hidden,
    width,
    inputCount: inputs,
    batchCount: batch,
    windowBins: bins,
    roundCount: rounds,
    threadCounts: threads,
    peers: chosen,
    seed,
    onProgress: (line) => process.stderr.write(`timing ${line}\n`),
  });
  if (options.json) {
    const peersMissing = missing.map(({ name }) => name);
    process.stdout.write(`${JSON.stringify({ machine, options, peersMissing, rows })}\n`);
    return;
  }
  const lines = [
    `One training step, milliseconds: batch ${batch}, ${bins} bins, no dropout. ${machineLine(machine)}`,
    `${rounds} rounds, programs in turn; gradients checked first, by what the last column names;`,
    '/ simd, / relaxed: the median over that of our build with as many threads',
    '',
    ...tableLines([HEAD, ...rows.map(cells)]),
    ...missing.map(({ name, tip }) => missingPeerLine(name, tip)),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const HEAD = 'decoder|size|program|threads|median|min|max|steps|/ simd|/ relaxed|error|checked by'.split('|');

function cells(row: TrainingBenchRow): string[] {
  return [
    row.decoder,
    row.size,
    row.program,
    String(row.threadCount),
    row.stepMsMedian.toFixed(1),
    row.stepMsMin.toFixed(1),
    row.stepMsMax.toFixed(1),
    String(row.stepCount),
    row.ratio.simd?.toFixed(2) ?? '-',
    row.ratio.relaxed?.toFixed(2) ?? '-',
    row.gradientError.toExponential(1),
    row.check,
  ];
}
