/**
 * RWKV-4 decoder (Peng et al. 2023, arXiv 2305.13048): blocks of time mixing, which remembers, and channel mixing, which
 * computes, on a residual stream.
 *
 * Glossary (paper, section 3.1; the names in brackets are the authors' code)
 *   x [d]          residual stream                    n [d]        x after a layer norm
 *   mu [d]         share of this bin in a mix with the bin before (time_mix_*, "token shift", 3.1.1)
 *   r, k, v [d]    receptance, key, value             w, u [d]     decay (-exp of time_decay) and first-bin bonus (time_first)
 *   aa, bb, pp [d] sums and exponent that wkv is read from (appendix D)      F hidden units of channel mixing, I inputs, O outputs
 * Equations, per bin; s(.) is the logistic function, * elementwise; mix(n, mu) = mu * n + (1 - mu) * n of the bin before (0 at first)
 *   x = LN0(W_e features + b_e)                                                               before block 0
 *   n = LN1(x);  r = W_r mix(n, mu_r),  k = W_k mix(n, mu_k),  v = W_v mix(n, mu_v)           time mixing, 3.1.2
 *     x = x + W_o (s(r) * wkv);  wkv, from k, v, w, u and the state, as in kernels/assembly/wkv.ts
 *   n = LN2(x);  r = W_r mix(n, mu_r),  k = max(0, W_k mix(n, mu_k))^2                        channel mixing, 3.1.3
 *     x = x + s(r) * W_v k
 *   y = W_y LN_out(x) + b_y
 * Tensors carry the authors' names: blocks.0.ln0, blocks.N.ln1, blocks.N.ln2, ln_out (.weight, .bias [d]);
 *   blocks.N.att.time_decay, .time_first, .time_mix_k, .time_mix_v, .time_mix_r [d], .key, .value, .receptance, .output (.weight [d, d]);
 *   blocks.N.ffn.time_mix_k, .time_mix_r [d], .key.weight [F, d], .receptance.weight [d, d], .value.weight [d, F].
 * The authors store time_mix_* as [1, 1, d]. Ours: embedding.weight [d, I], embedding.bias [d], from features in place of their
 * table of tokens; readout.weight [O, d], readout.bias [O] in place of their head.
 */
import { z } from 'zod';
import type { DecoderShape, ParameterSpec } from '../decoder.ts';

const settings = z.strictObject({
  /** d */
  width: z.int().min(2).max(4096).default(96),
  layerCount: z.int().min(1).max(16).default(2),
  /** F; 4 d unless given. */
  feedForwardCount: z.int().min(1).max(16384).optional(),
  /** Probability that an input feature is zeroed in training. */
  inputDropout: z.number().min(0).max(0.95).default(0.4),
  /** The same for what a mixing adds to the residual stream. */
  layerDropout: z.number().min(0).max(0.95).default(0.1),
});
export const rwkvConfigSchema = settings.transform((given) => ({
  ...given,
  feedForwardCount: given.feedForwardCount ?? 4 * given.width,
}));
export type RwkvConfig = z.infer<typeof rwkvConfigSchema>;

/** Names of one block's tensors; norms are the starts of two names. */
export function blockNames(block: number) {
  const att = `blocks.${block}.att`;
  const ffn = `blocks.${block}.ffn`;
  return {
    norm1: `blocks.${block}.ln1`,
    norm2: `blocks.${block}.ln2`,
    att: {
      decay: `${att}.time_decay`,
      first: `${att}.time_first`,
      mixR: `${att}.time_mix_r`,
      mixK: `${att}.time_mix_k`,
      mixV: `${att}.time_mix_v`,
      receptance: `${att}.receptance.weight`,
      key: `${att}.key.weight`,
      value: `${att}.value.weight`,
      output: `${att}.output.weight`,
    },
    ffn: {
      mixR: `${ffn}.time_mix_r`,
      mixK: `${ffn}.time_mix_k`,
      receptance: `${ffn}.receptance.weight`,
      key: `${ffn}.key.weight`,
      value: `${ffn}.value.weight`,
    },
  };
}

export const EMBEDDING_NORM = 'blocks.0.ln0';
export const OUTPUT_NORM = 'ln_out';

export function rwkvParameters(config: RwkvConfig, shape: DecoderShape): ParameterSpec[] {
  const { width: d, feedForwardCount: F, layerCount } = config;
  const specs: ParameterSpec[] = [
    { name: 'embedding.weight', shape: [d, shape.inputCount] },
    { name: 'embedding.bias', shape: [d] },
    ...normSpecs(EMBEDDING_NORM, d),
  ];
  for (let block = 0; block < layerCount; block++) {
    const { norm1, norm2, att, ffn } = blockNames(block);
    specs.push(...normSpecs(norm1, d), ...normSpecs(norm2, d));
    for (const name of [att.decay, att.first, att.mixR, att.mixK, att.mixV, ffn.mixR, ffn.mixK]) {
      specs.push({ name, shape: [d], update: 'undecayed' });
    }
    for (const name of [att.receptance, att.key, att.value, att.output]) specs.push({ name, shape: [d, d] });
    specs.push({ name: ffn.receptance, shape: [d, d] });
    specs.push({ name: ffn.key, shape: [F, d] });
    specs.push({ name: ffn.value, shape: [d, F] });
  }
  specs.push(...normSpecs(OUTPUT_NORM, d));
  specs.push({ name: 'readout.weight', shape: [shape.outputCount, d] });
  specs.push({ name: 'readout.bias', shape: [shape.outputCount] });
  return specs;
}

function normSpecs(name: string, d: number): ParameterSpec[] {
  return ['weight', 'bias'].map((part) => ({ name: `${name}.${part}`, shape: [d], update: 'undecayed' }));
}
