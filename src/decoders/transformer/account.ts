import { layerNormUpdate } from '../account.ts';
import type { MapAccount, StepAccount } from '../account.ts';
import type { DecoderShape } from '../decoder.ts';
import { EMBEDDING, layerNames, READOUT } from './transformer.ts';
import type { TransformerConfig } from './transformer.ts';

/** With a full window; before, attention costs less. A gelu counts as one function. */
export function transformerAccount(
  { width: E, layerCount, headCount, windowBins: W, feedForwardCount: F }: TransformerConfig,
  { inputCount, outputCount }: DecoderShape,
): StepAccount {
  const layers = Array.from({ length: layerCount }, (_, layer): MapAccount[] => {
    const { qkv, attentionOut, linear1, linear2 } = layerNames(layer);
    return [
      { name: qkv.weight, rows: 3 * E, cols: E, inputs: 'real' },
      { name: attentionOut.weight, rows: E, cols: E, inputs: 'real' },
      { name: linear1.weight, rows: F, cols: E, inputs: 'real' },
      { name: linear2.weight, rows: E, cols: F, inputs: 'activations' },
    ];
  });
  const times = layerCount;
  return {
    maps: [
      { name: EMBEDDING.weight, rows: E, cols: inputCount, inputs: 'counts' },
      ...layers.flat(),
      { name: READOUT.weight, rows: outputCount, cols: E, inputs: 'real' },
    ],
    stateUpdates: [
      layerNormUpdate('norms', 2 * layerCount + 1, E),
      // q and k turned, q scaled
      { name: 'rotary', multiplications: times * 5 * E, additions: times * 2 * E, functions: 0 },
      // q . k and the weighted sum of v, both over the window; what the weights add up to is divided out at the end
      {
        name: 'attention',
        multiplications: times * (2 * W * E + E),
        additions: times * 2 * W * E,
        functions: 0,
      },
      // largest, difference, exponential, sum
      {
        name: 'softmax',
        multiplications: 0,
        additions: times * 3 * headCount * W,
        functions: times * headCount * (W + 1),
      },
      { name: 'gelu', multiplications: 0, additions: 0, functions: times * F },
      { name: 'residual', multiplications: 0, additions: times * 2 * E, functions: 0 },
    ],
  };
}
