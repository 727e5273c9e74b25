/**
 * Initial tensors as the authors draw them (mamba_simple.py and mixer_seq_simple.py of state-spaces/mamba):
 *   linear maps and convolutions  uniform in +-1/sqrt(inputs), as torch.nn.Linear and torch.nn.Conv1d; W_out divided by
 *                                 sqrt(layers), so that the residual stream does not grow with depth
 *   W_dt   uniform in +-1/sqrt(R)
 *   b_dt   the inverse softplus of a step size that is log-uniform in [dtMin, dtMax], DT_FLOOR at least
 *   A_log  log 1, log 2, ..., log N in every channel (S4D-real, Gu et al. 2022, arXiv 2206.11893);   D, norms  1
 */
import type { Rng } from '../../core/rng.ts';
import type { DecoderShape, TensorData, Tensors } from '../decoder.ts';
import { channelCountOf, layerNames, mambaParameters } from './mamba.ts';
import type { MambaConfig } from './mamba.ts';

const DT_FLOOR = 1e-4;

type Draw = (index: number) => number;

export function initialiseMamba(config: MambaConfig, shape: DecoderShape, rng: Rng): Tensors {
  const draws = new Map<string, Draw>();
  const within =
    (bound: number): Draw =>
    () =>
      rng.uniform(-bound, bound);
  const { width, layerCount, stateCount, convBins, rankCount } = config;
  const channelCount = channelCountOf(config);
  draws.set('embedding.weight', within(1 / Math.sqrt(shape.inputCount)));
  draws.set('embedding.bias', within(1 / Math.sqrt(shape.inputCount)));
  for (let layer = 0; layer < layerCount; layer++) {
    const names = layerNames(layer);
    draws.set(names.norm, () => 1);
    draws.set(names.inWeight, within(1 / Math.sqrt(width)));
    draws.set(names.convWeight, within(1 / Math.sqrt(convBins)));
    draws.set(names.convBias, within(1 / Math.sqrt(convBins)));
    draws.set(names.xWeight, within(1 / Math.sqrt(channelCount)));
    draws.set(names.dtWeight, within(1 / Math.sqrt(rankCount)));
    draws.set(names.dtBias, () => inverseSoftplus(drawStepSize(config, rng)));
    draws.set(names.aLog, (index) => Math.log(1 + (index % stateCount)));
    draws.set(names.skip, () => 1);
    draws.set(names.outWeight, within(1 / Math.sqrt(channelCount * layerCount)));
  }
  draws.set('norm_f.weight', () => 1);
  draws.set('readout.weight', within(1 / Math.sqrt(width)));
  draws.set('readout.bias', within(1 / Math.sqrt(width)));
  const tensors: Record<string, TensorData> = {};
  for (const { name, shape: dimensions } of mambaParameters(config, shape)) {
    const draw = draws.get(name);
    if (draw === undefined) throw new Error(`assertion failed: nothing initialises ${name}`);
    const length = dimensions.reduce((product, size) => product * size, 1);
    tensors[name] = { shape: dimensions, data: Float32Array.from({ length }, (_, i) => draw(i)) };
  }
  return tensors;
}

function drawStepSize({ dtMin, dtMax }: MambaConfig, rng: Rng): number {
  return Math.max(DT_FLOOR, Math.exp(rng.uniform(Math.log(dtMin), Math.log(dtMax))));
}

/** b with softplus(b) = dt: dt + log(1 - exp(-dt)), which is exact for small and large dt alike. */
function inverseSoftplus(dt: number): number {
  return dt + Math.log(-Math.expm1(-dt));
}
