/**
 * Models whose core is shared by sessions: each session has a read-in of its own, so that channels may differ in number
 * and order. A read-in is linear, as the core's first map is, and so a step computes both as one map.
 * The idea: Pandarinath et al. 2018 (LFADS, Nat Methods 15:805-815, "stitching").
 */
import type { DecoderKind, DecoderShape, Model, ReadIn, TensorData } from './decoder.ts';

/** What the kind's tensors are shaped for: the core sees latents where there is a read-in. */
export function coreShape({ shape, readIn }: Pick<Model, 'shape' | 'readIn'>): DecoderShape {
  return readIn === undefined ? shape : { ...shape, inputCount: readIn.weight.shape[0] };
}

/** W (M z + m) + b = (W M) z + (W m + b). @param weight W [rows, latents] @param bias b [rows] */
export function composeReadIn(
  weight: TensorData,
  bias: Float32Array,
  readIn: ReadIn,
): { weight: TensorData; bias: Float32Array } {
  const [rows, latentCount] = weight.shape;
  const inputCount = readIn.weight.shape[1];
  const data = new Float32Array(rows * inputCount);
  const sums = new Float64Array(inputCount);
  const offsets = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    let offset = bias[row];
    for (let l = 0; l < latentCount; l++) {
      const w = weight.data[row * latentCount + l];
      offset += w * readIn.bias.data[l];
      for (let i = 0; i < inputCount; i++) sums[i] += w * readIn.weight.data[l * inputCount + i];
    }
    data.set(sums, row * inputCount);
    offsets[row] = offset;
  }
  return { weight: { shape: [rows, inputCount], data }, bias: offsets };
}

/** The plain model that computes the same: its first map is the core's and the read-in's product. */
export function mergeReadIn(model: Model, kind: DecoderKind): Model {
  if (model.readIn === undefined || kind.ends === undefined) return model;
  const { weight, bias } = kind.ends.input;
  const merged = composeReadIn(model.tensors[weight], model.tensors[bias].data, model.readIn);
  const plain: Model = {
    ...model,
    tensors: {
      ...model.tensors,
      [weight]: merged.weight,
      [bias]: { shape: [merged.bias.length], data: merged.bias },
    },
  };
  delete plain.readIn;
  delete plain.sessions;
  delete plain.stabilizer;
  delete plain.readInStatistics;
  return plain;
}
