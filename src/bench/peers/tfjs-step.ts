/**
 * A step graph in TensorFlow.js: its nodes as the operations of tfjs (tfjs-nodes.ts), called one after the other in a tidy
 * scope, as a program written with tfjs would. Features go up and the output comes down in every step.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Graph, StateInfo } from '../../decoders/onnx/step-graph.ts';
import type { Tensorflow } from '../../tensor/tfjs/tensorflow.ts';
import { loadPeer, peerLabel } from './load-peer.ts';
import type { PeerStep } from './peer-step.ts';
import { prepareNode } from './tfjs-nodes.ts';
import type { PreparedNode } from './tfjs-nodes.ts';

export const TFJS_WASM = '@tensorflow/tfjs-backend-wasm';

/** @throws BetzError CFG_PEER_MISSING, CFG_PEER_BROKEN */
export async function createTfjsWasmStep(graph: Graph): Promise<PeerStep> {
  const tf = loadPeer('@tensorflow/tfjs-core') as Tensorflow;
  loadPeer(TFJS_WASM); // registers its backend with tfjs-core
  await tf.setBackend('wasm');
  await tf.ready();
  return new TfjsStep(tf, graph, peerLabel(TFJS_WASM));
}

export class TfjsStep implements PeerStep {
  readonly label: string;
  private readonly tf: Tensorflow;
  private readonly graph: Graph;
  private readonly nodes: readonly PreparedNode[];
  /** Weights and states by the names of the graph. */
  private readonly weights = new Map<string, Tensor>();
  private readonly states = new Map<string, Tensor>();

  /** @param tf ready, with the backend chosen */
  constructor(tf: Tensorflow, graph: Graph, label: string) {
    this.tf = tf;
    this.graph = graph;
    this.label = label;
    for (const { name, type, shape, data } of graph.initialisers) {
      const values = type === 'float32' ? data : Int32Array.from(data, Number);
      this.weights.set(name, tf.tensor(values, [...shape], type === 'float32' ? 'float32' : 'int32'));
    }
    this.nodes = graph.nodes.map((node) => prepareNode(tf, node, graph, this.weights));
    this.reset();
  }

  step(features: Float32Array, output: Float32Array): void {
    const { tf, graph } = this;
    const next = tf.tidy(() => {
      const values = new Map([...this.weights, ...this.states]);
      values.set('features', tf.tensor2d(features, [1, features.length]));
      for (const { inputs, outputs, run } of this.nodes) {
        const results = run(inputs.map((name) => valueOf(values, name)));
        outputs.forEach((name, i) => values.set(name, results[i]));
      }
      output.set(valueOf(values, 'output').dataSync());
      return graph.states.map((state) => valueOf(values, state.output));
    });
    graph.states.forEach((state, i) => {
      this.setState(state, next[i]);
    });
  }

  reset(): void {
    for (const state of this.graph.states) {
      this.setState(state, this.tf.fill([...state.shape], state.initial));
    }
  }

  dispose(): Promise<void> {
    const constants = this.nodes.flatMap((node) => node.constants);
    for (const tensor of [...this.weights.values(), ...this.states.values(), ...constants]) tensor.dispose();
    return Promise.resolve();
  }

  private setState({ input }: StateInfo, value: Tensor): void {
    this.states.get(input)?.dispose();
    this.states.set(input, value);
  }
}

function valueOf(values: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the graph has no value '${name}'`);
  return value;
}
