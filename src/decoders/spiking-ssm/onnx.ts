/**
 * The spiking state space step as ONNX operators, folded as in folded-layer.ts. Letters as in spiking-ssm.ts; vectors are
 * [1, H]. Complex states stand the other way round than in the tensors, h [N/2, H], so that u is a row to be spread over them.
 *
 * Spikes are floats there, and the mixing is an ordinary matrix product: ONNX has no list of events. Operations of the
 * recurrences come in the order of kernels/assembly, but programs round sums, products and sigmoids differently: a
 * membrane that close to its threshold may fire in one and not in the other (docs/formats.md, "ONNX file").
 */
import { s4dCoefficientIndex } from '../../tensor/s4d.ts';
import type { Model } from '../decoder.ts';
import { inputMap, outputMap } from '../onnx/model-maps.ts';
import type { StepGraph, Value } from '../onnx/step-graph.ts';
import { foldLayer, refractoryMagnitudes, traceKeeps } from './folded-layer.ts';
import type { FoldedLayer } from './folded-layer.ts';
import { layerNames, spikingSsmConfigSchema } from './spiking-ssm.ts';
import type { LayerNames, SpikingSsmConfig } from './spiking-ssm.ts';

export function spikingSsmOnnxStep(model: Model, graph: StepGraph): void {
  const config = spikingSsmConfigSchema.parse(model.config);
  let x = inputMap(model, graph, 'embedding.weight', 'embedding.bias');
  for (let layer = 0; layer < config.layerCount; layer++) {
    x = new Layer(model, graph, config, layer).step(x);
  }
  outputMap(model, graph, x, 'readout.weight', 'readout.bias');
}

class Layer {
  private readonly model: Model;
  private readonly graph: StepGraph;
  private readonly config: SpikingSsmConfig;
  private readonly layer: number;
  private readonly names: LayerNames;
  private readonly folded: FoldedLayer;

  constructor(model: Model, graph: StepGraph, config: SpikingSsmConfig, layer: number) {
    this.model = model;
    this.graph = graph;
    this.config = config;
    this.layer = layer;
    this.names = layerNames(layer);
    this.folded = foldLayer(model, config, this.names);
  }

  /** x' of x. */
  step(x: Value): Value {
    const { graph, names, folded } = this;
    const { width: H } = this.config;
    const s = this.neurons(this.stateSpace(x));
    const weight = graph.tensor(`folded.${names.mixWeight}`, { shape: [2 * H, H], data: folded.mixWeight });
    const m = graph.linear(s, weight, this.row(names.mixBias, folded.mixBias)); // [1, 2H]
    const [m1, m2] = graph.split(m, 1, H, H);
    const sum = this.add(x, this.times(m1, graph.op('Sigmoid', [m2])));
    return this.add(this.times(this.row(names.gain, folded.gain), sum), this.row(names.bias, folded.offset));
  }

  /** y of u, in units of the threshold. */
  private stateSpace(u: Value): Value {
    const { graph, layer, names, folded } = this;
    const { width: H, stateCount } = this.config;
    const size = [stateCount / 2, H];
    const [a, b, c, e] = ['a_real', 'a_imag', 'c_real', 'c_imag'].map((name, part) =>
      this.coefficients(name, part),
    );
    const real = graph.state(`h_real_${layer}`, size);
    const imaginary = graph.state(`h_imag_${layer}`, size);
    const nextReal = graph.op('Sub', [this.add(this.times(a, real), u), this.times(b, imaginary)]);
    const nextImaginary = this.add(this.times(a, imaginary), this.times(b, real));
    graph.next(`h_real_${layer}`, nextReal);
    graph.next(`h_imag_${layer}`, nextImaginary);
    const overStates = (terms: Value): Value => graph.op('ReduceSum', [terms, graph.integers(0)]);
    const around = this.times(this.row(names.d, folded.direct), u);
    return graph.op('Sub', [
      this.add(around, overStates(this.times(c, nextReal))),
      overStates(this.times(e, nextImaginary)),
    ]);
  }

  /** s of y; how many times each fired, of `ilif`. */
  private neurons(y: Value): Value {
    const { graph, layer, model, names } = this;
    const { width, neuron, membraneDecay, traceDecay, adaptation } = this.config;
    const decayed = this.times(graph.scalar(membraneDecay), graph.state(`v_${layer}`, [1, width]));
    const one = graph.scalar(1);
    switch (neuron) {
      case 'lif':
        return this.fireAndReset(this.add(decayed, y), one);
      case 'refractory': {
        const r = graph.state(`trace_${layer}`, [1, width]);
        const magnitude = this.row(names.lnMagnitude, refractoryMagnitudes(model, names));
        const v = this.add(decayed, graph.op('Sub', [y, this.times(magnitude, r)]));
        graph.next(`v_${layer}`, v);
        const s = this.spikes(v, this.fires(v, one));
        graph.next(`trace_${layer}`, this.add(this.times(graph.scalar(traceDecay), r), s));
        return s;
      }
      case 'alif': {
        const a = graph.state(`trace_${layer}`, [1, width]);
        const threshold = this.add(this.times(graph.scalar(adaptation), a), one);
        const s = this.fireAndReset(this.add(decayed, y), threshold);
        const keep = this.row(names.lnRho, traceKeeps(model, names));
        graph.next(`trace_${layer}`, this.add(this.times(keep, a), s));
        return s;
      }
      case 'ilif':
        return this.fireInSubSteps(this.add(decayed, y));
    }
  }

  /** The membrane begins anew where it fires. */
  private fireAndReset(v: Value, threshold: Value): Value {
    const { graph, layer } = this;
    const fires = this.fires(v, threshold);
    graph.next(`v_${layer}`, graph.op('Where', [fires, graph.scalar(0), v]));
    return this.spikes(v, fires);
  }

  /** Each of the D sub-steps takes one from the membranes that reach one half, as the kernel does. */
  private fireInSubSteps(v: Value): Value {
    const { graph, layer } = this;
    let left = v;
    let counts: Value | undefined;
    for (let level = 0; level < this.config.levelCount; level++) {
      const raised = this.add(left, graph.scalar(0.5));
      const s = this.spikes(left, this.fires(raised, graph.scalar(1)));
      left = graph.op('Sub', [left, s]);
      counts = counts === undefined ? s : this.add(counts, s);
    }
    graph.next(`v_${layer}`, left);
    if (counts === undefined) throw new Error('an integer neuron has one level or more');
    return counts;
  }

  private fires(v: Value, threshold: Value): Value {
    return this.graph.op('GreaterOrEqual', [v, threshold]);
  }

  /** 1 where it fires, else 0; NaN where the membrane is, which fires nowhere: 0 v. */
  private spikes(v: Value, fires: Value): Value {
    const { graph } = this;
    return graph.op('Where', [fires, graph.scalar(1), this.times(v, graph.scalar(0))]);
  }

  /** One of the four parts of the discretised state space model, [N/2, H]. */
  private coefficients(name: string, part: number): Value {
    const { width: H, stateCount } = this.config;
    const pairs = stateCount / 2;
    const data = Float32Array.from({ length: pairs * H }, (_, at) => {
      const index = s4dCoefficientIndex(at % H, Math.floor(at / H), pairs);
      return this.folded.coefficients[index + 4 * part];
    });
    return this.graph.tensor(`layers.${this.layer}.ssm.${name}`, { shape: [pairs, H], data });
  }

  /** Numbers of the channels, under the name of the tensor that they come from. */
  private row(name: string, data: Float32Array): Value {
    return this.graph.tensor(`folded.${name}`, { shape: [data.length], data });
  }

  private add(a: Value, b: Value): Value {
    return this.graph.op('Add', [a, b]);
  }

  private times(a: Value, b: Value): Value {
    return this.graph.op('Mul', [a, b]);
  }
}
