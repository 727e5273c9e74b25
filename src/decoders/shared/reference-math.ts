/** Pieces of the reference sequences, in float64 and plain loops. */
import type { Model, TensorData } from '../decoder.ts';

/** W x + b. @param weight [rows, x.length] @param bias [rows] */
export function affine(weight: TensorData, bias: TensorData | undefined, x: ArrayLike<number>): Float64Array {
  const rows = weight.data.length / x.length;
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = bias === undefined ? 0 : bias.data[row];
    for (let i = 0; i < x.length; i++) sum += weight.data[row * x.length + i] * x[i];
    return sum;
  });
}

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Normalised features of one bin. @param features [bins x inputCount], raw */
function normalisedRow(model: Model, features: Float32Array, bin: number): Float64Array {
  const { featureMean, featureScale } = model.normalisation;
  const { inputCount } = model.shape;
  return Float64Array.from(
    { length: inputCount },
    (_, i) => (features[bin * inputCount + i] - featureMean[i]) * featureScale[i],
  );
}

/**
 * Runs `step` on the normalised features of every bin, or the latents that the read-in makes of them, and scales what it gives to the model's unit.
 * @param step [inputCount] -> [outputCount], normalised
 * @returns [bins x outputCount]
 */
export function referenceOutputs(
  model: Model,
  features: Float32Array,
  binCount: number,
  step: (x: Float64Array) => ArrayLike<number>,
): Float32Array {
  const { readIn } = model;
  const { outputMean, outputScale } = model.normalisation;
  const { outputCount } = model.shape;
  const outputs = new Float32Array(binCount * outputCount);
  for (let bin = 0; bin < binCount; bin++) {
    const z = normalisedRow(model, features, bin);
    const y = step(readIn === undefined ? z : affine(readIn.weight, readIn.bias, z));
    for (let o = 0; o < outputCount; o++)
      outputs[bin * outputCount + o] = y[o] * outputScale[o] + outputMean[o];
  }
  return outputs;
}
