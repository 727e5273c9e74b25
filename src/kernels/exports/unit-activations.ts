/** Activations of feed-forward layers. The calling convention is in ../kernel-exports.ts. */

export interface UnitActivationKernels {
  /** y = x sigmoid(x); may be in place. Error bounds of all: see assembly/unit-activations.ts. */
  silu(yPtr: number, xPtr: number, count: number): void;
  /** dx += dy d silu(x) / dx */
  siluBackward(dxPtr: number, dyPtr: number, xPtr: number, count: number): void;
  /** y = gelu(x), tanh form; may be in place. */
  gelu(yPtr: number, xPtr: number, count: number): void;
  /** dx += dy d gelu(x) / dx */
  geluBackward(dxPtr: number, dyPtr: number, xPtr: number, count: number): void;
  /** y = log(1 + exp(x)); may be in place. */
  softplus(yPtr: number, xPtr: number, count: number): void;
  /** dx += dy sigmoid(x) */
  softplusBackward(dxPtr: number, dyPtr: number, xPtr: number, count: number): void;
  /** y = max(0, x)^2; may be in place. */
  squaredRelu(yPtr: number, xPtr: number, count: number): void;
  /** dx += 2 dy max(0, x) */
  squaredReluBackward(dxPtr: number, dyPtr: number, xPtr: number, count: number): void;
}
