/** The RWKV-4 step as ONNX operators. Letters as in rwkv.ts; vectors are [1, d] unless it says otherwise. */
import { NORM_EPSILON } from '../../tensor/engine.ts';
import type { Model } from '../decoder.ts';
import { denseMap, inputMap, modelTensor, outputMap } from '../onnx/model-maps.ts';
import type { StepGraph, Value } from '../onnx/step-graph.ts';
import { blockNames, EMBEDDING_NORM, OUTPUT_NORM, rwkvConfigSchema } from './rwkv.ts';

/** In place of minus infinity: the exponent of sums that are empty. */
const EMPTY = -1e30;

export function rwkvOnnxStep(model: Model, graph: StepGraph): void {
  const { width, layerCount } = rwkvConfigSchema.parse(model.config);
  const step = new Step(model, graph, width);
  let x = step.norm(EMBEDDING_NORM, inputMap(model, graph, 'embedding.weight', 'embedding.bias'));
  for (let block = 0; block < layerCount; block++) {
    x = graph.op('Add', [x, step.mixTime(block, x)]);
    x = graph.op('Add', [x, step.mixChannels(block, x)]);
  }
  outputMap(model, graph, step.norm(OUTPUT_NORM, x), 'readout.weight', 'readout.bias');
}

class Step {
  private readonly model: Model;
  private readonly graph: StepGraph;
  private readonly width: number;

  constructor(model: Model, graph: StepGraph, width: number) {
    this.model = model;
    this.graph = graph;
    this.width = width;
  }

  /** Layer norm of the tensors NAME.weight and NAME.bias. */
  norm(name: string, x: Value): Value {
    const [gain, bias] = ['weight', 'bias'].map((part) => this.tensor(`${name}.${part}`));
    return this.graph.layerNorm(x, gain, bias, NORM_EPSILON);
  }

  /** W_o (s(r) * wkv) */
  mixTime(block: number, x: Value): Value {
    const { model, graph } = this;
    const { norm1, att } = blockNames(block);
    const map = this.shifted(`att_shift_${block}`, this.norm(norm1, x));
    const r = graph.op('Sigmoid', [map(att.receptance, att.mixR)]);
    const k = map(att.key, att.mixK);
    const v = map(att.value, att.mixV);
    const decay = model.tensors[att.decay];
    const w = graph.tensor(`${att.decay}.w`, {
      shape: decay.shape,
      data: decay.data.map((value) => -Math.exp(value)),
    });
    const wkv = this.average(block, k, v, w, this.tensor(att.first));
    return denseMap(model, graph, graph.op('Mul', [r, wkv]), att.output);
  }

  /** s(r) * W_v max(0, k)^2 */
  mixChannels(block: number, x: Value): Value {
    const { model, graph } = this;
    const { norm2, ffn } = blockNames(block);
    const map = this.shifted(`ffn_shift_${block}`, this.norm(norm2, x));
    const r = graph.op('Sigmoid', [map(ffn.receptance, ffn.mixR)]);
    const positive = graph.op('Relu', [map(ffn.key, ffn.mixK)]); // [1, F]
    const value = denseMap(model, graph, graph.op('Mul', [positive, positive]), ffn.value);
    return graph.op('Mul', [r, value]);
  }

  /** Maps of n mixed with n of the bin before, mu n + (1 - mu) before = before + mu (n - before). The state becomes n. */
  private shifted(stateName: string, n: Value): (weight: string, mu: string) => Value {
    const { model, graph } = this;
    const before = graph.state(stateName, [1, this.width]);
    graph.next(stateName, n);
    const change = graph.op('Sub', [n, before]);
    return (weight, mu) => {
      const mixed = graph.op('Add', [before, graph.op('Mul', [change, this.tensor(mu)])]);
      return denseMap(model, graph, mixed, weight);
    };
  }

  /** wkv, read from the sums before they go on by this bin. */
  private average(block: number, k: Value, v: Value, w: Value, u: Value): Value {
    const { graph, width } = this;
    const aa = graph.state(`aa_${block}`, [1, width]);
    const bb = graph.state(`bb_${block}`, [1, width]);
    const pp = graph.state(`pp_${block}`, [1, width], EMPTY);
    const add = (a: Value, b: Value): Value => graph.op('Add', [a, b]);
    const times = (a: Value, b: Value): Value => graph.op('Mul', [a, b]);
    /** e^(a - b) */
    const power = (a: Value, b: Value): Value => graph.op('Exp', [graph.op('Sub', [a, b])]);

    const bonus = add(u, k);
    const readExponent = graph.op('Max', [pp, bonus]);
    const past = power(pp, readExponent);
    const present = power(bonus, readExponent);
    const sum = add(times(past, aa), times(present, v));
    const weight = add(times(past, bb), present);

    const decayed = add(pp, w);
    const exponent = graph.op('Max', [decayed, k]);
    const kept = power(decayed, exponent);
    const added = power(k, exponent);
    graph.next(`aa_${block}`, add(times(kept, aa), times(added, v)));
    graph.next(`bb_${block}`, add(times(kept, bb), added));
    graph.next(`pp_${block}`, exponent);
    return graph.op('Div', [sum, weight]);
  }

  private tensor(name: string): Value {
    return modelTensor(this.model, this.graph, name);
  }
}
