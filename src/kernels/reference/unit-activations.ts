/** Activations of feed-forward layers: twin of assembly/unit-activations.ts. */
import type { UnitActivationKernels } from '../exports/unit-activations.ts';
import { logistic } from './activations.ts';

const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;

export function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(GELU_SCALE * (x + GELU_CUBE * x ** 3)));
}

function geluSlope(x: number): number {
  const t = Math.tanh(GELU_SCALE * (x + GELU_CUBE * x ** 3));
  return 0.5 * (1 + t + x * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBE * x * x));
}

export function silu(x: number): number {
  return x * logistic(x);
}

function siluSlope(x: number): number {
  const s = logistic(x);
  return s * (1 + x * (1 - s));
}

/** log(1 + exp(x)) */
export function softplus(x: number): number {
  return Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
}

export function squaredRelu(x: number): number {
  return Math.max(0, x) ** 2;
}

/** @param memory all of the kernel memory */
export function unitActivationsReference(memory: Float32Array): UnitActivationKernels {
  const forward =
    (activation: (x: number) => number) =>
    (yPtr: number, xPtr: number, count: number): void => {
      const [y, x] = [yPtr / 4, xPtr / 4];
      for (let i = 0; i < count; i++) memory[y + i] = activation(memory[x + i]);
    };
  const backward =
    (slope: (x: number) => number) =>
    (dxPtr: number, dyPtr: number, xPtr: number, count: number): void => {
      const [dx, dy, x] = [dxPtr / 4, dyPtr / 4, xPtr / 4];
      for (let i = 0; i < count; i++) memory[dx + i] += memory[dy + i] * slope(memory[x + i]);
    };
  return {
    silu: forward(silu),
    siluBackward: backward(siluSlope),
    gelu: forward(gelu),
    geluBackward: backward(geluSlope),
    softplus: forward(softplus),
    softplusBackward: backward(logistic),
    squaredRelu: forward(squaredRelu),
    squaredReluBackward: backward((x) => 2 * Math.max(0, x)),
  };
}
