/** The same in plain loops in float64, from raw features: the specification of the streaming step. */
import type { Model, Tensors } from '../decoder.ts';
import { affine, logistic, referenceOutputs } from '../shared/reference-math.ts';
import { NORM_EPSILON } from '../../tensor/engine.ts';
import { channelCountOf, layerNames, mambaConfigSchema } from './mamba.ts';
import type { MambaConfig } from './mamba.ts';

/** What a layer remembers. */
interface LayerState {
  /** Inputs of the convolution in the last K - 1 bins, oldest first. [K - 1][D] */
  history: Float64Array[];
  /** [D][N] */
  h: Float64Array[];
}

export function mambaReference(model: Model, features: Float32Array, binCount: number): Float32Array {
  const config = mambaConfigSchema.parse(model.config);
  const { tensors } = model;
  const D = channelCountOf(config);
  const states = Array.from({ length: config.layerCount }, (): LayerState => ({
    history: Array.from({ length: config.convBins - 1 }, () => new Float64Array(D)),
    h: Array.from({ length: D }, () => new Float64Array(config.stateCount)),
  }));
  return referenceOutputs(model, features, binCount, (input) => {
    const u = affine(tensors['embedding.weight'], tensors['embedding.bias'], input); // [W]
    states.forEach((state, layer) => {
      const added = mixer(config, tensors, layer, state, u);
      for (let i = 0; i < u.length; i++) u[i] += added[i];
    });
    const normed = rmsNorm(u, tensors['norm_f.weight'].data);
    return affine(tensors['readout.weight'], tensors['readout.bias'], normed);
  });
}

/** What a layer adds to the residual stream. u [W] -> [W] */
function mixer(
  config: MambaConfig,
  tensors: Tensors,
  layer: number,
  { history, h }: LayerState,
  u: Float64Array,
): Float64Array {
  const { stateCount: N, convBins: K, rankCount: R } = config;
  const D = channelCountOf(config);
  const names = layerNames(layer);
  const xz = affine(tensors[names.inWeight], undefined, rmsNorm(u, tensors[names.norm].data)); // [2D]
  const inputs = [...history, xz.slice(0, D)]; // the last K bins
  const x = tensors[names.convBias].data.reduce((out, bias, d) => {
    let sum = bias;
    for (let k = 0; k < K; k++) sum += tensors[names.convWeight].data[d * K + k] * inputs[k][d];
    out[d] = sum * logistic(sum);
    return out;
  }, new Float64Array(D));
  inputs.slice(1).forEach((row, k) => (history[k] = row));
  const selected = affine(tensors[names.xWeight], undefined, x); // [R + 2N]
  const steps = affine(tensors[names.dtWeight], tensors[names.dtBias], selected.subarray(0, R)); // [D]
  const gated = new Float64Array(D);
  for (let d = 0; d < D; d++) {
    const dt = Math.max(0, steps[d]) + Math.log1p(Math.exp(-Math.abs(steps[d]))); // softplus
    let y = tensors[names.skip].data[d] * x[d];
    for (let n = 0; n < N; n++) {
      const a = -Math.exp(tensors[names.aLog].data[d * N + n]);
      h[d][n] = Math.exp(dt * a) * h[d][n] + dt * x[d] * selected[R + n];
      y += h[d][n] * selected[R + N + n];
    }
    const z = xz[D + d];
    gated[d] = y * z * logistic(z);
  }
  return affine(tensors[names.outWeight], undefined, gated);
}

function rmsNorm(x: Float64Array, gain: ArrayLike<number>): Float64Array {
  const square = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  return x.map((value, i) => (gain[i] * value) / Math.sqrt(square + NORM_EPSILON));
}
