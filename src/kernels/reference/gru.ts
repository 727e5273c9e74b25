/**
 * GRU in plain loops: twin of assembly/gru.ts, which has the equations. The backward pass is the chain rule written
 * out, with every derivative on a line of its own.
 */
import type { GruKernels } from '../exports/gru.ts';
import { logistic } from './activations.ts';
import { panelIndex } from './gemm.ts';

/** @param memory all of the kernel memory */
export function gruReference(memory: Float32Array): GruKernels {
  /** y[j] = start[j] + sum over i of x[i] b(i, j), b packed in panels k rows deep. */
  function timesPanels(start: Float64Array, x: number, packed: number, k: number): Float64Array {
    return start.map((first, j) => {
      let sum = first;
      for (let i = 0; i < k; i++) sum += memory[x + i] * memory[packed + panelIndex(i, j, k)];
      return sum;
    });
  }

  return {
    gruGates(hPtr, giPtr, ghPtr, hiddenCount) {
      const [h, gi, gh, H] = [hPtr / 4, giPtr / 4, ghPtr / 4, hiddenCount];
      for (let i = 0; i < H; i++) {
        const r = logistic(memory[gi + i] + memory[gh + i]);
        const z = logistic(memory[gi + H + i] + memory[gh + H + i]);
        const n = Math.tanh(memory[gi + 2 * H + i] + r * memory[gh + 2 * H + i]);
        memory[h + i] = (1 - z) * n + z * memory[h + i];
      }
    },

    gruScanForward(hPtr, gatesPtr, giPtr, packedPtr, biasPtr, timeCount, batchCount, hiddenCount) {
      const [packed, H] = [packedPtr / 4, hiddenCount];
      const bias = Float64Array.from(memory.subarray(biasPtr / 4, biasPtr / 4 + 3 * H));
      const rowCount = timeCount * batchCount; // rows of h[T+1][B] from the second step on
      for (let row = 0; row < rowCount; row++) {
        const h = hPtr / 4 + row * H;
        const next = h + batchCount * H;
        const gi = giPtr / 4 + row * 3 * H;
        const gates = gatesPtr / 4 + row * 4 * H;
        const gh = timesPanels(bias, h, packed, H); // [3H]
        for (let i = 0; i < H; i++) {
          const m = gh[2 * H + i];
          const r = logistic(memory[gi + i] + gh[i]);
          const z = logistic(memory[gi + H + i] + gh[H + i]);
          const n = Math.tanh(memory[gi + 2 * H + i] + r * m);
          memory[gates + i] = r;
          memory[gates + H + i] = z;
          memory[gates + 2 * H + i] = n;
          memory[gates + 3 * H + i] = m;
          memory[next + i] = (1 - z) * n + z * memory[h + i];
        }
      }
    },

    gruScanBackward(dgiPtr, dghPtr, dhPtr, hPtr, gatesPtr, packedPtr, timeCount, batchCount, hiddenCount) {
      const [packed, H] = [packedPtr / 4, hiddenCount];
      for (let b = 0; b < batchCount; b++) {
        let carry: Float64Array = new Float64Array(H); // gradient by h[t+1] that comes from later steps
        for (let t = timeCount - 1; t >= 0; t--) {
          const row = t * batchCount + b;
          const dgi = dgiPtr / 4 + row * 3 * H;
          const dgh = dghPtr / 4 + row * 3 * H;
          const dh = dhPtr / 4 + row * H;
          const h = hPtr / 4 + row * H;
          const gates = gatesPtr / 4 + row * 4 * H;
          const direct = new Float64Array(H); // the part of the gradient by h[t] that bypasses W_hh
          for (let i = 0; i < H; i++) {
            const r = memory[gates + i];
            const z = memory[gates + H + i];
            const n = memory[gates + 2 * H + i];
            const m = memory[gates + 3 * H + i];
            const dNext = memory[dh + i] + carry[i];
            const dn = dNext * (1 - z) * (1 - n * n); // by the argument of tanh
            const dz = dNext * (memory[h + i] - n) * z * (1 - z);
            const dr = dn * m * r * (1 - r);
            const dm = dn * r;
            memory[dgi + i] = dr;
            memory[dgi + H + i] = dz;
            memory[dgi + 2 * H + i] = dn;
            memory[dgh + i] = dr;
            memory[dgh + H + i] = dz;
            memory[dgh + 2 * H + i] = dm;
            direct[i] = dNext * z;
          }
          carry = timesPanels(direct, dgh, packed, 3 * H);
        }
      }
    },
  };
}
