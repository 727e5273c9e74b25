/** The differentiable sequence form; the equations are in mamba.ts. */
import type { Operations, Tensor } from '../../tensor/engine.ts';
import type { SequenceForm } from '../decoder.ts';
import { channelCountOf, layerNames } from './mamba.ts';
import type { MambaConfig } from './mamba.ts';

type Parameters = Readonly<Record<string, Tensor>>;

/** @param input [T, B, I] */
export function mambaSequence(
  ops: Operations,
  config: MambaConfig,
  parameters: Parameters,
  input: Tensor,
): SequenceForm {
  const features = ops.dropout(input, config.inputDropout, 1); // [T, B, I]
  let u = ops.linear(features, parameters['embedding.weight'], parameters['embedding.bias']); // [T, B, W]
  for (let layer = 0; layer < config.layerCount; layer++) {
    const added = mixer(ops, config, parameters, layer, u);
    u = ops.add(u, ops.dropout(added, config.layerDropout, 2 + layer));
  }
  const normed = ops.rmsNorm(u, parameters['norm_f.weight']);
  const output = ops.linear(normed, parameters['readout.weight'], parameters['readout.bias']); // [T, B, O]
  return { output, penalties: [] };
}

/** What a layer adds to the residual stream. u [T, B, W] -> [T, B, W] */
function mixer(
  ops: Operations,
  config: MambaConfig,
  parameters: Parameters,
  layer: number,
  u: Tensor,
): Tensor {
  const { stateCount: N, rankCount: R } = config;
  const D = channelCountOf(config);
  const names = layerNames(layer);
  const xz = ops.linear(ops.rmsNorm(u, parameters[names.norm]), parameters[names.inWeight]); // [T, B, 2D]
  const z = ops.slice(xz, D, D);
  const x = ops.silu(
    ops.causalConv(ops.slice(xz, 0, D), parameters[names.convWeight], parameters[names.convBias]),
  ); // [T, B, D]
  const selected = ops.linear(x, parameters[names.xWeight]); // [T, B, R + 2N]
  const r = ops.slice(selected, 0, R);
  const b = ops.slice(selected, R, N);
  const c = ops.slice(selected, R + N, N);
  const dt = ops.softplus(ops.linear(r, parameters[names.dtWeight], parameters[names.dtBias])); // [T, B, D]
  const y = ops.selectiveScan(x, dt, parameters[names.aLog], b, c, parameters[names.skip]); // [T, B, D]
  return ops.linear(ops.multiply(y, ops.silu(z)), parameters[names.outWeight]);
}
