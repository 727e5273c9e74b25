/** Activation functions. The calling convention is in ../kernel-exports.ts. */

export interface ActivationKernels {
  /** y = 1 / (1 + exp(-x)); may be in place. Error bound: see assembly/activations.ts. */
  sigmoid(yPtr: number, xPtr: number, count: number): void;
  /** y = tanh(x); may be in place. */
  tanh(yPtr: number, xPtr: number, count: number): void;
  /** dx += dy y (1 - y) */
  sigmoidBackward(dxPtr: number, dyPtr: number, yPtr: number, count: number): void;
  /** dx += dy (1 - y^2) */
  tanhBackward(dxPtr: number, dyPtr: number, yPtr: number, count: number): void;
}
