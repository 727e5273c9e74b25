import { rmsNormUpdate } from '../account.ts';
import type { MapAccount, StepAccount } from '../account.ts';
import type { DecoderShape } from '../decoder.ts';
import { channelCountOf, layerNames } from './mamba.ts';
import type { MambaConfig } from './mamba.ts';

/** A silu or softplus counts as one function. */
export function mambaAccount(config: MambaConfig, { inputCount, outputCount }: DecoderShape): StepAccount {
  const { width: W, layerCount, stateCount: N, convBins, rankCount } = config;
  const D = channelCountOf(config);
  const layers = Array.from({ length: layerCount }, (_, layer): MapAccount[] => {
    const { inWeight, convWeight, xWeight, dtWeight, outWeight } = layerNames(layer);
    return [
      { name: inWeight, rows: 2 * D, cols: W, inputs: 'real' },
      { name: convWeight, rows: D, cols: convBins, inputs: 'history' },
      { name: xWeight, rows: rankCount + 2 * N, cols: D, inputs: 'activations' },
      { name: dtWeight, rows: D, cols: rankCount, inputs: 'real' },
      { name: outWeight, rows: W, cols: D, inputs: 'real' },
    ];
  });
  const channels = layerCount * D;
  const states = channels * N;
  return {
    maps: [
      { name: 'embedding.weight', rows: W, cols: inputCount, inputs: 'counts' },
      ...layers.flat(),
      { name: 'readout.weight', rows: outputCount, cols: W, inputs: 'real' },
    ],
    stateUpdates: [
      rmsNormUpdate('norms', layerCount + 1, W),
      // h <- exp(dt A) h + (dt x) B,  y = h C + skip x
      {
        name: 'selective scan',
        multiplications: 4 * states + 2 * channels,
        additions: 2 * states + channels,
        functions: states,
      },
      // silu of x and z, softplus of dt, y silu(z)
      { name: 'gates', multiplications: channels, additions: 0, functions: 3 * channels },
      { name: 'residual', multiplications: 0, additions: layerCount * W, functions: 0 },
    ],
  };
}
