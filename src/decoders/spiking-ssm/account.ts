import type { MapAccount, StateUpdate, StepAccount } from '../account.ts';
import type { DecoderShape } from '../decoder.ts';
import { layerNames } from './spiking-ssm.ts';
import type { SpikingSsmConfig } from './spiking-ssm.ts';

/** Multiplications and additions (comparisons too) of one neuron in one bin: kernels/reference has the equations. */
const NEURON_OPERATIONS: Readonly<
  Record<SpikingSsmConfig['neuron'], { multiplications: number; additions: number }>
> = {
  lif: { multiplications: 1, additions: 2 }, // tau v + y; v >= 1
  refractory: { multiplications: 3, additions: 4 }, // tau_r r + s; tau v + y - U r; v >= threshold
  alif: { multiplications: 3, additions: 4 }, // tau v + y; threshold + beta a; v >= it; decay a + s
  ilif: { multiplications: 1, additions: 4 }, // beta (v - s) + y; clipped on both sides and rounded
};

export function spikingSsmAccount(
  config: SpikingSsmConfig,
  { inputCount, outputCount }: DecoderShape,
): StepAccount {
  const { width, layerCount, stateCount, neuron } = config;
  const neuronCount = layerCount * width;
  const pairCount = (neuronCount * stateCount) / 2;
  const { multiplications, additions } = NEURON_OPERATIONS[neuron];
  const mixes = Array.from({ length: layerCount }, (_, layer): MapAccount => ({
    name: layerNames(layer).mixWeight,
    rows: 2 * width,
    cols: width,
    inputs: 'spikes',
  }));
  const stateUpdates: StateUpdate[] = [
    // h = a h + u and y += 2 Re(c h), complex; y += D u
    {
      name: 'state space',
      multiplications: 6 * pairCount + neuronCount,
      additions: 5 * pairCount + neuronCount,
      functions: 0,
    },
    {
      name: 'neurons',
      multiplications: neuronCount * multiplications,
      additions: neuronCount * additions,
      functions: 0,
    },
    // x + a sigmoid(b), then the norm's gain and offset
    { name: 'gates', multiplications: 2 * neuronCount, additions: 2 * neuronCount, functions: neuronCount },
  ];
  return {
    maps: [
      { name: 'embedding.weight', rows: width, cols: inputCount, inputs: 'counts' },
      ...mixes,
      { name: 'readout.weight', rows: outputCount, cols: width, inputs: 'real' },
    ],
    stateUpdates,
  };
}
