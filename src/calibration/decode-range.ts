/** Runs a decoder over bins of a recording as the runtime would: fresh at the start and at every join. */
import type { BinnedRecording } from '../core/recording.ts';
import type { Decoder, Model } from '../decoders/decoder.ts';
import { smoothFeatures } from './feature-matrix.ts';
import type { BinRange } from './splits.ts';
import { clipSegments } from './training-windows.ts';

/** @returns [range's bins x outputCount] in the model's output unit */
export function decodeRange(
  decoder: Pick<Decoder, 'inputCount' | 'outputCount' | 'step' | 'reset'>,
  model: Pick<Model, 'features'>,
  recording: BinnedRecording,
  range: BinRange,
): Float32Array {
  const { inputCount, outputCount } = decoder;
  const segments = clipSegments(recording.segments, range);
  const features = smoothFeatures(recording.features, inputCount, segments, model.features.smoothing);
  const outputs = new Float32Array((range.endBin - range.startBin) * outputCount);
  const row = new Float32Array(inputCount);
  const output = new Float32Array(outputCount);
  for (const { startBin, endBin } of segments) {
    decoder.reset();
    for (let bin = startBin; bin < endBin; bin++) {
      for (let i = 0; i < inputCount; i++) row[i] = features[bin * inputCount + i];
      decoder.step(row, output);
      outputs.set(output, (bin - range.startBin) * outputCount);
    }
  }
  return outputs;
}
