/**
 * The drift index over a real recording: reference and ridge decoder from its first part, then index and R2 block by block in
 * time. A recording of the stabiliser (docs/formats.md) has its instability applied to the trials that had it.
 */
import { AdaptiveDecoder } from '../calibration/adaptive/adaptive-decoder.ts';
import { fitWiener } from '../calibration/closed-form-wiener.ts';
import { decodeRange } from '../calibration/decode-range.ts';
import { DriftMonitor } from '../calibration/drift/drift-monitor.ts';
import type { DriftReason } from '../calibration/drift/drift-monitor.ts';
import { fitDriftReference } from '../calibration/drift/drift-reference.ts';
import { isWatched } from '../calibration/drift/model-drift.ts';
import { decodingMetrics } from '../calibration/metrics.ts';
import { splitBins } from '../calibration/splits.ts';
import type { BinRange } from '../calibration/splits.ts';
import { clipSegments } from '../calibration/training-windows.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { lagBehaviour, laggedBins } from '../recording/neural-lag.ts';
import { loadKernels } from '../host/load-kernels.ts';
import { pearson, spearman } from './correlation.ts';

interface DriftBlock {
  startS: number;
  endS: number;
  /** At the end of the block. */
  index: number;
  isAdvised: boolean;
  reason: DriftReason | null;
  lostCount: number;
  /** Mean over dimensions. */
  r2: number;
  /** The same decoder with adaptive normalisation, which began with the first block. */
  r2Normalised: number;
}

export interface RecordingDrift {
  recording: string;
  targetName: string;
  referenceS: number;
  threshold: number;
  /** Whether sessions would watch by this reference, or have too few channels for that. */
  isWatched: boolean;
  blocks: DriftBlock[];
  spearman: number;
  pearson: number;
}

export interface RecordingDriftOptions {
  /** Of the recording's bins, from its start. */
  referenceShare: number;
  blockS: number;
  /** What R2 is taken over: bins of the behaviour. Default: all. */
  isScored?: (bin: number) => boolean;
  /** The decoder is fitted and scored on the behaviour so much later; the index is over all bins anyway. Default 0. */
  lagMs?: number;
}

/** @throws BetzError LOG_LAG_TOO_LONG, CAL_DRIFT_REFERENCE_SHORT, CAL_FEATURES_CONSTANT, and those of the fit of the decoder */
export function driftOfRecording(
  recording: BinnedRecording,
  { referenceShare, blockS, isScored = (): boolean => true, lagMs = 0 }: RecordingDriftOptions,
): RecordingDrift {
  const { binMs, binCount, channels, features, target } = recording;
  const channelCount = channels.length;
  const referenceBins = Math.floor(binCount * referenceShare);
  const paired: PairedBehaviour = { ...lagBehaviour(recording, lagMs), from: laggedBins(recording, lagMs) };
  const model = ridgeModel(paired, referenceBins);
  const kind = findDecoderKind('wiener');
  const decoder = kind.createDecoder(model, loadKernels());
  const adaptive = new AdaptiveDecoder(model, kind, loadKernels());
  const normalised = {
    inputCount: channelCount,
    outputCount: target.labels.length,
    step: (row: Float32Array, output: Float32Array): void => {
      adaptive.step(row, output);
      adaptive.learn(UNKNOWN);
    },
    // At a join what was adapted stays.
    reset: (): void => {
      adaptive.core.reset();
    },
  };
  const reference = fitDriftReference(
    features.subarray(0, referenceBins * channelCount),
    channelCount,
    binMs,
  );
  const monitor = new DriftMonitor(reference);
  const blockBins = Math.max(1, Math.round((blockS * 1000) / binMs));
  const blocks: DriftBlock[] = [];
  for (let startBin = referenceBins; startBin + blockBins <= binCount; startBin += blockBins) {
    const range = { startBin, endBin: startBin + blockBins };
    for (let bin = startBin; bin < range.endBin; bin++) {
      monitor.update(features.subarray(bin * channelCount, (bin + 1) * channelCount));
    }
    const { index, isRecalibrationAdvised, reasons, lostChannels } = monitor.report();
    const r2Of = (by: Parameters<typeof decodeRange>[0]): number =>
      scoreBins(paired, decodeRange(by, model, recording, range), range, isScored);
    blocks.push({
      startS: (startBin * binMs) / 1000,
      endS: (range.endBin * binMs) / 1000,
      index,
      isAdvised: isRecalibrationAdvised,
      reason: reasons[0] ?? null,
      lostCount: lostChannels.length,
      r2: r2Of(decoder),
      r2Normalised: r2Of(normalised),
    });
  }
  const index = blocks.map((block) => block.index);
  const r2 = blocks.map((block) => block.r2);
  return {
    recording: recording.name,
    targetName: target.name,
    referenceS: (referenceBins * binMs) / 1000,
    threshold: monitor.threshold,
    isWatched: isWatched(reference),
    blocks,
    spearman: spearman(index, r2),
    pearson: pearson(index, r2),
  };
}

/** Labels are not shown to the adaptation. */
const UNKNOWN = new Float32Array(0);

/** The bins that have behaviour, and where in the recording they come from. */
interface PairedBehaviour extends BinnedRecording {
  from: ReturnType<typeof laggedBins>;
}

/** @param referenceBins of the recording: it learns from the first 80 % of what they are paired with */
function ridgeModel(paired: PairedBehaviour, referenceBins: number): Model {
  const { channels, target, binMs, from } = paired;
  const binCount = from.features.filter((bin) => bin < referenceBins).length;
  const part: BinnedRecording = {
    ...paired,
    binCount,
    features: paired.features.subarray(0, binCount * channels.length),
    target: { ...target, values: target.values.subarray(0, binCount * target.labels.length) },
    segments: clipSegments(paired.segments, { startBin: 0, endBin: binCount }),
  };
  const { smoothing, ...fitted } = fitWiener(part, splitBins(part.binCount)).model;
  return {
    kind: 'wiener',
    ...fitted,
    features: { name: 'spikeCounts', smoothing, channelLabels: channels.map(({ label }) => label) },
    output: { name: target.name, labels: target.labels, unit: target.unit },
    binMs,
    provenance: {},
  };
}

/** @param outputs of the recording's bins in the range */
function scoreBins(
  { target, from }: PairedBehaviour,
  outputs: Float32Array,
  range: BinRange,
  isScored: (bin: number) => boolean,
): number {
  const width = target.labels.length;
  const rows: number[] = [];
  from.features.forEach((bin, row) => {
    if (bin >= range.startBin && bin < range.endBin && isScored(from.behaviour[row])) rows.push(row);
  });
  const pick = (values: Float32Array, places: readonly number[]): Float32Array =>
    Float32Array.from({ length: places.length * width }, (_, i) => {
      return values[places[Math.floor(i / width)] * width + (i % width)];
    });
  const picked = { ...target, values: pick(target.values, rows) };
  const decoded = pick(
    outputs,
    rows.map((row) => from.features[row] - range.startBin),
  );
  return decodingMetrics(picked, decoded, { startBin: 0, endBin: rows.length }).r2Mean;
}
