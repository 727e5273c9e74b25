/**
 * Transformer decoder: pre-norm blocks of causal attention over a band of bins and a feed-forward network, and a linear
 * readout.
 *
 * Glossary (Vaswani et al. 2017, arXiv 1706.03762, section 3; norms before the branches as in Xiong et al. 2020, arXiv
 * 2002.04745, figure 1b; rotary positions of Su et al. 2021, RoFormer, arXiv 2104.09864, section 3.2)
 *   x [E]     features of a bin, then the residual stream   n [E]   x after a layer norm
 *   q, k, v   query, key, value [heads, D], D = E / heads   R(p)    turns a head by its position (tensor/rotary.ts)
 *   a         weight of a bin's key for a query             o [E]   attended values, heads side by side
 *   I inputs, E width, F feed-forward units, O outputs, W window, t a bin
 * Equations
 *   x = W_e features + b_e
 *   per layer:  n = norm1(x);  q, k, v = W_qkv n + b_qkv
 *               a(t, j) = softmax over t - W < j <= t of (R(t) q_t) . (R(j) k_j) / sqrt(D);  o_t = sum over j of a(t, j) v_j
 *               x = x + W_o o + b_o
 *               n = norm2(x);  x = x + W_2 gelu(W_1 n + b_1) + b_2
 *   y = W_r norm(x) + b_r
 * A bin sees layerCount (W - 1) bins before it. gelu is the tanh form.
 * Tensors carry the names of torch.nn.TransformerEncoder(norm_first=True) and of the linear maps around it:
 *   embedding.weight [E, I], embedding.bias [E], layers.0.self_attn.in_proj_weight [3E, E] (rows q, k, v),
 *   layers.0.self_attn.in_proj_bias [3E], layers.0.self_attn.out_proj.weight [E, E], .bias [E], layers.0.linear1.weight [F, E],
 *   .bias [F], layers.0.linear2.weight [E, F], .bias [E], layers.0.norm1.weight [E], .bias [E], layers.0.norm2..., ... ;
 *   norm.weight [E], norm.bias [E], readout.weight [O, E], readout.bias [O].
 */
import { z } from 'zod';
import type { AffineNames, DecoderShape, ParameterSpec } from '../decoder.ts';

export const transformerConfigSchema = z
  .strictObject({
    /** E */
    width: z.int().min(2).max(4096).default(96),
    layerCount: z.int().min(1).max(16).default(2),
    headCount: z.int().min(1).max(64).default(4),
    /** W: a bin attends to itself and the W - 1 bins before it. */
    windowBins: z.int().min(1).max(4096).default(64),
    /** F; 4 E when it is not given. */
    feedForwardCount: z.int().min(1).max(16_384).optional(),
    /** Probability that an input feature is zeroed in training. */
    inputDropout: z.number().min(0).max(0.95).default(0.4),
    /** The same for what a branch adds to the residual stream. */
    layerDropout: z.number().min(0).max(0.95).default(0.2),
  })
  .transform((config) => ({ ...config, feedForwardCount: config.feedForwardCount ?? 4 * config.width }))
  .refine(({ width, headCount }) => width % (2 * headCount) === 0, {
    message: 'headCount has to divide width into heads of an even width',
    path: ['headCount'],
  });
export type TransformerConfig = z.infer<typeof transformerConfigSchema>;

export interface LayerNames {
  norm1: AffineNames;
  qkv: AffineNames;
  attentionOut: AffineNames;
  norm2: AffineNames;
  linear1: AffineNames;
  linear2: AffineNames;
}

function affineNames(prefix: string): AffineNames {
  return { weight: `${prefix}.weight`, bias: `${prefix}.bias` };
}

export const EMBEDDING = affineNames('embedding');
export const FINAL_NORM = affineNames('norm');
export const READOUT = affineNames('readout');

/** Names of one layer's tensors. */
export function layerNames(layer: number): LayerNames {
  const prefix = `layers.${layer}`;
  return {
    norm1: affineNames(`${prefix}.norm1`),
    qkv: { weight: `${prefix}.self_attn.in_proj_weight`, bias: `${prefix}.self_attn.in_proj_bias` },
    attentionOut: affineNames(`${prefix}.self_attn.out_proj`),
    norm2: affineNames(`${prefix}.norm2`),
    linear1: affineNames(`${prefix}.linear1`),
    linear2: affineNames(`${prefix}.linear2`),
  };
}

/** Matrices are decayed; biases and the norms' gains are not, as in GPT-2 and since. */
export function transformerParameters(config: TransformerConfig, shape: DecoderShape): ParameterSpec[] {
  const { width, layerCount, feedForwardCount } = config;
  const linear = ({ weight, bias }: AffineNames, outCount: number, inCount: number): ParameterSpec[] => [
    { name: weight, shape: [outCount, inCount] },
    { name: bias, shape: [outCount], update: 'undecayed' },
  ];
  const norm = (names: AffineNames): ParameterSpec[] =>
    [names.weight, names.bias].map((name) => ({ name, shape: [width], update: 'undecayed' }));
  const layers = Array.from({ length: layerCount }, (_, layer) => {
    const names = layerNames(layer);
    return [
      ...linear(names.qkv, 3 * width, width),
      ...linear(names.attentionOut, width, width),
      ...linear(names.linear1, feedForwardCount, width),
      ...linear(names.linear2, width, feedForwardCount),
      ...norm(names.norm1),
      ...norm(names.norm2),
    ];
  });
  return [
    ...linear(EMBEDDING, width, shape.inputCount),
    ...layers.flat(),
    ...norm(FINAL_NORM),
    ...linear(READOUT, shape.outputCount, width),
  ];
}
