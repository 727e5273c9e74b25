/** One bin at a time through a step graph in another program, its state kept between bins. */
export interface PeerStep {
  /** Program and version, e.g. 'onnxruntime-node 1.30.0'. */
  readonly label: string;
  /**
   * Settled when the output stands there.
   * @param features [inputCount] raw, as a decoder's `step` takes them
   * @param output [outputCount] in the model's unit; written
   */
  step(features: Float32Array, output: Float32Array): void | Promise<void>;
  /** Back to the state of a fresh decoder. */
  reset(): void;
  dispose(): Promise<void>;
}
