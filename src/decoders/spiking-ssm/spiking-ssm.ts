/**
 * Spiking state space decoder: layers in which a state space model drives spiking neurons, and only spikes are mixed
 * between channels.
 *
 * Glossary (SpikingSSMs, Shen et al. 2024, arXiv 2408.14909, section 3; S4D, Gu et al. 2022, arXiv 2206.11893)
 *   x [H]     a layer's input and, with what it adds, its output      u [H]      input of the state space model, which is x
 *   h [H, N/2]  complex states, one for each conjugate pair           a, c       their discretised coefficients
 *   y [H]     drive of the neurons          v [H]    membranes        s [H]      spikes, 0 or 1 (`ilif`: k/D)
 *   I inputs, H width, N stateCount, O outputs
 * Equations, per layer
 *   h' = a h + u,   y = Re(sum_n c_n h'_n) + D u        a, c from dt, A and C by a zero-order hold: tensor/s4d.ts
 *   s = neuron(y exp(-lnVth))                           four neurons: tensor/spiking-neuron.ts
 *   m = W s + b,   g = m_1 sigmoid(m_2)                 m_1, m_2 the halves of m [2H]
 *   x' = batch norm(x + g)                              running statistics outside of training
 * x of the first layer is W_e input + b_e, and the output W_o x' + b_o of the last.
 *
 * Tensors, in the style of the SpikingSSM and S4D code
 *   embedding.weight [H, I]  embedding.bias [H]  readout.weight [O, H]  readout.bias [O]
 *   layers.i.ssm.log_dt [H]  .log_A_real [H, N/2]  .A_imag [H, N/2]  .C [H, N/2, 2]  .D [H]
 *   layers.i.neuron.ln_vth [H], of `refractory` also .ln_magnitude [H], of `alif` .ln_rho [H]
 *   layers.i.mix.weight [2H, H]  layers.i.mix.bias [2H]
 *   layers.i.norm.weight  .bias  .running_mean  .running_var [H]
 */
import { z } from 'zod';
import { SURROGATES } from '../../tensor/spiking-neuron.ts';
import type { DecoderShape, ParameterSpec } from '../decoder.ts';

export const spikingSsmConfigSchema = z
  .strictObject({
    /** Channels H. */
    width: z.int().min(1).max(1024).default(128),
    layerCount: z.int().min(1).max(8).default(2),
    /** Real states N of a channel: N/2 complex ones, each with its conjugate. */
    stateCount: z.int().min(2).max(256).multipleOf(2).default(16),
    /**
     * Time steps are drawn from [dtMin, dtMax], in bins, log-uniformly: states that forget within 2 / dt bins, so 2 to 40. The
     * authors' 0.001 to 0.1 is for sequences of thousands of samples.
     */
    dtMin: z.number().min(1e-5).max(10).default(0.05),
    dtMax: z.number().min(1e-5).max(10).default(1),
    neuron: z.enum(['lif', 'refractory', 'alif', 'ilif']).default('lif'),
    /** What is left of a membrane after a bin. */
    membraneDecay: z.number().min(0).max(0.99).default(0.125),
    /** `refractory`: what is left of the trace after a bin. */
    traceDecay: z.number().min(0).max(0.99).default(0.5),
    /** `alif`: what a spike adds to the threshold, in units of the threshold. */
    adaptation: z.number().min(0).max(10).default(0.23),
    /** `ilif`: D, the most that a neuron fires in a bin. */
    levelCount: z.int().min(1).max(16).default(4),
    /** Of all neurons but `ilif`, which has its own. */
    surrogate: z.enum(SURROGATES).default('triangular'),
    /** Temperature of `dspike`, slope of `fastSigmoid`. */
    surrogateSharpness: z.number().min(0.1).max(50).default(3),
    /** Spikes per neuron and bin (`ilif`: and sub-step) that training aims at. */
    targetRate: z.number().min(0).max(1).default(0.15),
    /** Weight of the penalty on rates that are off it. */
    ratePenalty: z.number().min(0).max(1000).default(2),
    /** Probability that an input feature is zeroed in training. */
    inputDropout: z.number().min(0).max(0.95).default(0.4),
    /** The same of spikes. */
    layerDropout: z.number().min(0).max(0.95).default(0.2),
  })
  .refine(({ dtMin, dtMax }) => dtMin <= dtMax, { error: 'dtMin is at most dtMax', path: ['dtMin'] });
export type SpikingSsmConfig = z.infer<typeof spikingSsmConfigSchema>;

/** Names of one layer's tensors. */
export interface LayerNames {
  logDt: string;
  logAReal: string;
  aImag: string;
  c: string;
  d: string;
  lnVth: string;
  /** Of `refractory`. */
  lnMagnitude: string;
  /** Of `alif`. */
  lnRho: string;
  mixWeight: string;
  mixBias: string;
  gain: string;
  bias: string;
  runningMean: string;
  runningVariance: string;
}

export function layerNames(layer: number): LayerNames {
  const name = (rest: string): string => `layers.${layer}.${rest}`;
  return {
    logDt: name('ssm.log_dt'),
    logAReal: name('ssm.log_A_real'),
    aImag: name('ssm.A_imag'),
    c: name('ssm.C'),
    d: name('ssm.D'),
    lnVth: name('neuron.ln_vth'),
    lnMagnitude: name('neuron.ln_magnitude'),
    lnRho: name('neuron.ln_rho'),
    mixWeight: name('mix.weight'),
    mixBias: name('mix.bias'),
    gain: name('norm.weight'),
    bias: name('norm.bias'),
    runningMean: name('norm.running_mean'),
    runningVariance: name('norm.running_var'),
  };
}

export function spikingSsmParameters(config: SpikingSsmConfig, shape: DecoderShape): ParameterSpec[] {
  const { width: H, layerCount, stateCount, neuron } = config;
  const pairs = stateCount / 2;
  const specs: ParameterSpec[] = [
    { name: 'embedding.weight', shape: [H, shape.inputCount] },
    { name: 'embedding.bias', shape: [H] },
  ];
  for (let layer = 0; layer < layerCount; layer++) {
    const names = layerNames(layer);
    specs.push(
      { name: names.logDt, shape: [H], update: 'slow' },
      { name: names.logAReal, shape: [H, pairs], update: 'slow' },
      { name: names.aImag, shape: [H, pairs], update: 'slow' },
      { name: names.c, shape: [H, pairs, 2], update: 'slow' },
      { name: names.d, shape: [H], update: 'slow' },
      { name: names.lnVth, shape: [H], update: 'undecayed' },
    );
    if (neuron === 'refractory') specs.push({ name: names.lnMagnitude, shape: [H], update: 'undecayed' });
    if (neuron === 'alif') specs.push({ name: names.lnRho, shape: [H], update: 'undecayed' });
    specs.push(
      { name: names.mixWeight, shape: [2 * H, H] },
      { name: names.mixBias, shape: [2 * H] },
      { name: names.gain, shape: [H], update: 'undecayed' },
      { name: names.bias, shape: [H], update: 'undecayed' },
      { name: names.runningMean, shape: [H], update: 'averaged' },
      { name: names.runningVariance, shape: [H], update: 'averaged' },
    );
  }
  specs.push(
    { name: 'readout.weight', shape: [shape.outputCount, H] },
    { name: 'readout.bias', shape: [shape.outputCount] },
  );
  return specs;
}
