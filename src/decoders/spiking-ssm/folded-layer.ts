/**
 * One layer as a streaming step computes it. Folded together:
 *   thresholds    into c and D of the state space model, so that y comes in units of the threshold
 *   1 / D         of the integer neuron into the mixing weights, each of whose D sub-steps is an event
 *   batch norm    running statistics, gain and bias into one gain and one offset per channel
 */
import { NORM_EPSILON } from '../../tensor/engine.ts';
import { discretiseS4d, s4dCoefficientCount } from '../../tensor/s4d.ts';
import type { Model } from '../decoder.ts';
import type { LayerNames, SpikingSsmConfig } from './spiking-ssm.ts';

export interface FoldedLayer {
  /** a and c of every channel and state, laid out as `discretiseS4d` does. */
  coefficients: Float32Array;
  /** D, [H] */
  direct: Float32Array;
  /** [2H, H] */
  mixWeight: Float32Array;
  /** [2H] */
  mixBias: Float32Array;
  /** [H] */
  gain: Float32Array;
  /** [H] */
  offset: Float32Array;
}

export function foldLayer(model: Model, config: SpikingSsmConfig, names: LayerNames): FoldedLayer {
  const { width, stateCount, neuron, levelCount } = config;
  const tensor = (name: string): Float32Array => model.tensors[name].data;

  const thresholdGains = Float64Array.from(tensor(names.lnVth), (lnVth) => Math.exp(-lnVth));
  const coefficients = new Float32Array(s4dCoefficientCount(width, stateCount / 2));
  discretiseS4d(coefficients, new Float64Array(2 * width * stateCount), {
    logDt: tensor(names.logDt),
    logAReal: tensor(names.logAReal),
    aImag: tensor(names.aImag),
    c: tensor(names.c).map((c, i) => c * thresholdGains[Math.floor(i / stateCount)]),
  });

  const variance = tensor(names.runningVariance);
  const mean = tensor(names.runningMean);
  const gain = tensor(names.gain).map((g, i) => g / Math.sqrt(variance[i] + NORM_EPSILON));
  const levels = neuron === 'ilif' ? levelCount : 1;
  return {
    coefficients,
    direct: tensor(names.d).map((d, i) => d * thresholdGains[i]),
    mixWeight: tensor(names.mixWeight).map((w) => w / levels),
    mixBias: tensor(names.mixBias),
    gain,
    offset: tensor(names.bias).map((b, i) => b - gain[i] * mean[i]),
  };
}

/** Magnitudes of `refractory`, [H]. */
export function refractoryMagnitudes({ tensors }: Model, { lnMagnitude }: LayerNames): Float32Array {
  return tensors[lnMagnitude].data.map((value) => Math.exp(value));
}

/** What is left of the trace of `alif` after a bin, exp(-1 / rho), [H]. */
export function traceKeeps({ tensors }: Model, { lnRho }: LayerNames): Float32Array {
  return tensors[lnRho].data.map((value) => Math.exp(-Math.exp(-value)));
}
