/** How well a decoder does on held-out blocks of a session, decoded in one go so that its state is warm when a block begins. */
import type { BinnedRecording, BinnedTarget, Segment } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import { decodeSteps } from '../decode-range.ts';
import { decodingMetrics } from '../metrics.ts';
import type { DecodingMetrics } from '../metrics.ts';
import { inOneGo } from '../steps.ts';
import type { Steps } from '../steps.ts';

export interface BlockScores {
  /** Over all blocks together. */
  metrics: DecodingMetrics;
  /** Of each block: 1 - its squared error over its share of the blocks' common variance, mean of the dimensions. */
  blockR2: readonly number[];
  /** What it said there, block after block. [rows of the blocks x outputCount] in the target's unit */
  predictions: Float32Array;
}

/** The whole recording, decoded as the runtime would. @returns [binCount x outputCount] in the model's unit */
export function decodeSession(model: Model, recording: BinnedRecording, kernels: Kernels): Float32Array {
  return inOneGo(decodeSessionSteps(model, recording, kernels));
}

/** The same in steps. */
export function* decodeSessionSteps(
  model: Model,
  recording: BinnedRecording,
  kernels: Kernels,
): Steps<Float32Array> {
  const decoder = findDecoderKind(model.kind).createDecoder(model, kernels);
  return yield* decodeSteps(decoder, model, recording, { startBin: 0, endBin: recording.binCount });
}

/**
 * @param outputs [binCount x outputCount]
 * @throws BetzError CAL_TARGET_CONSTANT
 */
export function scoreBlocks(
  { target }: BinnedRecording,
  outputs: Float32Array,
  blocks: readonly Segment[],
): BlockScores {
  const width = target.labels.length;
  const truth = takeRows(target.values, width, blocks);
  const predictions = takeRows(outputs, width, blocks);
  const gathered: BinnedTarget = { ...target, values: truth };
  const metrics = decodingMetrics(gathered, predictions, { startBin: 0, endBin: truth.length / width });
  return { metrics, blockR2: blockR2(truth, predictions, width, blocks), predictions };
}

/** A block in which the target hardly moves would have a meaningless R2 of its own: the variance is that of all blocks. */
function blockR2(
  truth: Float32Array,
  predictions: Float32Array,
  width: number,
  blocks: readonly Segment[],
): number[] {
  const rowCount = truth.length / width;
  const variances = Array.from({ length: width }, (_, d) => {
    let mean = 0;
    for (let row = 0; row < rowCount; row++) mean += truth[row * width + d] / rowCount;
    let squares = 0;
    for (let row = 0; row < rowCount; row++) squares += (truth[row * width + d] - mean) ** 2;
    return squares / rowCount;
  });
  let row = 0;
  return blocks.map(({ startBin, endBin }) => {
    const end = row + endBin - startBin;
    let sum = 0;
    for (let d = 0; d < width; d++) {
      let error = 0;
      for (let i = row; i < end; i++) error += (truth[i * width + d] - predictions[i * width + d]) ** 2;
      sum += 1 - error / (end - row) / variances[d];
    }
    row = end;
    return sum / width;
  });
}

/** The blocks' rows one after another. @param rows [binCount x width] */
export function takeRows(rows: Float32Array, width: number, blocks: readonly Segment[]): Float32Array {
  const count = blocks.reduce((sum, { startBin, endBin }) => sum + endBin - startBin, 0);
  const taken = new Float32Array(count * width);
  let to = 0;
  for (const { startBin, endBin } of blocks) {
    taken.set(rows.subarray(startBin * width, endBin * width), to);
    to += (endBin - startBin) * width;
  }
  return taken;
}
