/**
 * The transformer step as ONNX operators. Letters as in transformer.ts.
 *
 * The score of a key depends on how many bins ago it was, o = t - j, and (R(t) q) . (R(j) k) = (R(o) q) . k. So the window is
 * kept oldest first and unturned, and the query is turned by W - 1, ..., 1, 0 with constants. There is no position that
 * could grow, and the angles are exact for ever.
 */
import { NORM_EPSILON } from '../../tensor/engine.ts';
import { rotaryTable } from '../../tensor/rotary.ts';
import type { AffineNames, Model } from '../decoder.ts';
import { denseMap, inputMap, modelTensor, outputMap } from '../onnx/model-maps.ts';
import type { StepGraph, Value } from '../onnx/step-graph.ts';
import { EMBEDDING, FINAL_NORM, layerNames, READOUT, transformerConfigSchema } from './transformer.ts';
import type { TransformerConfig } from './transformer.ts';

/** Added to the score of a place where no bin has been yet: its weight is 0. */
const ABSENT = -1e30;

export function transformerOnnxStep(model: Model, graph: StepGraph): void {
  let x = inputMap(model, graph, EMBEDDING.weight, EMBEDDING.bias); // [1, E]
  const step = new Step(model, graph, transformerConfigSchema.parse(model.config));
  for (let layer = 0; layer < step.config.layerCount; layer++) {
    const names = layerNames(layer);
    const attended = step.attend(layer, step.linear(step.norm(x, names.norm1), names.qkv));
    x = graph.op('Add', [x, step.linear(attended, names.attentionOut)]);
    const units = step.gelu(step.linear(step.norm(x, names.norm2), names.linear1)); // [1, F]
    x = graph.op('Add', [x, step.linear(units, names.linear2)]);
  }
  outputMap(model, graph, step.norm(x, FINAL_NORM), READOUT.weight, READOUT.bias);
}

class Step {
  readonly config: TransformerConfig;
  private readonly model: Model;
  private readonly graph: StepGraph;
  private readonly headWidth: number;
  /** Of the query by every distance in the window, over sqrt(D): [W, D] each. */
  private readonly cosines: Value;
  private readonly sines: Value;
  /** [1, 1, 1, W] */
  private readonly absence: Value;

  constructor(model: Model, graph: StepGraph, config: TransformerConfig) {
    this.model = model;
    this.graph = graph;
    this.config = config;
    this.headWidth = config.width / config.headCount;
    [this.cosines, this.sines] = this.turns();
    this.absence = this.window('absent', [1, 1, 1, config.windowBins], 3, graph.scalar(0, 4), ABSENT);
  }

  linear(x: Value, { weight, bias }: AffineNames): Value {
    return denseMap(this.model, this.graph, x, weight, bias);
  }

  norm(x: Value, { weight, bias }: AffineNames): Value {
    const [gain, offset] = [weight, bias].map((name) => modelTensor(this.model, this.graph, name));
    return this.graph.layerNorm(x, gain, offset, NORM_EPSILON);
  }

  /** o. @param qkv [1, 3E] @returns [1, E] */
  attend(layer: number, qkv: Value): Value {
    const { graph, headWidth } = this;
    const { width, headCount, windowBins } = this.config;
    const heads = graph.op('Reshape', [qkv, graph.integers(3, headCount, 1, headWidth)]);
    const [q, k, v] = graph.split(heads, 0, 1, 1, 1); // [1, heads, 1, D]
    const shape = [1, headCount, windowBins, headWidth];
    const keys = this.window(`keys_${layer}`, shape, 2, k);
    const values = this.window(`values_${layer}`, shape, 2, v);
    const products = graph.op('Mul', [this.turned(q), keys]);
    const scores = graph.op('ReduceSum', [products, graph.integers(3)]); // [1, heads, W, 1]
    const row = graph.op('Reshape', [scores, graph.integers(1, headCount, 1, windowBins)]);
    const weights = graph.op('Softmax', [graph.op('Add', [row, this.absence])], { axis: 3 });
    const attended = graph.op('MatMul', [weights, values]); // [1, heads, 1, D]
    return graph.op('Reshape', [attended, graph.integers(1, width)]);
  }

  /** The tanh form: x / (1 + e^(-2 z)) with z = sqrt(2 / pi) (x + 0.044715 x^3). */
  gelu(x: Value): Value {
    const { graph } = this;
    const scale = 2 * Math.sqrt(2 / Math.PI);
    const square = graph.op('Mul', [x, x]);
    const factor = graph.op('Add', [
      graph.op('Mul', [square, graph.scalar(0.044715 * scale)]),
      graph.scalar(scale),
    ]);
    return graph.op('Mul', [x, graph.op('Sigmoid', [graph.op('Mul', [x, factor])])]);
  }

  /** R(o) q for every o. @param q [1, heads, 1, D] @returns [1, heads, W, D] */
  private turned(q: Value): Value {
    const { graph, headWidth } = this;
    const pairs = Array.from({ length: headWidth }, (_, i) => i ^ 1);
    const swapped = graph.op('Gather', [q, graph.integers(...pairs)], { axis: 3 });
    return graph.op('Add', [graph.op('Mul', [q, this.cosines]), graph.op('Mul', [swapped, this.sines])]);
  }

  private turns(): [Value, Value] {
    const { graph, headWidth: D } = this;
    const { windowBins: W } = this.config;
    const table = rotaryTable(W, D); // [W, 2, D], by the distance
    const scale = 1 / Math.sqrt(D);
    const part = (offset: number): Float32Array =>
      Float32Array.from({ length: W * D }, (_, at) => {
        const distance = W - 1 - Math.floor(at / D);
        return scale * table[(2 * distance + offset) * D + (at % D)];
      });
    return [
      graph.tensor('turn.cosines', { shape: [W, D], data: part(0) }),
      graph.tensor('turn.sines', { shape: [W, D], data: part(1) }),
    ];
  }

  /** The last W values along an axis, the newest last. The state holds those before the newest. @param shape with W */
  private window(name: string, shape: readonly number[], axis: number, newest: Value, initial = 0): Value {
    const { graph } = this;
    const { windowBins } = this.config;
    if (windowBins === 1) return newest;
    const kept = shape.with(axis, windowBins - 1);
    const window = graph.op('Concat', [graph.state(name, kept, initial), newest], { axis });
    graph.next(name, graph.slice(window, axis, 1, windowBins));
    return window;
  }
}
