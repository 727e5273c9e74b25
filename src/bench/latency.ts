/**
 * `betz bench latency`: the time of one decoder step, per decoder and size.
 *
 * Warm: steps back to back. Paced: one step per bin interval, so that the caches hold other work in between, as in use;
 * with and without the runtime's warming (an untimed step just before the bin, its state thrown away). Decoders take turns
 * of a second, so that whatever else the machine does meets all of them. Before any timing every decoder is compared with
 * its plain-loop reference; one that differs is not timed.
 */
import { setFlagsFromString } from 'node:v8';
import { BetzError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import type { Clock } from '../core/clock.ts';
import type { Decoder, DecoderKind, Model } from '../decoders/decoder.ts';
import { precisionOf } from '../decoders/quantise-model.ts';
import type { Precision } from '../decoders/quantise-model.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { loadKernels } from '../host/load-kernels.ts';
import { distributionOf, median } from './distribution.ts';
import type { Distribution } from './distribution.ts';
import { sleepUntilShortlyBefore, spinUntil } from './pacing.ts';

export interface TimingOptions {
  /** Steps timed warm. */
  warmStepCount: number;
  /** Seconds of pacing per decoder and mode. */
  pacedSeconds: number;
  binMs: number;
  seed: number;
  onProgress?: (line: string) => void;
}

export interface LatencyBenchOptions extends TimingOptions {
  inputCount: number;
  hiddenCounts: readonly number[];
  /** Of the spiking decoder: spikes per neuron and bin. */
  spikeRate: number;
}

export interface LatencyBenchRow {
  decoder: string;
  size: string;
  precision: Precision;
  /** Spikes per neuron and bin while it was timed; null where there are no spiking neurons. */
  spikeRate: number | null;
  /** Largest difference from the plain-loop reference, in units of the output's scale. */
  referenceError: number;
  warmUs: Distribution;
  pacedUs: Distribution;
  pacedWarmedUs: Distribution;
}

const VERIFIED_BINS = 200;
const VERIFIED_SPIKING_BINS = 10;
/** An int8 decoder's inputs are rounded to 16 bits in every map. */
const REFERENCE_ERROR_MAX = { float32: 1e-4, int8: 5e-4 };
const WARM_UP_STEPS = 300;
/** Steps back to back, and seconds of pacing, that a decoder has in one turn. */
const TURN_STEPS = 2000;
const TURN_SECONDS = 1;
const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;

export interface BenchSubject {
  kind: DecoderKind;
  size: string;
  model: Model;
}

export function benchLatency(subjects: readonly BenchSubject[], options: TimingOptions): LatencyBenchRow[] {
  setFlagsFromString('--no-flush-bytecode'); // V8 would drop the code of a step that runs every 10 ms
  const clock = new MonotonicClock();
  const { warmStepCount, pacedSeconds, binMs } = options;
  const stepsIn = (seconds: number): number => Math.max(1, Math.round((seconds * 1000) / binMs));
  const contestants = subjects.map((subject) => {
    options.onProgress?.(`${subject.kind.name} ${subject.size} ${precisionOf(subject.model)}`);
    return enter(subject, options, stepsIn(pacedSeconds));
  });
  inTurns(contestants, warmStepCount, TURN_STEPS, ({ decoder, rows, warmUs }, from, to) => {
    timeWarm(decoder, rows, warmUs.subarray(from, to), clock);
  });
  inTurns(contestants, stepsIn(pacedSeconds), stepsIn(TURN_SECONDS), (contestant, from, to) => {
    const { decoder, rows, pacedUs, pacedWarmedUs } = contestant;
    timePaced(decoder, rows, pacedUs.subarray(from, to), binMs, clock, false);
    timePaced(decoder, rows, pacedWarmedUs.subarray(from, to), binMs, clock, true);
  });
  return contestants.map(({ subject: { kind, size, model }, ...times }) => ({
    decoder: kind.name,
    size,
    precision: precisionOf(model),
    spikeRate: times.decoder.spikeRate ?? null,
    referenceError: times.referenceError,
    warmUs: distributionOf(times.warmUs),
    pacedUs: distributionOf(times.pacedUs),
    pacedWarmedUs: distributionOf(times.pacedWarmedUs),
  }));
}

/** A decoder that may be timed, and what was measured of it. */
interface Contestant {
  subject: BenchSubject;
  decoder: Decoder;
  rows: readonly Float32Array[];
  referenceError: number;
  warmUs: Float64Array;
  pacedUs: Float64Array;
  pacedWarmedUs: Float64Array;
}

function enter(subject: BenchSubject, options: TimingOptions, pacedCount: number): Contestant {
  const { kind, model } = subject;
  const decoder = kind.createDecoder(model, loadKernels());
  const rows = simulatedCounts(decoder.inputCount, 512, options.seed);
  return {
    subject,
    decoder,
    rows,
    referenceError: verify(kind, model, decoder, rows),
    warmUs: new Float64Array(options.warmStepCount),
    pacedUs: new Float64Array(pacedCount),
    pacedWarmedUs: new Float64Array(pacedCount),
  };
}

/** Runs steps [from, to) of every contestant, `turnCount` at a time; who begins changes from round to round. */
function inTurns(
  contestants: readonly Contestant[],
  count: number,
  turnCount: number,
  run: (contestant: Contestant, from: number, to: number) => void,
): void {
  for (let from = 0; from < count; from += turnCount) {
    const isOdd = (from / turnCount) % 2 === 1;
    const order = isOdd ? [...contestants].reverse() : contestants;
    for (const contestant of order) run(contestant, from, Math.min(count, from + turnCount));
  }
}

/** Rows of Poisson counts at 0.15 per channel and bin: 7 Hz at 20 ms. */
export function simulatedCounts(inputCount: number, rowCount: number, seed: number): Float32Array[] {
  const rng = new Rng(seed);
  return Array.from({ length: rowCount }, () =>
    Float32Array.from({ length: inputCount }, () => rng.poisson(0.15)),
  );
}

/**
 * A membrane at its threshold falls to either side of it by rounding, and what follows differs. So a spiking decoder is compared
 * in short runs, and the error is their median: a decoder that is wrong differs in all of them.
 * @throws BetzError DEC_REFERENCE_MISMATCH
 */
function verify(kind: DecoderKind, model: Model, decoder: Decoder, rows: readonly Float32Array[]): number {
  const runBins = decoder.spikeRate === undefined ? VERIFIED_BINS : VERIFIED_SPIKING_BINS;
  const runs = Array.from({ length: VERIFIED_BINS / runBins }, (_, run) =>
    rows.slice(run * runBins, (run + 1) * runBins),
  );
  const error = median(runs.map((run) => largestError(kind, model, decoder, run)));
  if (!(error <= REFERENCE_ERROR_MAX[precisionOf(model)])) {
    throw new BetzError('DEC_REFERENCE_MISMATCH', `${kind.name} differs from its reference`, {
      value: error,
      tip: 'This is a fault in Betz: please report it with the machine and Node version.',
    });
  }
  return error;
}

/** Over a run of bins from a fresh state, in units of the output's scale; NaN when an output is. */
function largestError(
  kind: DecoderKind,
  model: Model,
  decoder: Decoder,
  rows: readonly Float32Array[],
): number {
  const { inputCount, outputCount } = decoder;
  const features = new Float32Array(rows.length * inputCount);
  rows.forEach((row, bin) => {
    features.set(row, bin * inputCount);
  });
  const expected = kind.referenceSequence(model, features, rows.length);
  const output = new Float32Array(outputCount);
  let error = 0;
  decoder.reset();
  for (let bin = 0; bin < rows.length; bin++) {
    decoder.step(rows[bin], output);
    for (let o = 0; o < outputCount; o++) {
      const scale = model.normalisation.outputScale[o];
      error = Math.max(error, Math.abs(output[o] - expected[bin * outputCount + o]) / scale);
    }
  }
  return error;
}

/** @param times microseconds of one step each, filled */
function timeWarm(decoder: Decoder, rows: readonly Float32Array[], times: Float64Array, clock: Clock): void {
  const output = new Float32Array(decoder.outputCount);
  for (let i = 0; i < WARM_UP_STEPS; i++) decoder.step(rows[i % rows.length], output);
  for (let i = 0; i < times.length; i++) {
    const start = clock.nowNs();
    decoder.step(rows[i % rows.length], output);
    times[i] = (clock.nowNs() - start) / NS_PER_US;
  }
}

/** The same with a step every `binMs`. @param isWarming with an untimed step just before */
function timePaced(
  decoder: Decoder,
  rows: readonly Float32Array[],
  times: Float64Array,
  binMs: number,
  clock: Clock,
  isWarming: boolean,
): void {
  const output = new Float32Array(decoder.outputCount);
  const state = new Uint8Array(decoder.stateBytes);
  for (let i = 0; i < WARM_UP_STEPS; i++) decoder.step(rows[i % rows.length], output);
  const firstNs = clock.nowNs();
  for (let i = 0; i < times.length; i++) {
    const edgeNs = firstNs + (i + 1) * binMs * NS_PER_MS;
    sleepUntilShortlyBefore(edgeNs, clock);
    if (isWarming) {
      decoder.saveState(state);
      decoder.step(rows[i % rows.length], output);
      decoder.loadState(state);
    }
    spinUntil(edgeNs, clock);
    const start = clock.nowNs();
    decoder.step(rows[i % rows.length], output);
    times[i] = (clock.nowNs() - start) / NS_PER_US;
  }
}
