/** First values of a spiking state space decoder, as the authors draw them. */
import type { Rng } from '../../core/rng.ts';
import type { DecoderShape, ParameterSpec, TensorData, Tensors } from '../decoder.ts';
import { layerNames, spikingSsmParameters } from './spiking-ssm.ts';
import type { SpikingSsmConfig } from './spiking-ssm.ts';

/** Time constant of the adaptive threshold, in bins (SpikeFPN, arXiv 2307.12900). */
const RHO = 0.87;

/**
 * S4D-Lin (arXiv 2206.11893, section 4): A_n = -1/2 + i pi n, C complex normal, D normal, dt log-uniform. Thresholds and
 * refractory magnitudes start at 1. Linear maps as torch.nn.Linear: uniform in +-1/sqrt(inputs).
 */
export function initialiseSpikingSsm(config: SpikingSsmConfig, shape: DecoderShape, rng: Rng): Tensors {
  const draws = new Map<string, (index: number) => number>();
  const pairs = config.stateCount / 2;
  const [logDtMin, logDtMax] = [Math.log(config.dtMin), Math.log(config.dtMax)];
  const uniform = (inputCount: number) => (): number => rng.uniform(-1, 1) / Math.sqrt(inputCount);
  draws.set('embedding.weight', uniform(shape.inputCount));
  draws.set('embedding.bias', uniform(shape.inputCount));
  draws.set('readout.weight', uniform(config.width));
  draws.set('readout.bias', uniform(config.width));
  for (let layer = 0; layer < config.layerCount; layer++) {
    const names = layerNames(layer);
    draws.set(names.logDt, () => rng.uniform(logDtMin, logDtMax));
    draws.set(names.logAReal, () => Math.log(0.5));
    draws.set(names.aImag, (index) => Math.PI * (index % pairs));
    draws.set(names.c, () => rng.normal(0, Math.SQRT1_2)); // variance 1 of the complex number
    draws.set(names.d, () => rng.normal());
    draws.set(names.lnRho, () => Math.log(RHO));
    draws.set(names.mixWeight, uniform(config.width));
    draws.set(names.mixBias, uniform(config.width));
    draws.set(names.gain, () => 1);
    draws.set(names.runningVariance, () => 1);
  }
  const specs = spikingSsmParameters(config, shape);
  return Object.fromEntries(specs.map((spec) => [spec.name, filled(spec, draws.get(spec.name))]));
}

/** @param draw default: zeros */
function filled({ shape }: ParameterSpec, draw: (index: number) => number = () => 0): TensorData {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length: count }, (_, index) => draw(index)) };
}
