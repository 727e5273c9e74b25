/** The differentiable sequence form: the first bin of a sequence has position 0 and nothing before it. */
import type { Operations, Tensor } from '../../tensor/engine.ts';
import type { AffineNames, SequenceForm } from '../decoder.ts';
import { EMBEDDING, FINAL_NORM, layerNames, READOUT } from './transformer.ts';
import type { TransformerConfig } from './transformer.ts';

/** @param input [T, B, I] */
export function transformerSequence(
  ops: Operations,
  config: TransformerConfig,
  parameters: Readonly<Record<string, Tensor>>,
  input: Tensor,
): SequenceForm {
  const { layerCount, headCount, windowBins, inputDropout, layerDropout } = config;
  const linear = (x: Tensor, { weight, bias }: AffineNames): Tensor =>
    ops.linear(x, parameters[weight], parameters[bias]);
  const norm = (x: Tensor, { weight, bias }: AffineNames): Tensor =>
    ops.layerNorm(x, parameters[weight], parameters[bias]);
  let x = linear(ops.dropout(input, inputDropout, 1), EMBEDDING); // [T, B, E]
  for (let layer = 0; layer < layerCount; layer++) {
    const names = layerNames(layer);
    const qkv = linear(norm(x, names.norm1), names.qkv); // [T, B, 3E]
    const attended = linear(ops.bandedAttention(qkv, headCount, windowBins), names.attentionOut); // [T, B, E]
    x = ops.add(x, ops.dropout(attended, layerDropout, 2 + 2 * layer));
    const units = ops.gelu(linear(norm(x, names.norm2), names.linear1)); // [T, B, F]
    x = ops.add(x, ops.dropout(linear(units, names.linear2), layerDropout, 3 + 2 * layer)); // [T, B, E]
  }
  return { output: linear(norm(x, FINAL_NORM), READOUT), penalties: [] }; // [T, B, O]
}
