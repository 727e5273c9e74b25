/**
 * A step graph in ONNX Runtime (onnxruntime-node) on one thread of the CPU. Its synchronous call is not public, so a step is
 * an awaited `session.run`, which is what its users have.
 */
import type { Graph } from '../../decoders/onnx/step-graph.ts';
import { loadPeer, peerLabel } from './load-peer.ts';
import type { PeerStep } from './peer-step.ts';

export const ONNXRUNTIME = 'onnxruntime-node';

/** As much of onnxruntime-common as is used here. */
interface OrtTensor {
  readonly data: Float32Array;
}
type OrtTensors = Record<string, OrtTensor>;
interface OrtSession {
  run(feeds: OrtTensors): Promise<OrtTensors>;
  release(): Promise<void>;
}
interface Ort {
  Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OrtTensor;
  InferenceSession: { create(bytes: Uint8Array, options: object): Promise<OrtSession> };
}

const ONE_THREAD = {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
};

/**
 * @param bytes the ONNX file of `graph`
 * @throws BetzError CFG_PEER_MISSING, CFG_PEER_BROKEN
 */
export async function createOnnxruntimeStep(graph: Graph, bytes: Uint8Array): Promise<PeerStep> {
  const ort = loadPeer(ONNXRUNTIME) as Ort;
  const session = await ort.InferenceSession.create(bytes, ONE_THREAD);
  return new OnnxruntimeStep(ort, session, graph);
}

class OnnxruntimeStep implements PeerStep {
  readonly label = peerLabel(ONNXRUNTIME);
  private readonly ort: Ort;
  private readonly session: OrtSession;
  private readonly graph: Graph;
  private readonly featuresShape: readonly number[];
  /** What the next run gets: features and states by the names of the graph. */
  private readonly feeds: OrtTensors = {};

  constructor(ort: Ort, session: OrtSession, graph: Graph) {
    this.ort = ort;
    this.session = session;
    this.graph = graph;
    this.featuresShape = graph.inputs.find(({ name }) => name === 'features')?.shape ?? [];
    this.reset();
  }

  async step(features: Float32Array, output: Float32Array): Promise<void> {
    this.feeds['features'] = new this.ort.Tensor('float32', features, this.featuresShape);
    const results = await this.session.run(this.feeds);
    for (const state of this.graph.states) this.feeds[state.input] = results[state.output];
    output.set(results['output'].data);
  }

  reset(): void {
    for (const { input, shape, initial } of this.graph.states) {
      const size = shape.reduce((product, n) => product * n, 1);
      this.feeds[input] = new this.ort.Tensor('float32', new Float32Array(size).fill(initial), shape);
    }
  }

  dispose(): Promise<void> {
    return this.session.release();
  }
}
