/**
 * `betz bench drift`: does the label-free index tell how well a decoder of day 0 still decodes, does it name what has changed,
 * how often does it cry out on the day itself, and what does adaptation without labels bring back. On the simulated array, where
 * the true R2 is known for any day and kind of drift.
 */
import { simulateRecording } from '../acquisition/simulated/simulate-recording.ts';
import type { SimulatedArrayOptions } from '../acquisition/simulated/array-config.ts';
import { AdaptiveDecoder } from '../calibration/adaptive/adaptive-decoder.ts';
import type { AdaptationOptions } from '../calibration/adaptive/adaptive-decoder.ts';
import type { CalibrationHost } from '../calibration/calibrate.ts';
import { DriftMonitor } from '../calibration/drift/drift-monitor.ts';
import type { DriftReason } from '../calibration/drift/drift-monitor.ts';
import { fitDriftReference } from '../calibration/drift/drift-reference.ts';
import { isWatched } from '../calibration/drift/model-drift.ts';
import { fitReadInStatistics } from '../calibration/hebbian/read-in-statistics.ts';
import { smoothFeatures } from '../calibration/feature-matrix.ts';
import { decodingMetrics } from '../calibration/metrics.ts';
import { assert } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { LEARNING } from '../decoders/decoder.ts';
import type { Decoder, Model } from '../decoders/decoder.ts';
import type { DriftParts, DriftReference } from '../decoders/drift-reference.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { pearson, spearman } from './correlation.ts';
import { driftSubjects } from './drift-subjects.ts';
import type { DriftSubjects } from './drift-subjects.ts';

const NO_DRIFT = { gainSpread: 0, offsetSpread: 0, rotationDeg: 0, lossPerDay: 0, arrivalPerDay: 0 };
/** Kinds of drift: all together as the simulation has it by default, then each alone (or gain and offset) at twice the default size. */
const DRIFTS = {
  all: {},
  gain: { ...NO_DRIFT, gainSpread: 0.16 },
  offset: { ...NO_DRIFT, offsetSpread: 0.12 },
  gainOffset: { ...NO_DRIFT, gainSpread: 0.08, offsetSpread: 0.06 },
  rotation: { ...NO_DRIFT, rotationDeg: 16 },
  loss: { ...NO_DRIFT, lossPerDay: 0.06 },
} as const satisfies Record<string, SimulatedArrayOptions['drift']>;
export type DriftKind = keyof typeof DRIFTS;
export const DRIFT_KINDS = Object.keys(DRIFTS) as readonly DriftKind[];

/** The reason that fits each kind; 'all' has no single one. */
const FITTING: Partial<Record<DriftKind, DriftReason>> = {
  gain: 'rateChange',
  offset: 'rateChange',
  gainOffset: 'rateChange',
  rotation: 'tuningChange',
  loss: 'lostChannels',
};

const BIN_MS = 20;
/** What has passed before R2 is taken: adaptation needs some time, and the index a full window. */
const SETTLING_SHARE = 1 / 3;

export interface DriftBenchOptions {
  seeds: readonly number[];
  days: readonly number[];
  drifts: readonly DriftKind[];
  channelCount: number;
  calibrationS: number;
  /** Of every day. */
  testS: number;
  hiddenCount: number;
  /** Stretches of day 0 after the calibration, to count false alarms on. */
  sameDayCount: number;
  onProgress: (line: string) => void;
}

/** R2 on the last two thirds of a day's data, the mean of both dimensions. */
export interface DriftScores {
  wiener: number;
  wienerNormalised: number;
  gru: number;
  gruNormalised: number;
  /** Adaptive normalisation, and the modulator of the Hebbian read-in with rows that stay. */
  gruModulated: number;
  /** Hebbian read-in behind the fixed normalisation. */
  gruHebbian: number;
  /** Both. */
  gruBoth: number;
}

export interface DriftRow {
  seed: number;
  drift: DriftKind;
  day: number;
  index: number;
  threshold: number;
  parts: DriftParts;
  isAdvised: boolean;
  reason: DriftReason | null;
  rollbackCount: number;
  r2: DriftScores;
}

interface Correlations {
  spearman: number;
  pearson: number;
}

export interface DriftBench {
  rows: DriftRow[];
  /** Whether sessions would watch by these references, or have too few channels for that. */
  isWatched: boolean;
  /** Of the index with the R2 of a decoder that does not adapt, over days (day 0 included), per seed and drift of all kinds. */
  correlations: { seed: number; wiener: Correlations; gru: Correlations }[];
  sameDay: { stretchCount: number; alarmCount: number; indexMin: number; indexMax: number };
  /** Advised rows of single kinds of drift, and those of them in which the first reason fits. */
  reasons: { drift: DriftKind; rowCount: number; advisedCount: number; fittingCount: number }[];
}

export async function benchDrift(options: DriftBenchOptions, host: CalibrationHost): Promise<DriftBench> {
  const rows: DriftRow[] = [];
  let isWatchedByAll = true;
  const sameDay = { stretchCount: 0, alarmCount: 0, indexMin: Infinity, indexMax: 0 };
  for (const seed of options.seeds) {
    options.onProgress(`seed ${seed}: calibrating on day 0`);
    const { calibrationS, testS, channelCount, hiddenCount } = options;
    const array = { seed, channelCount };
    const calibration = simulateRecording(array, calibrationS, BIN_MS);
    const subjects = await driftSubjects(calibration, seed, hiddenCount, host);
    const reference = fitDriftReference(calibration.features, channelCount, BIN_MS);
    isWatchedByAll &&= isWatched(reference);
    for (let i = 0; i < options.sameDayCount; i++) {
      const frame = Math.ceil((calibrationS + i * testS) * 1000);
      const { index, hasCried } = watch(simulateRecording(array, testS, BIN_MS, frame), reference);
      sameDay.stretchCount++;
      if (hasCried) sameDay.alarmCount++;
      sameDay.indexMin = Math.min(sameDay.indexMin, index);
      sameDay.indexMax = Math.max(sameDay.indexMax, index);
    }
    for (const drift of options.drifts) {
      options.onProgress(`seed ${seed}: drift of kind ${drift}`);
      for (const day of options.days) {
        const startFrame = day === 0 ? Math.ceil(calibrationS * 1000) : 0;
        const test = simulateRecording({ ...array, day, drift: DRIFTS[drift] }, testS, BIN_MS, startFrame);
        const { monitor } = watch(test, reference);
        const { index, threshold, parts, isRecalibrationAdvised, reasons } = monitor.report();
        const { r2, rollbackCount } = score(subjects, calibration, test, host);
        rows.push({
          seed,
          drift,
          day,
          index,
          threshold,
          parts,
          isAdvised: isRecalibrationAdvised,
          reason: reasons[0] ?? null,
          rollbackCount,
          r2,
        });
      }
    }
  }
  return {
    rows,
    isWatched: isWatchedByAll,
    correlations: correlationsOf(rows),
    sameDay,
    reasons: reasonsOf(rows),
  };
}

/** @returns the monitor after the data, its last index, and whether it has advised anything on the way */
function watch(
  { features, channels, binCount }: Pick<BinnedRecording, 'features' | 'channels' | 'binCount'>,
  reference: DriftReference,
): { monitor: DriftMonitor; index: number; hasCried: boolean } {
  const monitor = new DriftMonitor(reference);
  let hasCried = false;
  for (let bin = 0; bin < binCount; bin++) {
    monitor.update(features.subarray(bin * channels.length, (bin + 1) * channels.length));
    hasCried ||= monitor.isRecalibrationAdvised();
  }
  return { monitor, index: monitor.currentIndex(), hasCried };
}

function score(
  { wiener, gru }: DriftSubjects,
  calibration: BinnedRecording,
  test: BinnedRecording,
  host: CalibrationHost,
): { r2: DriftScores; rollbackCount: number } {
  const plain = (model: Model): Decoder =>
    findDecoderKind(model.kind).createDecoder(model, host.makeKernels());
  const adaptive = (model: Model, options: AdaptationOptions): AdaptiveDecoder =>
    new AdaptiveDecoder(model, findDecoderKind(model.kind), host.makeKernels(), options);
  assert(gru.readIn !== undefined, 'the benchmark made the GRU with a read-in');
  const readInStatistics = fitReadInStatistics(calibration.features, gru.normalisation, gru.readIn, BIN_MS);
  const known = { ...gru, readInStatistics };
  const both = adaptive(known, { hebbian: {} });
  const r2 = {
    wiener: r2Of(plain(wiener), wiener, test),
    wienerNormalised: r2Of(adaptive(wiener, {}), wiener, test),
    gru: r2Of(plain(gru), gru, test),
    gruNormalised: r2Of(adaptive(gru, {}), gru, test),
    gruModulated: r2Of(adaptive(known, { hebbian: { eta: 0 } }), gru, test),
    gruHebbian: r2Of(adaptive(known, { normalisation: false, hebbian: {} }), gru, test),
    gruBoth: r2Of(both, gru, test),
  };
  return { r2, rollbackCount: both.account[LEARNING.rollbacks] };
}

/** Labels are not shown to a decoder that learns. */
function r2Of(decoder: Decoder | AdaptiveDecoder, model: Model, test: BinnedRecording): number {
  const { inputCount, outputCount } = decoder;
  const { binCount, segments, target } = test;
  const features = smoothFeatures(test.features, inputCount, segments, model.features.smoothing);
  const outputs = new Float32Array(binCount * outputCount);
  for (let bin = 0; bin < binCount; bin++) {
    decoder.step(
      features.subarray(bin * inputCount, (bin + 1) * inputCount),
      outputs.subarray(bin * outputCount, (bin + 1) * outputCount),
    );
    if (decoder instanceof AdaptiveDecoder) decoder.learn(UNKNOWN);
  }
  const startBin = Math.floor(binCount * SETTLING_SHARE);
  const scored = outputs.subarray(startBin * outputCount);
  return decodingMetrics(target, scored, { startBin, endBin: binCount }).r2Mean;
}

const UNKNOWN = new Float32Array(0);

function correlationsOf(rows: readonly DriftRow[]): DriftBench['correlations'] {
  return [...new Set(rows.map(({ seed }) => seed))].map((seed) => {
    const own = rows.filter((row) => row.seed === seed);
    const index = own.map((row) => row.index);
    const withR2 = (name: 'wiener' | 'gru'): Correlations => {
      const r2 = own.map((row) => row.r2[name]);
      return { spearman: spearman(index, r2), pearson: pearson(index, r2) };
    };
    return { seed, wiener: withR2('wiener'), gru: withR2('gru') };
  });
}

function reasonsOf(rows: readonly DriftRow[]): DriftBench['reasons'] {
  return DRIFT_KINDS.flatMap((drift) => {
    const own = rows.filter((row) => row.drift === drift && row.day > 0);
    const advised = own.filter(({ isAdvised }) => isAdvised);
    if (own.length === 0 || FITTING[drift] === undefined) return [];
    const fittingCount = advised.filter(({ reason }) => reason === FITTING[drift]).length;
    return [{ drift, rowCount: own.length, advisedCount: advised.length, fittingCount }];
  });
}
