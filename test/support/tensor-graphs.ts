/** Small computations that together use every operation in every way, to be compiled on any engine. */
import { Rng } from '../../src/core/rng.ts';
import { gruConfigSchema, gruParameters, gruSequence } from '../../src/decoders/gru/gru.ts';
import type { CompileOptions, Engine, Program, Tensor } from '../../src/tensor/engine.ts';
import type { Graph, Shapes } from './graph.ts';
import { SPIKING_GRAPHS } from './spiking-graphs.ts';

export type { Graph };

/** A compiled graph, filled with numbers. */
export interface Filled {
  readonly program: Program;
  readonly parameterShapes: Shapes;
}

/** Time, batch, features, hidden units: odd, and none a multiple of 4 or 8. */
const [T, B, F, H] = [5, 3, 7, 6];

export const GRAPHS: readonly Graph[] = [
  {
    name: 'linear with bias, by x too',
    inputs: {},
    parameters: { x: [T, B, F], w: [H, F], b: [H] },
    predict: (ops, { x, w, b }) => ops.linear(x, w, b),
  },
  {
    name: 'linear without bias, by x too',
    inputs: {},
    parameters: { x: [T, B, F], w: [H, F] },
    predict: (ops, { x, w }) => ops.linear(x, w),
  },
  {
    name: 'linear of data',
    inputs: { x: [T, B, F] },
    parameters: { w: [H, F], b: [H] },
    predict: (ops, { x, w, b }) => ops.linear(x, w, b),
  },
  {
    name: 'one weight used twice',
    inputs: { x: [T, B, F], y: [T, B, F] },
    parameters: { w: [H, F], b: [H] },
    predict: (ops, { x, y, w, b }) => ops.add(ops.linear(x, w, b), ops.tanh(ops.linear(y, w, b))),
  },
  {
    name: 'GRU scan, by its inputs too',
    inputs: {},
    parameters: { gates: [T, B, 3 * H], w: [3 * H, H], b: [3 * H] },
    predict: (ops, { gates, w, b }) => ops.gruScan(gates, w, b),
  },
  {
    name: 'GRU scan of data',
    inputs: { gates: [T, B, 3 * H] },
    parameters: { w: [3 * H, H], b: [3 * H] },
    predict: (ops, { gates, w, b }) => ops.gruScan(gates, w, b),
  },
  {
    name: 'gate inputs and states used twice, scans sharing weights',
    inputs: {},
    parameters: { gates: [T, B, 3 * H], w: [3 * H, H], b: [3 * H], v: [H, 3 * H] },
    predict: (ops, { gates, w, b, v }) => {
      const h = ops.gruScan(gates, w, b);
      return ops.add(ops.multiply(h, ops.linear(gates, v)), ops.gruScan(ops.sigmoid(gates), w, b));
    },
  },
  {
    name: 'banded attention, one head',
    inputs: {},
    parameters: { qkv: [T, B, 3 * H] },
    predict: (ops, { qkv }) => ops.bandedAttention(ops.add(qkv, qkv), 1, 3),
  },
  {
    name: 'banded attention of data, a window longer than the sequence, heads of two',
    inputs: { qkv: [T, B, 3 * H] },
    parameters: { w: [3 * H, H] },
    predict: (ops, { qkv, w }) => ops.bandedAttention(ops.linear(ops.bandedAttention(qkv, 3, 9), w), 3, 2),
  },
  {
    name: 'banded attention of a tensor used elsewhere, and of one bin',
    inputs: {},
    parameters: { qkv: [T, B, 3 * H] },
    predict: (ops, { qkv }) =>
      ops.add(
        ops.multiply(ops.bandedAttention(qkv, 1, 1), ops.slice(qkv, 3, H)),
        ops.bandedAttention(qkv, 3, 4),
      ),
  },
  {
    name: 'token shift, of a tensor used twice, shared shares',
    inputs: {},
    parameters: { x: [T, B, F], mu: [F] },
    predict: (ops, { x, mu }) => ops.add(ops.shiftMix(ops.shiftMix(x, mu), mu), ops.multiply(x, x)),
  },
  {
    name: 'token shift of data, of one step',
    inputs: { x: [1, B, F], y: [1, B, F] },
    parameters: { mu: [F] },
    predict: (ops, { x, y, mu }) => ops.add(ops.shiftMix(x, mu), ops.shiftMix(y, mu)),
  },
  {
    name: 'RWKV-4 scan, by its inputs too',
    inputs: {},
    parameters: { k: [T, B, F], v: [T, B, F], decay: [F], first: [F] },
    predict: (ops, { k, v, decay, first }) => ops.wkvScan(k, v, decay, first),
  },
  {
    name: 'RWKV-4 scan of data, of one step',
    inputs: { k: [1, B, F], v: [1, B, F] },
    parameters: { decay: [F], first: [F], x: [1, B, F] },
    predict: (ops, { k, v, decay, first, x }) =>
      ops.add(ops.wkvScan(k, v, decay, first), ops.wkvScan(x, v, decay, first)),
  },
  {
    name: 'RWKV-4 scans, keys as values, sharing weights, of tensors used elsewhere',
    inputs: {},
    parameters: { k: [T, B, F], v: [T, B, F], decay: [F], first: [F] },
    predict: (ops, { k, v, decay, first }) => {
      const y = ops.wkvScan(k, k, decay, first);
      return ops.add(ops.multiply(y, k), ops.wkvScan(ops.add(v, v), y, first, decay));
    },
  },
  {
    name: 'causal convolution, of a tensor used twice',
    inputs: {},
    parameters: { x: [T, B, F], w: [F, 1, 3], b: [F] },
    predict: (ops, { x, w, b }) => ops.add(ops.causalConv(x, w, b), ops.multiply(x, x)),
  },
  {
    name: 'causal convolutions of data, shared weight, longer than the sequence',
    inputs: { x: [T, B, F] },
    parameters: { w: [F, 1, T + 2], b: [F] },
    predict: (ops, { x, w, b }) => ops.causalConv(ops.causalConv(x, w, b), w, b),
  },
  {
    name: 'selective scan, by its inputs too',
    inputs: {},
    parameters: { x: [T, B, F], d: [T, B, F], a: [F, H], b: [T, B, H], c: [T, B, H], s: [F] },
    predict: (ops, { x, d, a, b, c, s }) => ops.selectiveScan(x, ops.softplus(d), a, b, c, s),
  },
  {
    name: 'selective scan of data',
    inputs: { x: [T, B, F], d: [T, B, F], b: [T, B, 3], c: [T, B, 3] },
    parameters: { a: [F, 3], s: [F] },
    predict: (ops, { x, d, a, b, c, s }) => ops.selectiveScan(x, ops.softplus(d), a, b, c, s),
  },
  {
    name: 'selective scans sharing everything, inputs used twice',
    inputs: {},
    parameters: { x: [T, B, F], a: [F, 1], b: [T, B, 1], s: [F] },
    predict: (ops, { x, a, b, s }) => {
      const dt = ops.softplus(x);
      return ops.selectiveScan(ops.selectiveScan(dt, dt, a, b, b, s), dt, a, b, b, s);
    },
  },
  {
    name: 'dropout',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.dropout(x, 0.3, 4),
  },
  {
    name: 'dropout of a tensor used elsewhere, twice with different salts',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.add(ops.dropout(x, 0.5, 1), ops.multiply(x, ops.dropout(x, 0.2, 2))),
  },
  {
    name: 'dropout at rate 0',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.dropout(x, 0, 1),
  },
  {
    name: 'sigmoid',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.sigmoid(x),
  },
  { name: 'tanh', inputs: {}, parameters: { x: [T, B, F] }, predict: (ops, { x }) => ops.tanh(x) },
  {
    name: 'silu',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.silu(ops.add(x, x)),
  },
  {
    name: 'gelu',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.gelu(ops.add(x, x)),
  },
  {
    name: 'softplus',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.softplus(ops.add(x, x)),
  },
  {
    name: 'squaredRelu',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.squaredRelu(ops.add(x, x)),
  },
  {
    name: 'layer norm, of a tensor used twice',
    inputs: {},
    parameters: { x: [T, B, F], gain: [F], bias: [F] },
    predict: (ops, { x, gain, bias }) => ops.add(ops.layerNorm(x, gain, bias), ops.multiply(x, x)),
  },
  {
    name: 'layer norm of data, shared gain',
    inputs: { x: [T, B, F] },
    parameters: { gain: [F], bias: [F] },
    predict: (ops, { x, gain, bias }) => ops.layerNorm(ops.layerNorm(x, gain, bias), gain, bias),
  },
  {
    name: 'RMS norm, of a tensor used twice',
    inputs: {},
    parameters: { x: [T, B, F], gain: [F] },
    predict: (ops, { x, gain }) => ops.add(ops.rmsNorm(x, gain), ops.multiply(x, x)),
  },
  {
    name: 'RMS norm of data, shared gain',
    inputs: { x: [T, B, F] },
    parameters: { gain: [F] },
    predict: (ops, { x, gain }) => ops.rmsNorm(ops.rmsNorm(x, gain), gain),
  },
  {
    name: 'sequences joined to one batch, one of them twice, and data',
    inputs: { c: [T, 2, F] },
    parameters: { x: [T, 1, F], y: [T, B, F] },
    predict: (ops, { x, y, c }) => ops.joinBatch([x, ops.tanh(ops.joinBatch([y, x])), c]),
  },
  {
    name: 'GRU scan and linear of weights that stay as they are',
    inputs: { w: [3 * H, H], v: [3 * H, F] },
    parameters: { x: [T, B, F], b: [3 * H] },
    predict: (ops, { x, w, v, b }) => ops.gruScan(ops.linear(x, v), w, b),
  },
  {
    name: 'slices that overlap, of data too',
    inputs: { c: [T, B, F] },
    parameters: { x: [T, B, F] },
    predict: (ops, { x, c }) =>
      ops.multiply(ops.add(ops.slice(x, 0, 4), ops.slice(x, 3, 4)), ops.slice(c, 2, 4)),
  },
  {
    name: 'activations of one tensor, added',
    inputs: {},
    parameters: { x: [T, B, F] },
    predict: (ops, { x }) => ops.add(ops.sigmoid(x), ops.tanh(x)),
  },
  {
    name: 'add',
    inputs: { c: [T, B, F] },
    parameters: { a: [T, B, F], b: [T, B, F] },
    predict: (ops, { a, b, c }) => ops.add(ops.add(a, b), ops.add(c, ops.add(a, a))),
  },
  {
    name: 'multiply',
    inputs: { c: [T, B, F] },
    parameters: { a: [T, B, F], b: [T, B, F] },
    predict: (ops, { a, b, c }) => ops.multiply(ops.multiply(a, b), ops.add(c, ops.multiply(a, a))),
  },
  {
    name: 'a parameter that the loss does not depend on',
    inputs: {},
    parameters: { x: [T, B, F], unused: [F] },
    predict: (ops, { x }) => ops.tanh(x),
  },
  gruGraph({ layers: 1, inputs: F, hidden: H, outputs: 2, time: T, batch: B }),
  gruGraph({ layers: 2, inputs: F, hidden: H, outputs: 2, time: T, batch: B }),
  ...SPIKING_GRAPHS,
];

export interface GruSizes {
  layers: number;
  inputs: number;
  hidden: number;
  outputs: number;
  time: number;
  batch: number;
}

/** The decoder as it is trained, with dropout. */
export function gruGraph(sizes: GruSizes): Graph {
  const config = gruConfigSchema.parse({ hiddenCount: sizes.hidden, layerCount: sizes.layers });
  const specs = gruParameters(config, { inputCount: sizes.inputs, outputCount: sizes.outputs });
  return {
    name: `GRU decoder of ${sizes.layers} layers with dropout`,
    inputs: { x: [sizes.time, sizes.batch, sizes.inputs] },
    parameters: Object.fromEntries(specs.map(({ name, shape }) => [name, shape])),
    predict: (ops, tensors) => gruSequence(ops, config, tensors, tensors['x']).output,
  };
}

/** Compiles a graph, or the rows `batch` of it, and fills it: the same numbers for the same seed and place. */
export function compileGraph(
  engine: Engine,
  graph: Graph,
  seed: number,
  batch?: CompileOptions['batch'] & { count: number },
): Filled {
  const declared: { name: string; shape: readonly number[] }[] = [];
  const partOf = (shape: readonly number[]): readonly number[] =>
    batch === undefined || shape.length < 3 ? shape : [shape[0], batch.count, ...shape.slice(2)];
  const program = engine.compile(
    (ops) => {
      const tensors: Record<string, Tensor> = {};
      const declare = (name: string, shape: readonly number[]): Tensor => {
        declared.push({ name, shape });
        return ops.input(name, partOf(shape));
      };
      for (const [name, shape] of Object.entries(graph.parameters)) {
        declared.push({ name, shape });
        tensors[name] = ops.parameter(name, shape);
      }
      for (const [name, shape] of Object.entries(graph.inputs)) tensors[name] = declare(name, shape);
      const prediction = graph.predict(ops, tensors);
      const [time, count, outputs] = prediction.shape;
      const target = declare('target', [time, batch?.globalCount ?? count, outputs]);
      const weight = declare('weight', [time]);
      const penalties = graph.penalise === undefined ? [] : [graph.penalise(ops, tensors)];
      const losses = [ops.squaredError(prediction, target, weight), ...penalties];
      return { losses, outputs: { prediction } };
    },
    { seed: 11, ...(batch === undefined ? {} : { batch }) },
  );
  const rng = new Rng(seed);
  for (const { name, shape } of declared) {
    const values = draw(rng, name, shape);
    program.write(
      name,
      batch === undefined || name in graph.parameters ? values : rowsOf(values, shape, batch),
    );
  }
  return { program, parameterShapes: graph.parameters };
}

/** Normal numbers; weights of time steps are uniform with a zero first, as in training, and variances positive. */
function draw(rng: Rng, name: string, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const isTimeWeight = name === 'weight';
  const isVariance = name === 'runningVariance';
  return Float32Array.from({ length: count }, (_, i) => {
    if (isTimeWeight) return i === 0 && count > 1 ? 0 : rng.uniform(0.1, 1);
    return isVariance ? rng.uniform(0.5, 2) : 0.7 * rng.normal();
  });
}

/** Rows of the batch of a tensor [T, B, F]; anything of lower rank has no batch. */
function rowsOf(
  values: Float32Array,
  shape: readonly number[],
  batch: { start: number; count: number },
): Float32Array {
  if (shape.length < 3) return values;
  const [time, total, features] = shape;
  const rows = new Float32Array(time * batch.count * features);
  for (let t = 0; t < time; t++) {
    const from = (t * total + batch.start) * features;
    rows.set(values.subarray(from, from + batch.count * features), t * batch.count * features);
  }
  return rows;
}
