/**
 * `betz bench latency`: the time of one decoder step, per decoder and size.
 *
 * Warm: steps back to back. Paced: one step per bin interval, so that the caches hold other work in between, as in use;
 * with and without the runtime's warming (an untimed step just before the bin, its state thrown away). Before any
 * timing the decoder is compared with its plain-loop reference; one that differs is not timed.
 */
import { setFlagsFromString } from 'node:v8';
import { BetzError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import type { Clock } from '../core/clock.ts';
import type { Decoder, DecoderKind, Model } from '../decoders/decoder.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { loadKernels } from '../host/load-kernels.ts';
import { distributionOf } from './distribution.ts';
import type { Distribution } from './distribution.ts';
import { sleepUntilShortlyBefore, spinUntil } from './pacing.ts';

export interface LatencyBenchOptions {
  inputCount: number;
  hiddenCounts: readonly number[];
  /** Steps timed warm. */
  warmStepCount: number;
  /** Seconds of pacing per decoder and mode. */
  pacedSeconds: number;
  binMs: number;
  seed: number;
  onProgress?: (line: string) => void;
}

export interface LatencyBenchRow {
  decoder: string;
  size: string;
  /** Largest difference from the plain-loop reference, in units of the output's scale. */
  referenceError: number;
  warmUs: Distribution;
  pacedUs: Distribution;
  pacedWarmedUs: Distribution;
}

const VERIFIED_BINS = 200;
const REFERENCE_ERROR_MAX = 1e-4;
const WARM_UP_STEPS = 300;
const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;

export interface BenchSubject {
  kind: DecoderKind;
  size: string;
  model: Model;
}

export function benchLatency(
  subjects: readonly BenchSubject[],
  options: LatencyBenchOptions,
): LatencyBenchRow[] {
  setFlagsFromString('--no-flush-bytecode'); // V8 would drop the code of a step that runs every 10 ms
  const clock = new MonotonicClock();
  return subjects.map(({ kind, size, model }) => {
    options.onProgress?.(`${kind.name} ${size}`);
    const decoder = kind.createDecoder(model, loadKernels());
    const features = simulatedCounts(decoder.inputCount, 512, options.seed);
    const referenceError = verify(kind, model, decoder, features);
    return {
      decoder: kind.name,
      size,
      referenceError,
      warmUs: timeWarm(decoder, features, options.warmStepCount, clock),
      pacedUs: timePaced(decoder, features, options, clock, false),
      pacedWarmedUs: timePaced(decoder, features, options, clock, true),
    };
  });
}

/** Rows of Poisson counts at 0.15 per channel and bin: 7 Hz at 20 ms. */
export function simulatedCounts(inputCount: number, rowCount: number, seed: number): Float32Array[] {
  const rng = new Rng(seed);
  return Array.from({ length: rowCount }, () =>
    Float32Array.from({ length: inputCount }, () => rng.poisson(0.15)),
  );
}

/** @throws BetzError DEC_REFERENCE_MISMATCH */
function verify(kind: DecoderKind, model: Model, decoder: Decoder, rows: readonly Float32Array[]): number {
  const { inputCount, outputCount } = decoder;
  const features = new Float32Array(VERIFIED_BINS * inputCount);
  for (let bin = 0; bin < VERIFIED_BINS; bin++) features.set(rows[bin], bin * inputCount);
  const expected = kind.referenceSequence(model, features, VERIFIED_BINS);
  const output = new Float32Array(outputCount);
  let error = 0;
  decoder.reset();
  for (let bin = 0; bin < VERIFIED_BINS; bin++) {
    decoder.step(rows[bin], output);
    for (let o = 0; o < outputCount; o++) {
      const scale = model.normalisation.outputScale[o];
      error = Math.max(error, Math.abs(output[o] - expected[bin * outputCount + o]) / scale);
    }
  }
  if (!(error <= REFERENCE_ERROR_MAX)) {
    throw new BetzError('DEC_REFERENCE_MISMATCH', `${kind.name} differs from its reference`, {
      value: error,
      tip: 'This is a fault in Betz: please report it with the machine and Node version.',
    });
  }
  return error;
}

function timeWarm(
  decoder: Decoder,
  rows: readonly Float32Array[],
  count: number,
  clock: Clock,
): Distribution {
  const output = new Float32Array(decoder.outputCount);
  for (let i = 0; i < WARM_UP_STEPS; i++) decoder.step(rows[i % rows.length], output);
  const times = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const start = clock.nowNs();
    decoder.step(rows[i % rows.length], output);
    times[i] = (clock.nowNs() - start) / NS_PER_US;
  }
  return distributionOf(times);
}

function timePaced(
  decoder: Decoder,
  rows: readonly Float32Array[],
  options: LatencyBenchOptions,
  clock: Clock,
  isWarming: boolean,
): Distribution {
  const output = new Float32Array(decoder.outputCount);
  const state = new Uint8Array(decoder.stateBytes);
  for (let i = 0; i < WARM_UP_STEPS; i++) decoder.step(rows[i % rows.length], output);
  const count = Math.max(1, Math.round((options.pacedSeconds * 1000) / options.binMs));
  const times = new Float64Array(count);
  const firstNs = clock.nowNs();
  for (let i = 0; i < count; i++) {
    const edgeNs = firstNs + (i + 1) * options.binMs * NS_PER_MS;
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
  return distributionOf(times);
}
