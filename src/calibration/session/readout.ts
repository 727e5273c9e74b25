/** The readout of a model: a linear map from frozen features to normalised outputs. */
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { findDecoderKind } from '../../decoders/registry.ts';
import { assert } from '../../core/errors.ts';

/** Normalised outputs = features x weight^T + bias. */
export interface Readout {
  /** [outputCount x featureCount] */
  weight: Float32Array;
  /** [outputCount] */
  bias: Float32Array;
}

export function readoutOf(model: Model): Readout {
  const { weight, bias } = readoutNames(model);
  return { weight: model.tensors[weight].data, bias: model.tensors[bias].data };
}

export function withReadout(model: Model, readout: Readout): Model {
  const names = readoutNames(model);
  const { tensors } = model;
  return {
    ...model,
    tensors: {
      ...tensors,
      [names.weight]: { shape: tensors[names.weight].shape, data: readout.weight },
      [names.bias]: { shape: tensors[names.bias].shape, data: readout.bias },
    },
  };
}

/** @returns normalised outputs [binCount x outputCount] */
export function applyReadout({ weight, bias }: Readout, features: Float32Array): Float32Array {
  const outputCount = bias.length;
  const featureCount = weight.length / outputCount;
  const binCount = features.length / featureCount;
  const outputs = new Float32Array(binCount * outputCount);
  for (let bin = 0; bin < binCount; bin++) {
    for (let o = 0; o < outputCount; o++) {
      let sum = bias[o];
      for (let i = 0; i < featureCount; i++)
        sum += weight[o * featureCount + i] * features[bin * featureCount + i];
      outputs[bin * outputCount + o] = sum;
    }
  }
  return outputs;
}

/** The session's targets as the core is trained on them. [binCount x outputCount] */
export function normalisedTargets({ normalisation }: Model, { target }: BinnedRecording): Float32Array {
  const { outputMean, outputScale } = normalisation;
  const count = outputMean.length;
  return target.values.map((y, i) => (y - outputMean[i % count]) / outputScale[i % count]);
}

function readoutNames(model: Model): { weight: string; bias: string } {
  const { ends } = findDecoderKind(model.kind);
  assert(ends !== undefined, 'the kind has a readout');
  return ends.readout;
}
