/** The differentiable sequence form. */
import type { Operations, Tensor } from '../../tensor/engine.ts';
import type { SequenceForm } from '../decoder.ts';
import { blockNames, EMBEDDING_NORM, OUTPUT_NORM } from './rwkv.ts';
import type { RwkvConfig } from './rwkv.ts';

/** @param input [T, B, I] */
export function rwkvSequence(
  ops: Operations,
  config: RwkvConfig,
  parameters: Readonly<Record<string, Tensor>>,
  input: Tensor,
): SequenceForm {
  const norm = (x: Tensor, name: string): Tensor =>
    ops.layerNorm(x, parameters[`${name}.weight`], parameters[`${name}.bias`]);
  /** Of a norm's result, mixed with the bin before. */
  const map = (n: Tensor, mu: string, weight: string): Tensor =>
    ops.linear(ops.shiftMix(n, parameters[mu]), parameters[weight]);

  const features = ops.dropout(input, config.inputDropout, 1); // [T, B, I]
  const embedded = ops.linear(features, parameters['embedding.weight'], parameters['embedding.bias']);
  let x = norm(embedded, EMBEDDING_NORM); // [T, B, d]
  for (let block = 0; block < config.layerCount; block++) {
    const { norm1, norm2, att, ffn } = blockNames(block);
    const add = (branch: Tensor, salt: number): Tensor =>
      ops.add(x, ops.dropout(branch, config.layerDropout, 2 + 2 * block + salt));

    const timeNorm = norm(x, norm1);
    const r = ops.sigmoid(map(timeNorm, att.mixR, att.receptance)); // [T, B, d], as k and v
    const k = map(timeNorm, att.mixK, att.key);
    const v = map(timeNorm, att.mixV, att.value);
    const wkv = ops.wkvScan(k, v, parameters[att.decay], parameters[att.first]);
    x = add(ops.linear(ops.multiply(r, wkv), parameters[att.output]), 0);

    const channelNorm = norm(x, norm2);
    const gate = ops.sigmoid(map(channelNorm, ffn.mixR, ffn.receptance));
    const hidden = ops.squaredRelu(map(channelNorm, ffn.mixK, ffn.key)); // [T, B, F]
    x = add(ops.multiply(gate, ops.linear(hidden, parameters[ffn.value])), 1);
  }
  const output = ops.linear(norm(x, OUTPUT_NORM), parameters['readout.weight'], parameters['readout.bias']);
  return { output, penalties: [] }; // [T, B, O]
}
