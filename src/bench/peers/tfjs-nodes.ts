/**
 * The operators of our step graphs as operations of TensorFlow.js. What is known beforehand (axes, sizes, weights) is worked
 * out once, when a node is prepared.
 *
 * Weights are transposed there, [cols, rows]: with `transposeB` the wasm backend leaves XNNPACK for a slow loop, which in
 * 4.22.0 also adds the bias once for every 48 columns.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Graph, Node, Value } from '../../decoders/onnx/step-graph.ts';
import type { Tensorflow } from '../../tensor/tfjs/tensorflow.ts';

type Run = (inputs: readonly Tensor[]) => Tensor[];

export interface PreparedNode {
  /** Without those that are left out. */
  inputs: readonly Value[];
  outputs: readonly Value[];
  run: Run;
  /** Made when the node was prepared; the caller's to dispose. */
  constants: readonly Tensor[];
}

interface Context {
  tf: Tensorflow;
  node: Node;
  graph: Graph;
  /** Of the graph; may not be disposed. */
  weights: ReadonlyMap<string, Tensor>;
  constants: Tensor[];
}

/** @param weights the initialisers of the graph */
export function prepareNode(
  tf: Tensorflow,
  node: Node,
  graph: Graph,
  weights: ReadonlyMap<string, Tensor>,
): PreparedNode {
  if (!Object.hasOwn(OPERATORS, node.op)) throw new Error(`tfjs-nodes has no '${node.op}'`);
  const constants: Tensor[] = [];
  return {
    inputs: node.inputs.filter((name) => name !== ''),
    outputs: node.outputs,
    run: OPERATORS[node.op]({ tf, node, graph, weights, constants }),
    constants,
  };
}

const OPERATORS: Readonly<Record<string, (context: Context) => Run>> = {
  Identity: () => unary((x) => x.clone()),
  Sigmoid: ({ tf }) => unary(tf.sigmoid),
  Tanh: ({ tf }) => unary(tf.tanh),
  Exp: ({ tf }) => unary(tf.exp),
  Erf: ({ tf }) => unary(tf.erf),
  Relu: ({ tf }) => unary(tf.relu),
  Sqrt: ({ tf }) => unary(tf.sqrt),
  Softplus: ({ tf }) => unary(tf.softplus),
  Add: ({ tf }) => binary(tf.add),
  Sub: ({ tf }) => binary(tf.sub),
  Mul: ({ tf }) => binary(tf.mul),
  Div: ({ tf }) => binary(tf.div),
  Max: ({ tf }) => binary(tf.maximum),
  Floor: ({ tf }) => unary(tf.floor),
  Clip:
    ({ tf }) =>
    ([x, low, high]) => [tf.minimum(tf.maximum(x, low), high)],
  Where:
    ({ tf }) =>
    ([condition, a, b]) => [tf.where(condition, a, b)],
  GreaterOrEqual: ({ tf }) => binary(tf.greaterEqual),
  Cast: ({ tf }) => unary((x) => tf.cast(x, 'float32')), // of a comparison: nothing else is cast
  MatMul: ({ tf }) => binary((a, b) => tf.matMul(a, b)),
  Gemm: gemm,
  Softmax: ({ tf, node }) => unary((x) => tf.softmax(x, integer(node, 'axis'))),
  ReduceMean: ({ tf, node }) => unary((x) => tf.mean(x, integers(node, 'axes'), true)),
  ReduceSum: (context) => unary((x) => context.tf.sum(x, constant(context, 1), true)),
  Concat:
    ({ tf, node }) =>
    (inputs) => [tf.concat([...inputs], integer(node, 'axis'))],
  Split: (context) => {
    const sizes = constant(context, 1);
    const axis = integer(context.node, 'axis');
    return ([x]) => context.tf.split(x, sizes, axis);
  },
  Reshape: reshaped,
  Unsqueeze: (context) => unary((x) => context.tf.expandDims(x, constant(context, 1)[0])),
  Squeeze: (context) => unary((x) => context.tf.squeeze(x, constant(context, 1))),
  Transpose: ({ tf, node }) => unary((x) => tf.transpose(x, integers(node, 'perm'))),
  Slice: slice,
  Gather: (context) => {
    const indices = constant(context, 1);
    const axis = integer(context.node, 'axis');
    return unary((x) => context.tf.gather(x, indices, axis));
  },
  LayerNormalization: layerNormalization,
  GRU: gru,
};

function unary(apply: (x: Tensor) => Tensor): Run {
  return ([x]) => [apply(x)];
}

function binary(apply: (a: Tensor, b: Tensor) => Tensor): Run {
  return ([a, b]) => [apply(a, b)];
}

/** x W + b. @param weight [cols, rows] */
function linear(tf: Tensorflow, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return tf.fused.matMul({ a: x, b: weight, ...(bias === undefined ? {} : { bias }) });
}

function gemm(context: Context): Run {
  const { tf, node, constants } = context;
  const weight = tf.transpose(weightOf(context, node.inputs[1]));
  constants.push(weight);
  return ([x, , bias]) => [linear(tf, x, weight, bias)];
}

function reshaped(context: Context): Run {
  const shape = constant(context, 1);
  return unary((x) => context.tf.reshape(x, shape));
}

/** Along one axis. */
function slice(context: Context): Run {
  const [start] = constant(context, 1);
  const [end] = constant(context, 2);
  const [axis] = constant(context, 3);
  return unary((x) => {
    const begin = x.shape.map((_, i) => (i === axis ? start : 0));
    const size = x.shape.map((length, i) => (i === axis ? Math.min(end, length) - start : length));
    return context.tf.slice(x, begin, size);
  });
}

function layerNormalization({ tf, node }: Context): Run {
  const { epsilon } = node.attributes;
  if (typeof epsilon !== 'object' || !('float' in epsilon)) throw new Error('LayerNormalization, no epsilon');
  return ([x, gain, bias]) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const scale = tf.rsqrt(tf.add(variance, epsilon.float));
    return [tf.add(tf.mul(tf.mul(tf.sub(x, mean), scale), gain), bias)];
  };
}

/** One step; ONNX's stacking of the gates is z, r, n. */
function gru(context: Context): Run {
  const { tf, node, constants } = context;
  const H = integer(node, 'hidden_size');
  const [weightIh, weightHh, biasIh, biasHh] = tf.tidy(() => {
    const [input, recurrent, biases] = node.inputs.slice(1, 4).map((name) => weightOf(context, name));
    const matrices = [input, recurrent].map((matrix) => tf.transpose(tf.squeeze(matrix, [0])));
    return [...matrices, ...tf.split(tf.squeeze(biases, [0]), 2)];
  });
  constants.push(weightIh, weightHh, biasIh, biasHh);
  return ([x, , , , h]) => {
    const before = tf.reshape(h, [1, H]);
    const fromInput = linear(tf, tf.reshape(x, [1, -1]), weightIh, biasIh);
    const fromState = linear(tf, before, weightHh, biasHh);
    const [inputGates, inputN] = tf.split(fromInput, [2 * H, H], 1);
    const [stateGates, stateN] = tf.split(fromState, [2 * H, H], 1);
    const [z, r] = tf.split(tf.sigmoid(tf.add(inputGates, stateGates)), 2, 1);
    const n = tf.tanh(tf.add(inputN, tf.mul(r, stateN)));
    const next = tf.reshape(tf.add(n, tf.mul(z, tf.sub(before, n))), [1, 1, H]);
    return [next, next];
  };
}

function weightOf({ node, weights }: Context, name: string): Tensor {
  const weight = weights.get(name);
  if (weight === undefined) throw new Error(`'${name}', a weight of ${node.op}, is no constant`);
  return weight;
}

/** Whole numbers of an input that is a constant. */
function constant({ node, graph }: Context, input: number): number[] {
  const initialiser = graph.initialisers.find(({ name }) => name === node.inputs[input]);
  if (initialiser?.type !== 'int64') throw new Error(`input ${input} of ${node.op} is no constant`);
  return Array.from(initialiser.data, Number);
}

function integer(node: Node, name: string): number {
  const value = node.attributes[name];
  if (typeof value !== 'number') throw new Error(`${node.op} has no '${name}'`);
  return value;
}

function integers(node: Node, name: string): number[] {
  const value = node.attributes[name];
  if (!Array.isArray(value)) throw new Error(`${node.op} has no '${name}'`);
  return value as number[];
}
