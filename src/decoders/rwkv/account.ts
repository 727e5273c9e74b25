import { layerNormUpdate } from '../account.ts';
import type { MapAccount, StepAccount } from '../account.ts';
import type { DecoderShape } from '../decoder.ts';
import { blockNames } from './rwkv.ts';
import type { RwkvConfig } from './rwkv.ts';

export function rwkvAccount(
  { width: d, feedForwardCount: F, layerCount }: RwkvConfig,
  { inputCount, outputCount }: DecoderShape,
): StepAccount {
  const blocks = Array.from({ length: layerCount }, (_, block): MapAccount[] => {
    const { att, ffn } = blockNames(block);
    const square = (name: string): MapAccount => ({ name, rows: d, cols: d, inputs: 'real' });
    return [
      square(att.receptance),
      square(att.key),
      square(att.value),
      square(att.output),
      square(ffn.receptance),
      { name: ffn.key, rows: F, cols: d, inputs: 'real' },
      { name: ffn.value, rows: d, cols: F, inputs: 'activations' },
    ];
  });
  const D = layerCount * d;
  return {
    maps: [
      { name: 'embedding.weight', rows: d, cols: inputCount, inputs: 'counts' },
      ...blocks.flat(),
      { name: 'readout.weight', rows: outputCount, cols: d, inputs: 'real' },
    ],
    stateUpdates: [
      layerNormUpdate('norms', 2 * layerCount + 2, d),
      // x before + mu (x - x before), five times
      { name: 'token shift', multiplications: 5 * D, additions: 10 * D, functions: 0 },
      // kernels/assembly/wkv.ts: two weights that are exponentials, wkv, and what is kept of aa and bb
      { name: 'wkv', multiplications: 6 * D, additions: 8 * D, functions: 3 * D },
      // s(r) * wkv and s(r) * W k, both added to the stream; max(0, k)^2
      {
        name: 'gates',
        multiplications: 2 * D + layerCount * F,
        additions: 2 * D + layerCount * F,
        functions: 2 * D,
      },
    ],
  };
}
