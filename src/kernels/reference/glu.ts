/** Gated linear units: twin of assembly/glu.ts. */
import type { GluKernels } from '../exports/glu.ts';
import { logistic } from './activations.ts';

/** @param memory all of the kernel memory */
export function gluReference(memory: Float32Array): GluKernels {
  return {
    glu(yPtr, xPtr, rows, cols) {
      for (let r = 0; r < rows; r++) {
        const [y, x] = [yPtr / 4 + r * cols, xPtr / 4 + 2 * r * cols];
        for (let c = 0; c < cols; c++) memory[y + c] = memory[x + c] * logistic(memory[x + cols + c]);
      }
    },

    gluBackward(dxPtr, dyPtr, xPtr, rows, cols, accumulate) {
      for (let r = 0; r < rows; r++) {
        const [dy, x, dx] = [dyPtr / 4 + r * cols, xPtr / 4 + 2 * r * cols, dxPtr / 4 + 2 * r * cols];
        for (let c = 0; c < cols; c++) {
          const gate = logistic(memory[x + cols + c]);
          const da = memory[dy + c] * gate;
          const db = memory[dy + c] * memory[x + c] * gate * (1 - gate);
          memory[dx + c] = accumulate === 0 ? da : memory[dx + c] + da;
          memory[dx + cols + c] = accumulate === 0 ? db : memory[dx + cols + c] + db;
        }
      }
    },

    gluResidual(xPtr, mPtr, gainPtr, offsetPtr, cols) {
      const [x, m, gain, offset] = [xPtr / 4, mPtr / 4, gainPtr / 4, offsetPtr / 4];
      for (let c = 0; c < cols; c++) {
        const sum = memory[x + c] + memory[m + c] * logistic(memory[m + cols + c]);
        memory[x + c] = memory[gain + c] * sum + memory[offset + c];
      }
    },
  };
}
