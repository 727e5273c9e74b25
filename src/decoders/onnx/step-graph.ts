/**
 * A decoder's streaming step as an ONNX graph: what a kind's `onnxStep` writes into, and what is then encoded.
 *
 * Every value has a batch axis of one in front. States go in as `state.NAME` and come out as `next.NAME`; whoever runs
 * the graph feeds each output back into its input. Operators are those of opset 17.
 * Source: https://onnx.ai/onnx/operators.
 */
/** The name of a value in the graph. */
export type Value = string;

/** An input or output of the graph: float32, as all of them are. */
export interface ValueInfo {
  name: string;
  shape: readonly number[];
}

/** A constant: weights, or whole numbers such as axes and sizes. */
export type Initialiser = ValueInfo &
  ({ type: 'float32'; data: Float32Array } | { type: 'int64'; data: BigInt64Array });

/** A whole number, whole numbers, or a float, which JavaScript would not tell from a whole number. */
export type Attribute = number | readonly number[] | { float: number };
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Node {
  op: string;
  /** '' is an optional input that is left out. */
  inputs: Value[];
  outputs: Value[];
  attributes: Attributes;
}

/** A state is `initial` in every element before the first step. */
export interface StateInfo {
  input: string;
  output: string;
  shape: readonly number[];
  initial: number;
}

export interface Graph {
  inputs: readonly ValueInfo[];
  outputs: readonly ValueInfo[];
  states: readonly StateInfo[];
  initialisers: readonly Initialiser[];
  nodes: readonly Node[];
}

export class StepGraph {
  private readonly inputs: ValueInfo[] = [];
  private readonly outputs: ValueInfo[] = [];
  private readonly states: StateInfo[] = [];
  private readonly initialisers = new Map<string, Initialiser>();
  private readonly nodes: Node[] = [];
  /** Which node's output an output of the graph is to be. */
  private readonly results = new Map<string, Value>();

  input(name: string, shape: readonly number[]): Value {
    this.inputs.push({ name, shape });
    return name;
  }

  output(name: string, value: Value, shape: readonly number[]): void {
    this.outputs.push({ name, shape });
    this.results.set(name, value);
  }

  /** @param initial what every element is before the first step */
  state(name: string, shape: readonly number[], initial = 0): Value {
    const input = `state.${name}`;
    this.states.push({ input, output: `next.${name}`, shape, initial });
    return this.input(input, shape);
  }

  /** What `state(name)` becomes. */
  next(name: string, value: Value): void {
    const state = this.states.find(({ input }) => input === `state.${name}`);
    if (state === undefined) throw new Error(`the graph has no state '${name}'`);
    this.output(state.output, value, state.shape);
  }

  /** A learned tensor. */
  tensor(name: string, { shape, data }: { shape: readonly number[]; data: Float32Array }): Value {
    if (this.initialisers.has(name)) throw new Error(`the graph has two tensors '${name}'`);
    this.initialisers.set(name, { name, type: 'float32', shape, data });
    return name;
  }

  /** @param rank of the constant: axes of size one */
  scalar(value: number, rank = 0): Value {
    const name = `scalar.${value}${rank === 0 ? '' : `.rank_${rank}`}`;
    const shape = Array.from({ length: rank }, () => 1);
    this.initialisers.set(name, { name, type: 'float32', shape, data: Float32Array.of(value) });
    return name;
  }

  /** Whole numbers that an operator takes as an input: axes, sizes, positions. [values.length] */
  integers(...values: number[]): Value {
    const name = `integers.${values.join('_')}`;
    const data = BigInt64Array.from(values, BigInt);
    this.initialisers.set(name, { name, type: 'int64', shape: [values.length], data });
    return name;
  }

  /** A node of one output. */
  op(op: string, inputs: readonly Value[], attributes: Attributes = {}): Value {
    return this.ops(op, inputs, 1, attributes)[0];
  }

  /** A node of several outputs. */
  ops(op: string, inputs: readonly Value[], outputCount: number, attributes: Attributes = {}): Value[] {
    const outputs = Array.from({ length: outputCount }, (_, i) => `${op}_${this.nodes.length}_${i}`);
    this.nodes.push({ op, inputs: [...inputs], outputs, attributes });
    return outputs;
  }

  /** x W^T + b. @param x [1, cols] @param weight [rows, cols] @param bias [rows] @returns [1, rows] */
  linear(x: Value, weight: Value, bias?: Value): Value {
    return this.op('Gemm', bias === undefined ? [x, weight] : [x, weight, bias], { transB: 1 });
  }

  /** Consecutive parts along an axis. */
  split(x: Value, axis: number, ...sizes: number[]): Value[] {
    return this.ops('Split', [x, this.integers(...sizes)], sizes.length, { axis });
  }

  /** Elements `start` to below `end` of an axis. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    return this.op('Slice', [x, this.integers(start), this.integers(end), this.integers(axis)]);
  }

  /** Over the last axis: gain (x - mean) / sqrt(variance + epsilon) + bias. @param gain [size] @param bias [size] */
  layerNorm(x: Value, gain: Value, bias: Value, epsilon: number): Value {
    return this.op('LayerNormalization', [x, gain, bias], { axis: 1, epsilon: { float: epsilon } });
  }

  /** x / (1 + e^-x) */
  silu(x: Value): Value {
    return this.op('Mul', [x, this.op('Sigmoid', [x])]);
  }

  /** Names the outputs and returns the whole, in an order in which it can be computed. */
  finish(): Graph {
    for (const { output } of this.states) {
      if (!this.results.has(output)) throw new Error(`nothing becomes '${output}'`);
    }
    const renamed = this.nameResults();
    const named = (value: Value): Value => renamed.get(value) ?? value;
    return {
      inputs: this.inputs,
      outputs: this.outputs,
      states: this.states,
      initialisers: [...this.initialisers.values()],
      nodes: this.nodes.map(({ op, inputs, outputs, attributes }) => ({
        op,
        inputs: inputs.map(named),
        outputs: outputs.map(named),
        attributes,
      })),
    };
  }

  /** A node's output takes the name of the graph's output. What is none, or has a name already, is copied. */
  private nameResults(): ReadonlyMap<Value, string> {
    const made = new Set(this.nodes.flatMap(({ outputs }) => outputs));
    const renamed = new Map<Value, string>();
    for (const [name, value] of this.results) {
      if (made.has(value) && !renamed.has(value)) renamed.set(value, name);
      else renamed.set(this.op('Identity', [value]), name);
    }
    return renamed;
  }
}
