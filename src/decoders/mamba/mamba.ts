/**
 * Mamba decoder: a linear map of the features, residual blocks of selective state spaces, and a linear readout.
 *
 * Glossary (Gu and Dao 2023, arXiv 2312.00752; sections and algorithms of that paper)
 *   u [W]       what flows along the residual blocks (section 3.4)
 *   x, z [D]    the two halves of a block's expanded input, figure 3; D = expand W
 *   dt [D]      step size of every channel, positive (section 3.2, algorithm 2, "delta")
 *   B, C [N]    how the input enters the N states, how they are read (algorithm 2); the same for all channels
 *   A [D, N]    decay rates, negative (section 3.6)
 *   h [D, N]    the states of a layer, N for every channel (section 2)
 *   skip [D]    what of x goes around the states (their "D")
 *   K           bins of the convolution, R rank of the step size (section 3.6)
 * Equations, per layer, with * elementwise, h and A by rows:
 *   [x; z] = W_in rmsNorm(u)
 *   x = silu(conv(x))                        conv: each channel by itself over the last K bins, with a bias
 *   [r; B; C] = W_x x
 *   dt = softplus(W_dt r + b_dt)
 *   h <- exp(dt A) * h + (dt * x) B^T,       A = -exp(A_log)
 *   y = h C + skip * x
 *   u <- u + W_out (y * silu(z))
 * around them  u = W_e features + b_e  and  output = W_o rmsNorm(u) + b_o.  A is discretised by zero-order hold and B by
 * Euler's rule (dt B), as the authors' code does it.
 *
 * Tensors carry the names of the authors' package mamba-ssm, listed in `mambaParameters`; embedding and readout are ours,
 * because theirs are tables of words.
 */
import { z } from 'zod';
import type { DecoderShape, ParameterSpec } from '../decoder.ts';

/** Section 3.6: the rank of the step size is a small part of the width. */
const WIDTH_PER_RANK = 16;

export const mambaConfigSchema = z
  .strictObject({
    /** W: width of the residual stream. */
    width: z.int().min(1).max(2048).default(96),
    layerCount: z.int().min(1).max(16).default(2),
    /** N: states of a channel. */
    stateCount: z.int().min(1).max(256).default(16),
    /** K: bins that the convolution sees, this one included. */
    convBins: z.int().min(1).max(32).default(4),
    /** Channels of a block per unit of width. */
    expand: z.int().min(1).max(8).default(2),
    /** R. Default: width / 16, rounded up. */
    rankCount: z.int().min(1).max(2048).optional(),
    /** Range of dt at the start of training; states decay by exp(-dt n), n = 1 to N, in a bin. */
    dtMin: z.number().min(1e-4).max(10).default(0.001),
    dtMax: z.number().min(1e-4).max(10).default(0.1),
    /** Probability that an input feature is zeroed in training. */
    inputDropout: z.number().min(0).max(0.95).default(0.4),
    /** The same for what a layer adds to the residual stream. */
    layerDropout: z.number().min(0).max(0.95).default(0),
  })
  .refine(({ dtMin, dtMax }) => dtMin <= dtMax, { message: 'dtMin is above dtMax', path: ['dtMin'] })
  .transform((config) => ({
    ...config,
    rankCount: config.rankCount ?? Math.ceil(config.width / WIDTH_PER_RANK),
  }));
export type MambaConfig = z.infer<typeof mambaConfigSchema>;

/** D */
export function channelCountOf({ width, expand }: MambaConfig): number {
  return width * expand;
}

/** Names of one layer's tensors. */
export function layerNames(layer: number) {
  const mixer = `layers.${layer}.mixer`;
  return {
    norm: `layers.${layer}.norm.weight`,
    inWeight: `${mixer}.in_proj.weight`,
    convWeight: `${mixer}.conv1d.weight`,
    convBias: `${mixer}.conv1d.bias`,
    xWeight: `${mixer}.x_proj.weight`,
    dtWeight: `${mixer}.dt_proj.weight`,
    dtBias: `${mixer}.dt_proj.bias`,
    aLog: `${mixer}.A_log`,
    skip: `${mixer}.D`,
    outWeight: `${mixer}.out_proj.weight`,
  } as const;
}

/**
 * The authors spare A_log and D from weight decay; so do we, and the bias of dt, which is a time constant too, and the
 * gains of the norms.
 */
export function mambaParameters(config: MambaConfig, shape: DecoderShape): ParameterSpec[] {
  const { width, layerCount, stateCount, convBins, rankCount } = config;
  const channelCount = channelCountOf(config);
  const specs: ParameterSpec[] = [
    { name: 'embedding.weight', shape: [width, shape.inputCount] },
    { name: 'embedding.bias', shape: [width] },
  ];
  for (let layer = 0; layer < layerCount; layer++) {
    const names = layerNames(layer);
    specs.push(
      { name: names.norm, shape: [width], update: 'undecayed' },
      { name: names.inWeight, shape: [2 * channelCount, width] },
      { name: names.convWeight, shape: [channelCount, 1, convBins] },
      { name: names.convBias, shape: [channelCount] },
      { name: names.xWeight, shape: [rankCount + 2 * stateCount, channelCount] },
      { name: names.dtWeight, shape: [channelCount, rankCount] },
      { name: names.dtBias, shape: [channelCount], update: 'undecayed' },
      { name: names.aLog, shape: [channelCount, stateCount], update: 'undecayed' },
      { name: names.skip, shape: [channelCount], update: 'undecayed' },
      { name: names.outWeight, shape: [width, channelCount] },
    );
  }
  specs.push(
    { name: 'norm_f.weight', shape: [width], update: 'undecayed' },
    { name: 'readout.weight', shape: [shape.outputCount, width] },
    { name: 'readout.bias', shape: [shape.outputCount] },
  );
  return specs;
}
