import type { StepAccount } from '../account.ts';
import type { DecoderShape } from '../decoder.ts';
import { layerNames } from './gru.ts';
import type { GruConfig } from './gru.ts';

/** The gates as h' = n + z (h - n). */
export function gruAccount({ hiddenCount: H, layerCount }: GruConfig, shape: DecoderShape): StepAccount {
  const layers = Array.from({ length: layerCount }, (_, layer) => {
    const { weightIh, weightHh } = layerNames(layer);
    return [
      {
        name: weightIh,
        rows: 3 * H,
        cols: layer === 0 ? shape.inputCount : H,
        inputs: layer === 0 ? ('counts' as const) : ('real' as const),
      },
      { name: weightHh, rows: 3 * H, cols: H, inputs: 'real' as const },
    ];
  });
  const units = layerCount * H;
  return {
    maps: [...layers.flat(), { name: 'readout.weight', rows: shape.outputCount, cols: H, inputs: 'real' }],
    stateUpdates: [{ name: 'gates', multiplications: 2 * units, additions: 5 * units, functions: 3 * units }],
  };
}
