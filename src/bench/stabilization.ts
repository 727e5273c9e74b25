/**
 * `betz bench stabilization`: what the recorded instability of a day costs a decoder, and how much of it the stabiliser brings
 * back without labels. Decoders are fitted on calibration trials and never again; what changes is the map from channels to
 * latents, or to what the core is given.
 */
import { calibrateByGradient } from '../calibration/calibrate-gradient.ts';
import type { CalibrationHost } from '../calibration/calibrate.ts';
import { decodeRange } from '../calibration/decode-range.ts';
import { decodingMetrics } from '../calibration/metrics.ts';
import { splitBins } from '../calibration/splits.ts';
import { modelOfLatents, stabilizeModel, withReference } from '../calibration/stabilize-model.ts';
import { fitReference, latentsOf, stabilize, unlabelledCounts } from '../calibration/stabilize.ts';
import type { DroppedChannel } from '../calibration/stabilize.ts';
import type { BinnedRecording, Recording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { latentRecording } from '../calibration/calibrate-latents.ts';
import { parseConfig } from '../decoders/parse-config.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import type { RecordedInstability } from '../recording/recorded-instability.ts';
import { decodeLatents, fitLatentRidge } from './latent-ridge.ts';
import { movementRows, stabilizationData } from './stabilization-data.ts';
import type { NewDayAmount, StabilizationData, TrialSet } from './stabilization-data.ts';

export interface StabilizationBenchOptions {
  recording: Recording;
  instability: RecordedInstability;
  /** 'ridge' and kinds that are trained by gradient. */
  decoders: readonly string[];
  /** Settings of those kinds. */
  config?: Readonly<Record<string, unknown>>;
  /** What those kinds are trained on: the reference's latents, or the channels, as most decoders are. */
  inputs: 'latents' | 'channels';
  /** Training steps; default: by the amount of data. */
  stepCount?: number;
  /** Of factor analysis and of training: both days' fits take the same one. */
  seeds: readonly number[];
  /** How much of the new day the stabiliser gets; Infinity: all trials. */
  newDaySeconds: readonly number[];
  /** Which of it: the trials just before those of evaluation, or the first after the instability began. */
  newDayPart: NewDayAmount['part'];
  /** Bins are paired with the behaviour so much later. Default 0. */
  lagMs?: number;
  host: CalibrationHost;
  onProgress?: (line: string) => void;
}

/** R2 on the evaluation trials, in the order of the target's labels. */
export interface StabilizationRow {
  decoder: string;
  seed: number;
  /** What the stabiliser got. */
  newDayS: number;
  r2Before: number[];
  r2Unstable: number[];
  r2Stabilized: number[];
  /** Of the mean R2 that the instability cost: what came back. */
  recoveredShare: number;
  stabilizeS: number;
  dropped: readonly DroppedChannel[];
}

const NS_PER_S = 1e9;

/** @throws BetzError LOG_TRIALS_MISSING, LOG_TARGET_UNKNOWN, LOG_LAG_TOO_LONG, DEC_KIND_UNKNOWN, DEC_CONFIG_INVALID, CAL_* */
export async function benchStabilization(options: StabilizationBenchOptions): Promise<StabilizationRow[]> {
  const { recording, instability, decoders, seeds, newDaySeconds, newDayPart: part, host } = options;
  const amounts = newDaySeconds.map((seconds) =>
    stabilizationData(recording, instability, { seconds, part }, options.lagMs),
  );
  const rows: StabilizationRow[] = [];
  for (const decoder of decoders) {
    for (const seed of seeds) {
      options.onProgress?.(`${decoder}, seed ${seed}`);
      const contestant =
        decoder === 'ridge'
          ? ridgeOn(amounts[0], seed)
          : await gradientOn(decoder, amounts[0], seed, options);
      for (const data of amounts) rows.push(measure(contestant, data, seed, host));
    }
  }
  return rows;
}

interface Contestant {
  name: string;
  /** Decodes a set as on the day of calibration. [bins x outputs] */
  decode: (set: TrialSet) => Float32Array;
  /** The same decoder behind the map of a new day. */
  stabilized(newDay: TrialSet): {
    decode: (set: TrialSet) => Float32Array;
    dropped: readonly DroppedChannel[];
  };
}

function measure(
  contestant: Contestant,
  data: StabilizationData,
  seed: number,
  { clock }: CalibrationHost,
): StabilizationRow {
  const { before, after } = data.evaluation;
  const startNs = clock.nowNs();
  const { decode, dropped } = contestant.stabilized(data.newDay);
  const stabilizeS = (clock.nowNs() - startNs) / NS_PER_S;
  const r2Before = score(before, contestant.decode(before));
  const r2Unstable = score(after, contestant.decode(after));
  const r2Stabilized = score(after, decode(after));
  return {
    decoder: contestant.name,
    seed,
    newDayS: (data.newDay.binned.binCount * data.newDay.binned.binMs) / 1000,
    r2Before,
    r2Unstable,
    r2Stabilized,
    recoveredShare: (mean(r2Stabilized) - mean(r2Unstable)) / (mean(r2Before) - mean(r2Unstable)),
    stabilizeS,
    dropped,
  };
}

function ridgeOn({ calibration }: StabilizationData, seed: number): Contestant {
  const reference = fitReference(unlabelledCounts(calibration.binned), { seed });
  const { factors } = reference;
  const ridge = fitLatentRidge(
    calibration,
    latentsOf(factors, calibration.binned.features),
    factors.latentCount,
  );
  return {
    name: 'ridge',
    decode: (set) => decodeLatents(ridge, set, latentsOf(factors, set.binned.features)),
    stabilized: ({ binned }) => {
      const today = stabilize(reference, unlabelledCounts(binned), { seed });
      return {
        dropped: today.dropped,
        decode: (set) => decodeLatents(ridge, set, latentsOf(today.factors, set.binned.features)),
      };
    },
  };
}

async function gradientOn(
  kindName: string,
  { calibration: { binned } }: StabilizationData,
  seed: number,
  options: StabilizationBenchOptions,
): Promise<Contestant> {
  const model =
    options.inputs === 'latents'
      ? await trainOnLatents(kindName, binned, seed, options)
      : withReference(await train(kindName, binned, seed, options), unlabelledCounts(binned), seed);
  const decodeWith = (used: Model, { binned }: TrialSet): Float32Array => {
    const decoder = findDecoderKind(used.kind).createDecoder(used, options.host.makeKernels());
    return decodeRange(decoder, used, binned, { startBin: 0, endBin: binned.binCount });
  };
  return {
    name: kindName,
    decode: (set) => decodeWith(model, set),
    stabilized: ({ binned }) => {
      const today = stabilizeModel(model, unlabelledCounts(binned), { seed });
      return { dropped: today.stabilization.dropped, decode: (set) => decodeWith(today.model, set) };
    },
  };
}

async function trainOnLatents(
  kindName: string,
  calibration: BinnedRecording,
  seed: number,
  options: StabilizationBenchOptions,
): Promise<Model> {
  const reference = fitReference(unlabelledCounts(calibration), { seed });
  const core = await train(kindName, latentRecording(calibration, reference), seed, options);
  return modelOfLatents(core, reference, calibration.features);
}

async function train(
  kindName: string,
  recording: BinnedRecording,
  seed: number,
  { config = {}, stepCount, host }: StabilizationBenchOptions,
): Promise<Model> {
  const kind = findDecoderKind(kindName);
  const settings = { seed, ...(stepCount === undefined ? {} : { stepCount }) };
  // The last fifth of the calibration trials, which `splitBins` would hold out for a report, is for choosing; all are learned from.
  const { fit, test } = splitBins(recording.binCount);
  const splits = { train: fit, validation: test, fit: { startBin: 0, endBin: test.endBin }, test };
  const { model } = await calibrateByGradient(
    recording,
    splits,
    kind,
    parseConfig(kind, config),
    settings,
    host,
    () => undefined,
  );
  const { smoothing, ...parts } = model;
  const { name, labels, unit } = recording.target;
  return {
    ...parts,
    kind: kind.name,
    features: { name: 'spikeCounts', smoothing, channelLabels: recording.channels.map(({ label }) => label) },
    output: { name, labels, unit },
    binMs: recording.binMs,
    provenance: { recording: recording.name },
  };
}

function score(set: TrialSet, outputs: Float32Array): number[] {
  const { target } = set.binned;
  const width = target.labels.length;
  const values = movementRows(set, target.values, width);
  const range = { startBin: 0, endBin: values.length / width };
  return decodingMetrics({ ...target, values }, movementRows(set, outputs, width), range).r2;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
