/**
 * The Mamba step as ONNX operators. Letters as in mamba.ts; vectors are [1, size]. States stand the other way round than
 * A_log does, h [N, D], so that what belongs to a channel is a row to be spread over the states.
 */
import { NORM_EPSILON } from '../../tensor/engine.ts';
import type { Model } from '../decoder.ts';
import { denseMap, inputMap, modelTensor, outputMap } from '../onnx/model-maps.ts';
import type { StepGraph, Value } from '../onnx/step-graph.ts';
import { channelCountOf, layerNames, mambaConfigSchema } from './mamba.ts';
import type { MambaConfig } from './mamba.ts';

export function mambaOnnxStep(model: Model, graph: StepGraph): void {
  const config = mambaConfigSchema.parse(model.config);
  let u = inputMap(model, graph, 'embedding.weight', 'embedding.bias'); // [1, W]
  for (let layer = 0; layer < config.layerCount; layer++) {
    const normed = rmsNorm(model, graph, u, layerNames(layer).norm);
    u = graph.op('Add', [u, mixer(model, graph, config, layer, normed)]);
  }
  outputMap(model, graph, rmsNorm(model, graph, u, 'norm_f.weight'), 'readout.weight', 'readout.bias');
}

/** What a layer adds to the residual stream. @param u normalised, [1, W] @returns [1, W] */
function mixer(model: Model, graph: StepGraph, config: MambaConfig, layer: number, u: Value): Value {
  const { rankCount: R, stateCount: N } = config;
  const D = channelCountOf(config);
  const names = layerNames(layer);
  const [input, z] = graph.split(denseMap(model, graph, u, names.inWeight), 1, D, D);
  const x = graph.silu(convolution(model, graph, config, layer, input));
  const [r, B, C] = graph.split(denseMap(model, graph, x, names.xWeight), 1, R, N, N);
  const dt = graph.op('Softplus', [denseMap(model, graph, r, names.dtWeight, names.dtBias)]);

  const A = graph.tensor(`folded.${names.aLog}`, decayRates(model, names.aLog, D, N)); // [N, D]
  const h = graph.state(`h_${layer}`, [N, D]);
  const kept = graph.op('Mul', [graph.op('Exp', [graph.op('Mul', [dt, A])]), h]);
  const column = graph.op('Reshape', [B, graph.integers(N, 1)]);
  const next = graph.op('Add', [kept, graph.op('Mul', [column, graph.op('Mul', [dt, x])])]);
  graph.next(`h_${layer}`, next);
  const around = graph.op('Mul', [modelTensor(model, graph, names.skip), x]);
  const y = graph.op('Add', [graph.op('MatMul', [C, next]), around]); // [1, D]
  return denseMap(model, graph, graph.op('Mul', [y, graph.silu(z)]), names.outWeight);
}

/** Each channel by itself over the last K bins; the state holds K - 1 of them, oldest first. @param input [1, D] */
function convolution(
  model: Model,
  graph: StepGraph,
  config: MambaConfig,
  layer: number,
  input: Value,
): Value {
  const { convBins: K } = config;
  const D = channelCountOf(config);
  const { convWeight, convBias } = layerNames(layer);
  let window = input; // [K, D]
  if (K > 1) {
    const history = graph.state(`conv_${layer}`, [K - 1, D]);
    window = graph.op('Concat', [history, input], { axis: 0 });
    graph.next(`conv_${layer}`, graph.slice(window, 0, 1, K));
  }
  const { data } = model.tensors[convWeight]; // [D, 1, K]
  const weight = graph.tensor(`folded.${convWeight}`, { shape: [K, D], data: transposed(data, D, K) });
  const sum = graph.op('ReduceSum', [graph.op('Mul', [window, weight]), graph.integers(0)]);
  return graph.op('Add', [sum, modelTensor(model, graph, convBias)]);
}

/** gain x / sqrt(mean x^2 + epsilon) */
function rmsNorm(model: Model, graph: StepGraph, x: Value, gainName: string): Value {
  const mean = graph.op('ReduceMean', [graph.op('Mul', [x, x])], { axes: [1] });
  const root = graph.op('Sqrt', [graph.op('Add', [mean, graph.scalar(NORM_EPSILON)])]);
  return graph.op('Mul', [graph.op('Div', [x, root]), modelTensor(model, graph, gainName)]);
}

/** A = -exp(A_log), [N, D] */
function decayRates(
  model: Model,
  name: string,
  D: number,
  N: number,
): { shape: number[]; data: Float32Array } {
  const data = transposed(model.tensors[name].data, D, N).map((value) => -Math.exp(value));
  return { shape: [N, D], data };
}

/** @param values [rows, cols] @returns [cols, rows] */
function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  return Float32Array.from(values, (_, i) => values[(i % rows) * cols + Math.floor(i / rows)]);
}
