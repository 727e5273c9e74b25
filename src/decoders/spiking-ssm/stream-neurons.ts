/** The neurons of one layer in a streaming step: drives in, a list of those that fire out. */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Model } from '../decoder.ts';
import { refractoryMagnitudes, traceKeeps } from './folded-layer.ts';
import type { LayerNames, SpikingSsmConfig } from './spiking-ssm.ts';

export interface StreamNeurons {
  /** int32 numbers of the neurons that fired, each as often as it did. */
  readonly listPtr: number;
  /** Returns how many spikes there are, or -1 when a membrane is NaN. @param yPtr [ceil4(H)], over the threshold */
  step(yPtr: number): number;
}

/**
 * @param count ceil4(H)
 * @param membranePtr [count]
 * @param tracePtr [count], of `refractory` and `alif`
 */
export function streamNeurons(
  kernels: Kernels,
  model: Model,
  config: SpikingSsmConfig,
  names: LayerNames,
  count: number,
  membranePtr: number,
  tracePtr: number,
): StreamNeurons {
  const { exports: k, arena } = kernels;
  const { neuron, membraneDecay: decay, traceDecay, adaptation, levelCount } = config;
  const listPtr = arena.allocateBytes(4 * count * (neuron === 'ilif' ? levelCount : 1));
  /** One number per neuron; padding is zero. */
  const place = (values: Float32Array): number => {
    const ptr = arena.allocate(count);
    arena.float32(ptr, config.width).set(values);
    return ptr;
  };
  switch (neuron) {
    case 'lif':
      return { listPtr, step: (yPtr) => k.lifStep(listPtr, membranePtr, yPtr, count, decay) };
    case 'refractory': {
      const magnitudePtr = place(refractoryMagnitudes(model, names));
      return {
        listPtr,
        step: (yPtr) =>
          k.refractoryStep(listPtr, membranePtr, tracePtr, yPtr, magnitudePtr, count, decay, traceDecay),
      };
    }
    case 'alif': {
      const keepPtr = place(traceKeeps(model, names));
      return {
        listPtr,
        step: (yPtr) => k.alifStep(listPtr, membranePtr, tracePtr, yPtr, keepPtr, count, decay, adaptation),
      };
    }
    case 'ilif':
      return { listPtr, step: (yPtr) => k.ilifStep(listPtr, membranePtr, yPtr, count, decay, levelCount) };
  }
}
