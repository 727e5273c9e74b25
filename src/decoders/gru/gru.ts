/**
 * GRU decoder: one or more GRU layers and a linear readout.
 *
 * Glossary (Cho et al. 2014, arXiv 1406.1078, section 2.3; reset gate after the product as in cuDNN and PyTorch)
 *   x [I]   features of a bin          h [H]   hidden state of a layer     r, z [H]  reset and update gate
 *   n [H]   candidate state            I inputs, H hidden units, O outputs
 * Equations, per layer
 *   r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
 *   z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
 *   n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
 *   h' = (1 - z) * n + z * h
 *   y = W_o h' + b_o                                                                  (last layer)
 * Tensors carry PyTorch's names: rnn.weight_ih_l0 [3H, I] (rows r, z, n), rnn.weight_hh_l0 [3H, H],
 * rnn.bias_ih_l0 [3H], rnn.bias_hh_l0 [3H], ... ; readout.weight [O, H], readout.bias [O].
 */
import { z } from 'zod';
import type { Rng } from '../../core/rng.ts';
import type { Operations, Tensor } from '../../tensor/engine.ts';
import type { DecoderShape, Model, ParameterSpec, SequenceForm, TensorData, Tensors } from '../decoder.ts';
import { affine, logistic, referenceOutputs } from '../shared/reference-math.ts';

export const HIDDEN_COUNT_MAX = 4096;

export const gruConfigSchema = z.strictObject({
  hiddenCount: z.int().min(1).max(HIDDEN_COUNT_MAX).default(128),
  layerCount: z.int().min(1).max(8).default(1),
  /** Probability that an input feature is zeroed in training. */
  inputDropout: z.number().min(0).max(0.95).default(0.4),
  /** The same between layers. */
  layerDropout: z.number().min(0).max(0.95).default(0.2),
});
export type GruConfig = z.infer<typeof gruConfigSchema>;

/** Names of one layer's tensors. */
export function layerNames(layer: number): {
  weightIh: string;
  weightHh: string;
  biasIh: string;
  biasHh: string;
} {
  return {
    weightIh: `rnn.weight_ih_l${layer}`,
    weightHh: `rnn.weight_hh_l${layer}`,
    biasIh: `rnn.bias_ih_l${layer}`,
    biasHh: `rnn.bias_hh_l${layer}`,
  };
}

export function gruParameters(config: GruConfig, shape: DecoderShape): ParameterSpec[] {
  const gateCount = 3 * config.hiddenCount;
  const specs: ParameterSpec[] = [];
  for (let layer = 0; layer < config.layerCount; layer++) {
    const names = layerNames(layer);
    const inputCount = layer === 0 ? shape.inputCount : config.hiddenCount;
    specs.push({ name: names.weightIh, shape: [gateCount, inputCount] });
    specs.push({ name: names.weightHh, shape: [gateCount, config.hiddenCount] });
    specs.push({ name: names.biasIh, shape: [gateCount] });
    specs.push({ name: names.biasHh, shape: [gateCount] });
  }
  specs.push({ name: 'readout.weight', shape: [shape.outputCount, config.hiddenCount] });
  specs.push({ name: 'readout.bias', shape: [shape.outputCount] });
  return specs;
}

/** PyTorch's initialisation: every tensor uniform in +-1/sqrt(H) (torch.nn.GRU, torch.nn.Linear). */
export function initialiseGru(config: GruConfig, shape: DecoderShape, rng: Rng): Tensors {
  const bound = 1 / Math.sqrt(config.hiddenCount);
  const tensors: Record<string, TensorData> = {};
  for (const spec of gruParameters(config, shape)) {
    const data = new Float32Array(spec.shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < data.length; i++) data[i] = rng.uniform(-bound, bound);
    tensors[spec.name] = { shape: spec.shape, data };
  }
  return tensors;
}

/** The differentiable sequence form. @param input [T, B, I] */
export function gruSequence(
  ops: Operations,
  config: GruConfig,
  parameters: Readonly<Record<string, Tensor>>,
  input: Tensor,
): SequenceForm {
  let x = ops.dropout(input, config.inputDropout, 1); // [T, B, I]
  for (let layer = 0; layer < config.layerCount; layer++) {
    const names = layerNames(layer);
    if (layer > 0) x = ops.dropout(x, config.layerDropout, 1 + layer);
    const gateInputs = ops.linear(x, parameters[names.weightIh], parameters[names.biasIh]); // [T, B, 3H]
    x = ops.gruScan(gateInputs, parameters[names.weightHh], parameters[names.biasHh]); // [T, B, H]
  }
  const output = ops.linear(x, parameters['readout.weight'], parameters['readout.bias']); // [T, B, O]
  return { output, penalties: [] };
}

/** The same in plain loops in float64, from raw features: the specification of the streaming step. */
export function gruReference(model: Model, features: Float32Array, binCount: number): Float32Array {
  const { hiddenCount: H, layerCount } = gruConfigSchema.parse(model.config);
  const { tensors } = model;
  const states = Array.from({ length: layerCount }, () => new Float64Array(H));
  return referenceOutputs(model, features, binCount, (input) => {
    let x = input;
    for (let layer = 0; layer < layerCount; layer++) {
      const names = layerNames(layer);
      const h = states[layer];
      const gi = affine(tensors[names.weightIh], tensors[names.biasIh], x);
      const gh = affine(tensors[names.weightHh], tensors[names.biasHh], h);
      for (let i = 0; i < H; i++) {
        const r = logistic(gi[i] + gh[i]);
        const z = logistic(gi[H + i] + gh[H + i]);
        const n = Math.tanh(gi[2 * H + i] + r * gh[2 * H + i]);
        h[i] = (1 - z) * n + z * h[i];
      }
      x = h;
    }
    return affine(tensors['readout.weight'], tensors['readout.bias'], x);
  });
}
