/**
 * PyTorch's initialisation of torch.nn.TransformerEncoderLayer and torch.nn.Linear: W_qkv uniform as in Glorot and Bengio
 * 2010 (bound sqrt(6 / (3E + E))), attention biases 0; other maps uniform in +-1/sqrt(inputs); norms gain 1, bias 0.
 */
import type { Rng } from '../../core/rng.ts';
import type { AffineNames, DecoderShape, TensorData, Tensors } from '../decoder.ts';
import { EMBEDDING, FINAL_NORM, layerNames, READOUT, transformerParameters } from './transformer.ts';
import type { TransformerConfig } from './transformer.ts';

export function initialiseTransformer(config: TransformerConfig, shape: DecoderShape, rng: Rng): Tensors {
  const { width, layerCount, feedForwardCount } = config;
  const bounds = new Map<string, number>();
  const gains = new Set<string>([FINAL_NORM.weight]);
  const setBound = ({ weight, bias }: AffineNames, bound: number): void => {
    bounds.set(weight, bound);
    bounds.set(bias, bound);
  };
  setBound(EMBEDDING, 1 / Math.sqrt(shape.inputCount));
  setBound(READOUT, 1 / Math.sqrt(width));
  for (let layer = 0; layer < layerCount; layer++) {
    const names = layerNames(layer);
    bounds.set(names.qkv.weight, Math.sqrt(6 / (4 * width)));
    bounds.set(names.attentionOut.weight, 1 / Math.sqrt(width));
    setBound(names.linear1, 1 / Math.sqrt(width));
    setBound(names.linear2, 1 / Math.sqrt(feedForwardCount));
    gains.add(names.norm1.weight).add(names.norm2.weight);
  }
  const tensors: Record<string, TensorData> = {};
  for (const spec of transformerParameters(config, shape)) {
    const data = new Float32Array(spec.shape.reduce((product, size) => product * size, 1));
    const bound = bounds.get(spec.name) ?? 0;
    if (gains.has(spec.name)) data.fill(1);
    else if (bound > 0) for (let i = 0; i < data.length; i++) data[i] = rng.uniform(-bound, bound);
    tensors[spec.name] = { shape: spec.shape, data };
  }
  return tensors;
}
