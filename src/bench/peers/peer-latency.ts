/**
 * The time of one step here and in other programs, in one run: each program computes the same step graph, on one thread,
 * and is compared with our decoder before it is timed. Programs take turns, in parts of the whole measurement, so that
 * whatever else the machine does falls on all of them.
 *
 * A step of another program is what its users have: for onnxruntime-node an awaited call (and, for comparison, the
 * synchronous one beneath it), for TensorFlow.js an upload, its operations one by one, and a download. No program is warmed
 * before a bin.
 */
import { setFlagsFromString } from 'node:v8';
import type { Clock } from '../../core/clock.ts';
import { BetzError } from '../../core/errors.ts';
import { exportOnnx, onnxGraph } from '../../decoders/onnx/export-onnx.ts';
import type { Graph } from '../../decoders/onnx/step-graph.ts';
import { precisionOf } from '../../decoders/quantise-model.ts';
import { loadKernels } from '../../host/load-kernels.ts';
import { MonotonicClock } from '../../host/monotonic-clock.ts';
import { version } from '../../host/version.ts';
import { distributionOf } from '../distribution.ts';
import type { Distribution } from '../distribution.ts';
import { simulatedCounts } from '../latency.ts';
import type { BenchSubject, TimingOptions } from '../latency.ts';
import { sleepUntilShortlyBefore, spinUntil } from '../pacing.ts';
import { isPeerInstalled } from './load-peer.ts';
import { createOnnxruntimeStep, createOnnxruntimeSyncStep, ONNXRUNTIME } from './onnxruntime-step.ts';
import type { PeerStep } from './peer-step.ts';
import { createTfjsWasmStep, TFJS_WASM } from './tfjs-step.ts';

export interface PeerLatencyRow {
  decoder: string;
  size: string;
  /** 'betz 0.1.0', 'onnxruntime-node 1.30.0', ... */
  program: string;
  /** Largest difference from our decoder over the verified bins, in units of the output's scale; 0 for ours. */
  outputError: number;
  warmUs: Distribution;
  pacedUs: Distribution;
  /** This program's time over ours: above 1 where we are faster. */
  ratio: { warmP50: number; pacedP50: number; pacedP99: number };
}

/** A program to compare with, in one way to call it. */
export interface Peer {
  /** As users name it. */
  name: string;
  /** In `peers/`. */
  packageName: string;
  /** @param bytes the ONNX file of the graph */
  create(graph: Graph, bytes: Uint8Array): Promise<PeerStep>;
}

export const peers: readonly Peer[] = [
  { name: 'onnxruntime-node', packageName: ONNXRUNTIME, create: createOnnxruntimeStep },
  { name: 'onnxruntime-node', packageName: ONNXRUNTIME, create: createOnnxruntimeSyncStep },
  { name: 'tfjs', packageName: TFJS_WASM, create: createTfjsWasmStep },
];

/** Each program's share of a measurement comes in this many parts. */
const TURN_COUNT = 5;
const FEATURE_ROWS = 512;
const VERIFIED_BINS = 200;
const OUTPUT_ERROR_MAX = 1e-4;
const WARM_UP_STEPS = 300;
const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;

/** Names of the peers that are not installed: to be named where results are shown. */
export function missingPeers(all: readonly Peer[] = peers): string[] {
  const missing = all.filter(({ packageName }) => !isPeerInstalled(packageName));
  return [...new Set(missing.map(({ name }) => name))];
}

/** Names of the kinds that no other program can compute, because they have no ONNX form. */
export function kindsWithoutOnnx(subjects: readonly BenchSubject[]): string[] {
  const without = subjects.filter(({ kind }) => kind.onnxStep === undefined);
  return [...new Set(without.map(({ kind }) => kind.name))];
}

/**
 * Rows of our step first, then of every installed peer, for every float32 subject that has an ONNX form.
 * @throws BetzError CFG_PEER_BROKEN, DEC_PEER_MISMATCH: what is not equal is not timed
 */
export async function benchPeers(
  subjects: readonly BenchSubject[],
  options: TimingOptions,
  all: readonly Peer[] = peers,
): Promise<PeerLatencyRow[]> {
  setFlagsFromString('--no-flush-bytecode'); // as in latency.ts
  const missing = missingPeers(all);
  const installed = all.filter(({ name }) => !missing.includes(name));
  const rows: PeerLatencyRow[] = [];
  for (const subject of subjects) {
    if (subject.kind.onnxStep === undefined || precisionOf(subject.model) === 'int8') continue;
    options.onProgress?.(`${subject.kind.name} ${subject.size}`);
    rows.push(...(await benchSubject(subject, installed, options)));
  }
  return rows;
}

async function benchSubject(
  subject: BenchSubject,
  installed: readonly Peer[],
  options: TimingOptions,
): Promise<PeerLatencyRow[]> {
  const { kind, size, model } = subject;
  const graph = onnxGraph(model, [kind]);
  const bytes = exportOnnx(model, { name: 'betz', version }, [kind]);
  const features = simulatedCounts(model.shape.inputCount, FEATURE_ROWS, options.seed);
  const ours = ourStep(subject);
  const steps = [ours];
  try {
    for (const peer of installed) steps.push(await peer.create(graph, bytes));
    const errors: number[] = [];
    for (const step of steps) errors.push(await verify(ours, step, subject, features));
    const times = await timeInTurns(steps, features, model.shape.outputCount, options);
    const timed = times.map(({ warm, paced }) => ({
      warmUs: distributionOf(warm),
      pacedUs: distributionOf(paced),
    }));
    return timed.map(({ warmUs, pacedUs }, i) => ({
      decoder: kind.name,
      size,
      program: steps[i].label,
      outputError: errors[i],
      warmUs,
      pacedUs,
      ratio: {
        warmP50: warmUs.p50 / timed[0].warmUs.p50,
        pacedP50: pacedUs.p50 / timed[0].pacedUs.p50,
        pacedP99: pacedUs.p99 / timed[0].pacedUs.p99,
      },
    }));
  } finally {
    for (const step of steps) await step.dispose();
  }
}

function ourStep({ kind, model }: BenchSubject): PeerStep {
  const decoder = kind.createDecoder(model, loadKernels());
  return {
    label: `betz ${version}`,
    step: (features, output) => {
      decoder.step(features, output);
    },
    reset: () => {
      decoder.reset();
    },
    dispose: () => Promise.resolve(),
  };
}

/** @returns the largest difference, in units of the output's scale @throws BetzError DEC_PEER_MISMATCH */
async function verify(
  ours: PeerStep,
  peer: PeerStep,
  { kind, model }: BenchSubject,
  rows: readonly Float32Array[],
): Promise<number> {
  if (peer === ours) return 0;
  const { outputScale } = model.normalisation;
  const expected = new Float32Array(outputScale.length);
  const output = new Float32Array(outputScale.length);
  let error = 0;
  ours.reset();
  peer.reset();
  for (const row of rows.slice(0, VERIFIED_BINS)) {
    await ours.step(row, expected);
    await peer.step(row, output);
    for (let o = 0; o < output.length; o++) {
      error = Math.max(error, Math.abs(output[o] - expected[o]) / outputScale[o]);
    }
  }
  if (!(error <= OUTPUT_ERROR_MAX)) {
    throw new BetzError('DEC_PEER_MISMATCH', `${peer.label} does not compute the ${kind.name} as Betz does`, {
      value: error,
      tip: 'Leave this peer out; please report it with the machine and Node version.',
    });
  }
  return error;
}

interface Times {
  warm: Float64Array;
  paced: Float64Array;
}

/** Microseconds of every step, per program. */
async function timeInTurns(
  steps: readonly PeerStep[],
  rows: readonly Float32Array[],
  outputCount: number,
  { warmStepCount, pacedSeconds, binMs }: TimingOptions,
): Promise<Times[]> {
  const clock = new MonotonicClock();
  const output = new Float32Array(outputCount);
  const warmCount = Math.ceil(warmStepCount / TURN_COUNT);
  const pacedCount = Math.ceil((pacedSeconds * 1000) / binMs / TURN_COUNT);
  const times = steps.map(() => ({
    warm: new Float64Array(warmCount * TURN_COUNT),
    paced: new Float64Array(pacedCount * TURN_COUNT),
  }));
  for (const step of steps) {
    for (let i = 0; i < WARM_UP_STEPS; i++) await step.step(rows[i % rows.length], output);
  }
  for (let turn = 0; turn < TURN_COUNT; turn++) {
    for (let i = 0; i < steps.length; i++) {
      const at = (i + turn) % steps.length; // who goes first changes
      const { warm, paced } = times[at];
      const stepTurn = { step: steps[at], rows, output, clock };
      await timeWarm(stepTurn, warm.subarray(turn * warmCount, (turn + 1) * warmCount));
      await timePaced(stepTurn, paced.subarray(turn * pacedCount, (turn + 1) * pacedCount), binMs);
    }
  }
  return times;
}

interface Turn {
  step: PeerStep;
  rows: readonly Float32Array[];
  output: Float32Array;
  clock: Clock;
}

async function timeWarm(turn: Turn, timesUs: Float64Array): Promise<void> {
  for (let i = 0; i < timesUs.length; i++) timesUs[i] = await timeStep(turn, i);
}

async function timePaced(turn: Turn, timesUs: Float64Array, binMs: number): Promise<void> {
  const { clock } = turn;
  const firstNs = clock.nowNs();
  for (let i = 0; i < timesUs.length; i++) {
    const edgeNs = firstNs + (i + 1) * binMs * NS_PER_MS;
    sleepUntilShortlyBefore(edgeNs, clock);
    spinUntil(edgeNs, clock);
    timesUs[i] = await timeStep(turn, i);
  }
}

/** Nothing is awaited where a step is done when it returns. @returns microseconds */
async function timeStep({ step, rows, output, clock }: Turn, index: number): Promise<number> {
  const row = rows[index % rows.length];
  const startNs = clock.nowNs();
  const pending = step.step(row, output);
  if (pending !== undefined) await pending;
  return (clock.nowNs() - startNs) / NS_PER_US;
}
