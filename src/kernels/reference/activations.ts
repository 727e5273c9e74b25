/** Logistic function and hyperbolic tangent, by the host's float64 library: twin of assembly/activations.ts. */
import type { ActivationKernels } from '../exports/activations.ts';

/** 1 / (1 + exp(-x)). */
export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** @param memory all of the kernel memory */
export function activationsReference(memory: Float32Array): ActivationKernels {
  return {
    sigmoid(yPtr, xPtr, count) {
      const [y, x] = [yPtr / 4, xPtr / 4];
      for (let i = 0; i < count; i++) memory[y + i] = logistic(memory[x + i]);
    },

    tanh(yPtr, xPtr, count) {
      const [y, x] = [yPtr / 4, xPtr / 4];
      for (let i = 0; i < count; i++) memory[y + i] = Math.tanh(memory[x + i]);
    },

    sigmoidBackward(dxPtr, dyPtr, yPtr, count) {
      const [dx, dy, y] = [dxPtr / 4, dyPtr / 4, yPtr / 4];
      for (let i = 0; i < count; i++) memory[dx + i] += memory[dy + i] * memory[y + i] * (1 - memory[y + i]);
    },

    tanhBackward(dxPtr, dyPtr, yPtr, count) {
      const [dx, dy, y] = [dxPtr / 4, dyPtr / 4, yPtr / 4];
      for (let i = 0; i < count; i++) memory[dx + i] += memory[dy + i] * (1 - memory[y + i] ** 2);
    },
  };
}
