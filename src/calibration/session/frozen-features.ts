/** What a decoder hands to its readout, bin by bin: its features if all but the readout is left as it is. */
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { assert } from '../../core/errors.ts';
import type { Kernels } from '../../kernels/kernels.ts';
import type { Steps } from '../steps.ts';
import { decodeSessionSteps } from './session-scores.ts';

/** The same decoder with the identity for a readout, so that its outputs are the features. @param model of a kind with a readout */
export function withoutReadout(model: Model): Model {
  const kind = findDecoderKind(model.kind);
  assert(kind.ends !== undefined, 'the kind has a readout');
  const { weight, bias } = kind.ends.readout;
  const featureCount = model.tensors[weight].shape[1];
  const identity = new Float32Array(featureCount * featureCount);
  for (let i = 0; i < featureCount; i++) identity[i * (featureCount + 1)] = 1;
  return {
    ...model,
    shape: { ...model.shape, outputCount: featureCount },
    tensors: {
      ...model.tensors,
      [weight]: { shape: [featureCount, featureCount], data: identity },
      [bias]: { shape: [featureCount], data: new Float32Array(featureCount) },
    },
    normalisation: {
      ...model.normalisation,
      outputMean: new Float32Array(featureCount),
      outputScale: new Float32Array(featureCount).fill(1),
    },
    output: { name: 'features', labels: Array.from({ length: featureCount }, (_, i) => String(i)), unit: '' },
  };
}

/** @returns [binCount x featureCount] */
export function frozenFeatures(
  model: Model,
  recording: BinnedRecording,
  kernels: Kernels,
): Steps<Float32Array> {
  return decodeSessionSteps(withoutReadout(model), recording, kernels);
}
