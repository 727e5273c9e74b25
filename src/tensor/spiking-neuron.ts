/**
 * Spiking neurons as the engines run them over time. Equations, in units of the threshold exp(lnVth) of each channel, with
 * x[t] = exp(-lnVth) y[t] and H the step function (1 at 0):
 *   lif         u' = decay u + x,  s = H(u' - 1),  u = (1 - s) u'                                        arXiv 2408.14909
 *   refractory  r = traceDecay r + s_before,  u = decay u + x - exp(lnMagnitude) r,  s = H(u - 1)        arXiv 2410.17268
 *   alif        u' = decay u + x,  s = H(u' - 1 - adaptation a),  u = (1 - s) u',
 *               a <- exp(-1 / rho) a + s,  rho = exp(lnRho)                                arXiv 2307.12900, 2304.11857
 *   ilif        u = decay (u - k_before) + x,  k = floor(clip(u, 0, levelCount) + 1/2),  s = k / levelCount
 *                                                                                                    arXiv 2411.16061
 * All start at 0. Gradients: a surrogate in place of H's derivative, and 1 inside [0, levelCount] for the integer neuron.
 * The spike that resets the membrane (in `refractory`: the trace r) is a constant to the gradient, as in those papers;
 * the spike that raises the threshold of `alif` is not, which is how adaptation learns.
 */
import { assert } from '../core/errors.ts';
import type { Tensor } from './tensor.ts';

/** In this order the kernels number them; formulas stand in kernels/assembly/spikes.ts. */
export const SURROGATES = ['triangular', 'dspike', 'fastSigmoid'] as const;

export interface Surrogate {
  shape: (typeof SURROGATES)[number];
  /** b of the formulas; the triangle has none. */
  sharpness: number;
}

export type SpikingNeuron =
  | { type: 'lif'; decay: number; surrogate: Surrogate }
  | {
      type: 'refractory';
      decay: number;
      traceDecay: number;
      /** [H] */
      lnMagnitude: Tensor;
      surrogate: Surrogate;
    }
  | {
      type: 'alif';
      decay: number;
      adaptation: number;
      /** [H] */
      lnRho: Tensor;
      surrogate: Surrogate;
    }
  | { type: 'ilif'; decay: number; levelCount: number };

/** @throws when y [T, B, H], lnVth [H] and the neuron's own parameters do not fit */
export function assertNeuronShapes(y: Tensor, lnVth: Tensor, neuron: SpikingNeuron): void {
  const vectors = [lnVth];
  if (neuron.type === 'refractory') vectors.push(neuron.lnMagnitude);
  if (neuron.type === 'alif') vectors.push(neuron.lnRho);
  assert(
    y.shape.length === 3 && vectors.every(({ shape }) => shape.join() === `${y.shape[2]}`),
    'spikingScan: the input is [T, B, H] and parameters are [H]',
  );
}
