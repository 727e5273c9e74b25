/** A value of a recorded computation; what it holds is the engine's business. */
export interface Tensor {
  readonly shape: readonly number[];
}
