/**
 * A step graph in ONNX Runtime (onnxruntime-node) on one thread of the CPU: as an awaited `session.run`, which is what its
 * users have, and as the synchronous call of its native module, which is not public, to see what the awaiting costs.
 */
import type { Graph } from '../../decoders/onnx/step-graph.ts';
import { loadPeer, peerLabel } from './load-peer.ts';
import type { PeerStep } from './peer-step.ts';

export const ONNXRUNTIME = 'onnxruntime-node';

/** As much of onnxruntime-common, and of the native module's file, as is used here. */
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
interface NativeSession {
  loadModel(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, options: object): void;
  /** @param fetches the names of the outputs that are wanted */
  run(feeds: OrtTensors, fetches: Readonly<Record<string, null>>, options: object): OrtTensors;
  dispose(): void;
}
interface OrtNative {
  initOrt(): void;
  binding: { InferenceSession: new () => NativeSession };
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
  const feeds = new Feeds(ort, graph);
  return {
    label: peerLabel(ONNXRUNTIME),
    step: async (features, output) => {
      feeds.advance(await session.run(feeds.with(features)), output);
    },
    reset: () => {
      feeds.reset();
    },
    dispose: () => session.release(),
  };
}

/** The same without a promise. */
export function createOnnxruntimeSyncStep(graph: Graph, bytes: Uint8Array): Promise<PeerStep> {
  const ort = loadPeer(ONNXRUNTIME) as Ort;
  const native = loadPeer(`${ONNXRUNTIME}/dist/binding.js`) as OrtNative;
  native.initOrt();
  const session = new native.binding.InferenceSession();
  session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, ONE_THREAD);
  const feeds = new Feeds(ort, graph);
  const fetches = Object.fromEntries(
    ['output', ...graph.states.map((state) => state.output)].map((name) => [name, null]),
  );
  return Promise.resolve({
    label: `${peerLabel(ONNXRUNTIME)} sync`,
    step: (features, output) => {
      feeds.advance(session.run(feeds.with(features), fetches, {}), output);
    },
    reset: () => {
      feeds.reset();
    },
    dispose: () => {
      session.dispose();
      return Promise.resolve();
    },
  });
}

/** What the next run gets: features and states by the names of the graph. */
class Feeds {
  private readonly ort: Ort;
  private readonly graph: Graph;
  private readonly featuresShape: readonly number[];
  private readonly tensors: OrtTensors = {};

  constructor(ort: Ort, graph: Graph) {
    this.ort = ort;
    this.graph = graph;
    this.featuresShape = graph.inputs.find(({ name }) => name === 'features')?.shape ?? [];
    this.reset();
  }

  with(features: Float32Array): OrtTensors {
    this.tensors['features'] = new this.ort.Tensor('float32', features, this.featuresShape);
    return this.tensors;
  }

  /** The states that a run gave go into the next. */
  advance(results: OrtTensors, output: Float32Array): void {
    for (const state of this.graph.states) this.tensors[state.input] = results[state.output];
    output.set(results['output'].data);
  }

  reset(): void {
    for (const { input, shape, initial } of this.graph.states) {
      const size = shape.reduce((product, n) => product * n, 1);
      this.tensors[input] = new this.ort.Tensor('float32', new Float32Array(size).fill(initial), shape);
    }
  }
}
