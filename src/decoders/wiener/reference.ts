/** The Wiener filter as its equation says it, in float64: the specification of the streaming step. */
import type { Model } from '../decoder.ts';

/**
 * @param features raw, [binCount x inputCount]
 * @returns [binCount x outputCount]
 */
export function referenceSequence(
  model: Model,
  lagCount: number,
  features: Float32Array,
  binCount: number,
): Float32Array {
  const { inputCount, outputCount } = model.shape;
  const { featureMean, featureScale, outputMean, outputScale } = model.normalisation;
  const weight = model.tensors['weight'].data;
  const bias = model.tensors['bias'].data;
  const outputs = new Float32Array(binCount * outputCount);
  for (let t = 0; t < binCount; t++) {
    for (let o = 0; o < outputCount; o++) {
      let y = bias[o];
      for (let lag = 0; lag < Math.min(lagCount, t + 1); lag++) {
        for (let i = 0; i < inputCount; i++) {
          const z = (features[(t - lag) * inputCount + i] - featureMean[i]) * featureScale[i];
          y += weight[(o * lagCount + lag) * inputCount + i] * z;
        }
      }
      outputs[t * outputCount + o] = y * outputScale[o] + outputMean[o];
    }
  }
  return outputs;
}
