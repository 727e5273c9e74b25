/** Runs a decoder over bins of a recording as the runtime would: fresh at the start and at every join. */
import type { BinnedRecording } from '../core/recording.ts';
import type { Decoder, Model } from '../decoders/decoder.ts';
import { smoothFeatures } from './feature-matrix.ts';
import type { BinRange } from './splits.ts';
import { inOneGo } from './steps.ts';
import type { Steps } from './steps.ts';
import { clipSegments } from './training-windows.ts';

type RangeDecoder = Pick<Decoder, 'inputCount' | 'outputCount' | 'step' | 'reset'>;

/** Some 20 to 200 ms of most decoders. */
const STEP_BINS = 512;

/** @returns [range's bins x outputCount] in the model's output unit */
export function decodeRange(
  decoder: RangeDecoder,
  model: Pick<Model, 'features'>,
  recording: BinnedRecording,
  range: BinRange,
): Float32Array {
  return inOneGo(decodeSteps(decoder, model, recording, range));
}

/** The same in steps of some bins. */
export function* decodeSteps(
  decoder: RangeDecoder,
  model: Pick<Model, 'features'>,
  recording: BinnedRecording,
  range: BinRange,
): Steps<Float32Array> {
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
      if ((bin + 1) % STEP_BINS === 0) yield;
    }
  }
  return outputs;
}
