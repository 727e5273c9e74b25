/**
 * A decoder's first and last map with the normalisation folded in, so that raw features go in and outputs in the model's
 * unit come out: with normalised features (x - mean) scale, W (x - mean) scale + b is (W scale) x + (b - (W scale) mean).
 */
import type { Model, TensorData } from '../decoder.ts';
import { composeReadIn } from '../read-in.ts';

export interface FoldedMap {
  /** [rows, cols] */
  weight: TensorData;
  /** [rows] */
  bias: TensorData;
}

/** With the read-in too, if there is one. @param biasName undefined: no bias */
export function foldInput(model: Model, weightName: string, biasName?: string): FoldedMap {
  const { featureMean, featureScale } = model.normalisation;
  const { weight, bias } = withReadIn(model, weightName, biasName);
  const { data, shape } = weight;
  const [rows, cols] = shape;
  const folded = Float32Array.from(data, (w, i) => w * featureScale[i % cols]);
  const offsets = Float32Array.from(bias, (b, row) => {
    let offset = b;
    for (let i = 0; i < cols; i++) offset -= folded[row * cols + i] * featureMean[i];
    return offset;
  });
  return { weight: { shape, data: folded }, bias: { shape: [rows], data: offsets } };
}

/** @param biasName undefined: no bias */
export function foldOutput(model: Model, weightName: string, biasName?: string): FoldedMap {
  const { outputMean, outputScale } = model.normalisation;
  const { data, shape } = model.tensors[weightName];
  const [rows, cols] = shape;
  return {
    weight: { shape, data: Float32Array.from(data, (w, i) => w * outputScale[Math.floor(i / cols)]) },
    bias: {
      shape: [rows],
      data: Float32Array.from(
        biasOf(model, rows, biasName),
        (b, row) => b * outputScale[row] + outputMean[row],
      ),
    },
  };
}

function withReadIn(
  model: Model,
  weightName: string,
  biasName: string | undefined,
): { weight: TensorData; bias: Float32Array } {
  const weight = model.tensors[weightName];
  const bias = biasOf(model, weight.shape[0], biasName);
  return model.readIn === undefined ? { weight, bias } : composeReadIn(weight, bias, model.readIn);
}

/** A bias by its name, or zeros. [rows] */
export function biasOf(model: Model, rows: number, name: string | undefined): Float32Array {
  return name === undefined ? new Float32Array(rows) : model.tensors[name].data;
}
