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
import { decodingMetrics } from '../calibration/metrics.ts';
import { splitBins } from '../calibration/splits.ts';
import type { BinRange } from '../calibration/splits.ts';
import { clipSegments } from '../calibration/training-windows.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
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
  blocks: DriftBlock[];
  spearman: number;
  pearson: number;
}

/** @param options.referenceShare of the recording's bins, from its start; @param options.isScored bins that R2 is taken over */
export function driftOfRecording(
  recording: BinnedRecording,
  options: { referenceShare: number; blockS: number; isScored?: (bin: number) => boolean },
): RecordingDrift {
  const { binMs, binCount, channels, features, target } = recording;
  const channelCount = channels.length;
  const referenceBins = Math.floor(binCount * options.referenceShare);
  const model = ridgeModel(recording, { startBin: 0, endBin: referenceBins });
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
  const blockBins = Math.max(1, Math.round((options.blockS * 1000) / binMs));
  const blocks: DriftBlock[] = [];
  for (let startBin = referenceBins; startBin + blockBins <= binCount; startBin += blockBins) {
    const range = { startBin, endBin: startBin + blockBins };
    for (let bin = startBin; bin < range.endBin; bin++) {
      monitor.update(features.subarray(bin * channelCount, (bin + 1) * channelCount));
    }
    const { index, isRecalibrationAdvised, reasons, lostChannels } = monitor.report();
    const r2Of = (by: Parameters<typeof decodeRange>[0]): number =>
      scoreBins(
        target,
        decodeRange(by, model, recording, range),
        range,
        options.isScored ?? ((): boolean => true),
      );
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
    blocks,
    spearman: spearman(index, r2),
    pearson: pearson(index, r2),
  };
}

/** Labels are not shown to the adaptation. */
const UNKNOWN = new Float32Array(0);

function ridgeModel(recording: BinnedRecording, range: BinRange): Model {
  const { channels, target, binMs } = recording;
  const dimensionCount = target.labels.length;
  const part: BinnedRecording = {
    ...recording,
    binCount: range.endBin,
    features: recording.features.subarray(0, range.endBin * channels.length),
    target: { ...target, values: target.values.subarray(0, range.endBin * dimensionCount) },
    segments: clipSegments(recording.segments, range),
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

function scoreBins(
  target: BinnedRecording['target'],
  outputs: Float32Array,
  range: BinRange,
  isScored: (bin: number) => boolean,
): number {
  const width = target.labels.length;
  const bins: number[] = [];
  for (let bin = range.startBin; bin < range.endBin; bin++) if (isScored(bin)) bins.push(bin);
  const pick = (values: Float32Array, firstBin: number): Float32Array =>
    Float32Array.from({ length: bins.length * width }, (_, i) => {
      const bin = bins[Math.floor(i / width)] - firstBin;
      return values[bin * width + (i % width)];
    });
  const picked = { ...target, values: pick(target.values, 0) };
  return decodingMetrics(picked, pick(outputs, range.startBin), { startBin: 0, endBin: bins.length }).r2Mean;
}
