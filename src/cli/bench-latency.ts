/** `betz bench latency`: the time of one decoder step, by itself or beside that of other programs. */
import { Command } from 'commander';
import { closedFormSubjects } from '../bench/closed-form-subjects.ts';
import type { Distribution } from '../bench/distribution.ts';
import { gradientSubjects } from '../bench/gradient-subjects.ts';
import { benchLatency } from '../bench/latency.ts';
import type { LatencyBenchOptions, LatencyBenchRow } from '../bench/latency.ts';
import { describeMachine, machineLine } from '../bench/machine.ts';
import { benchPeers, kindsWithoutOnnx, missingPeers, peers } from '../bench/peers/peer-latency.ts';
import type { PeerLatencyRow } from '../bench/peers/peer-latency.ts';
import { missingPeerLine, tableLines } from './bench-text.ts';
import {
  atMost,
  listParser,
  namesParser,
  parseBinMs,
  parseChannelCount,
  parseFraction,
  parseHiddenCount,
  parsePacedSeconds,
  parsePositiveInteger,
  parseSeed,
} from './option-parsers.ts';

interface LatencyOptions {
  inputs: number;
  hidden: number[];
  steps: number;
  seconds: number;
  binMs: number;
  spikeRate: number;
  seed: number;
  peers?: string[];
  json?: true;
}

const PEER_NAMES = [...new Set(peers.map(({ name }) => name))];

/** The time of every step is kept. */
const parseStepCount = atMost(parsePositiveInteger, 10_000_000, 'steps are more than are kept');

export function benchLatencyCommand(): Command {
  return new Command('latency')
    .description(
      'Time of one decoder step: warm (back to back) and paced (one per bin interval, caches cold).',
    )
    .option('--inputs <count>', 'channels', parseChannelCount, 96)
    .option(
      '--hidden <list>',
      'hidden units of the GRUs to time',
      listParser(parseHiddenCount),
      [64, 256, 512],
    )
    .option('--steps <count>', 'steps timed warm', parseStepCount, 20_000)
    .option('--seconds <s>', 'seconds of pacing per decoder and mode', parsePacedSeconds, 10)
    .option('--bin-ms <ms>', 'bin interval of the paced steps', parseBinMs, 10)
    .option('--spike-rate <share>', 'of the spiking decoder: spikes per neuron and bin', parseFraction, 0.15)
    .option('--seed <number>', 'of weights and inputs', parseSeed, 1)
    .option(
      '--peers <list>',
      `compare the step with that of other programs instead: ${PEER_NAMES.join(', ')}`,
      namesParser(PEER_NAMES, 'program to compare with'),
    )
    .option('--json', 'print one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ betz bench latency --hidden 256 --seconds 10' +
        `\n  $ betz bench latency --hidden 256 --steps 5000 --peers ${PEER_NAMES.join(',')}`,
    )
    .action(runLatency);
}

async function runLatency(options: LatencyOptions): Promise<void> {
  const benchOptions: LatencyBenchOptions = {
    inputCount: options.inputs,
    hiddenCounts: options.hidden,
    spikeRate: options.spikeRate,
    warmStepCount: options.steps,
    pacedSeconds: options.seconds,
    binMs: options.binMs,
    seed: options.seed,
    onProgress: (line) => process.stderr.write(`timing ${line}\n`),
  };
  if (options.peers === undefined) printSteps(options, benchOptions);
  else await printComparison(options, benchOptions, options.peers);
}

function printSteps(options: LatencyOptions, benchOptions: LatencyBenchOptions): void {
  const machine = describeMachine();
  const subjects = [...gradientSubjects(benchOptions), ...closedFormSubjects(benchOptions)];
  const rows = benchLatency(subjects, benchOptions);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ machine, options: benchOptions, rows })}\n`);
    return;
  }
  const lines = [
    `One decoder step, microseconds. ${machineLine(machine)}`,
    `warm: ${options.steps} steps back to back; paced: one step every ${options.binMs} ms for ${options.seconds} s;`,
    'warmed: paced, with an untimed step just before each bin, as the runtime does; decoders take turns of 1 s',
    ...rows.flatMap(rateLine),
    '',
    ...tableLines([
      ['decoder', 'size', 'weights', 'mode', 'p50', 'p90', 'p99', 'p99.9', 'max'],
      ...rows.flatMap(stepCells),
    ]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function rateLine({ decoder, precision, spikeRate }: LatencyBenchRow): string[] {
  if (spikeRate === null) return [];
  return [`${decoder}, ${precision}: fires in ${(100 * spikeRate).toFixed(1)} % of neurons and bins`];
}

function stepCells({ decoder, size, precision, ...times }: LatencyBenchRow): string[][] {
  const modes: [string, Distribution][] = [
    ['warm', times.warmUs],
    ['paced', times.pacedUs],
    ['warmed', times.pacedWarmedUs],
  ];
  return modes.map(([mode, { p50, p90, p99, p999, max }]) => [
    decoder,
    size,
    precision,
    mode,
    ...[p50, p90, p99, p999, max].map((value) => value.toFixed(1)),
  ]);
}

async function printComparison(
  options: LatencyOptions,
  benchOptions: LatencyBenchOptions,
  names: readonly string[],
): Promise<void> {
  const machine = describeMachine();
  const chosen = peers.filter(({ name }) => names.includes(name));
  const subjects = gradientSubjects(benchOptions);
  const peersMissing = missingPeers(chosen);
  const decodersWithoutOnnx = kindsWithoutOnnx(subjects);
  const rows = await benchPeers(subjects, benchOptions, chosen);
  if (options.json) {
    const report = { machine, options: benchOptions, peersMissing, decodersWithoutOnnx, rows };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const lines = [
    `One decoder step here and in other programs, microseconds. ${machineLine(machine)}`,
    `warm: ${options.steps} steps back to back; paced: one step every ${options.binMs} ms for ${options.seconds} s, caches cold;`,
    'programs take turns, each on one thread; outputs compared over 200 bins first; ratio: theirs / ours',
    '',
    ...tableLines([
      ['decoder', 'size', 'program', 'warm p50', 'ratio', 'paced p50', 'ratio', 'paced p99', 'ratio'],
      ...rows.map(comparedCells),
    ]),
    ...peersMissing.map((name) => missingPeerLine(name, 'Run `npm run peers` in the project folder.')),
    ...decodersWithoutOnnx.map((name) => `${name}: has no ONNX form, so it is not compared.`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function comparedCells({ decoder, size, program, warmUs, pacedUs, ratio }: PeerLatencyRow): string[] {
  return [
    decoder,
    size,
    program,
    warmUs.p50.toFixed(1),
    ratio.warmP50.toFixed(1),
    pacedUs.p50.toFixed(1),
    ratio.pacedP50.toFixed(1),
    pacedUs.p99.toFixed(1),
    ratio.pacedP99.toFixed(1),
  ];
}
