/** Loops over flat arrays and rows: twin of assembly/elementwise.ts. */
import type { ElementwiseKernels } from '../exports/elementwise.ts';

/** @param memory all of the kernel memory */
export function elementwiseReference(memory: Float32Array): ElementwiseKernels {
  return {
    add(yPtr, aPtr, bPtr, count) {
      const [y, a, b] = [yPtr / 4, aPtr / 4, bPtr / 4];
      for (let i = 0; i < count; i++) memory[y + i] = memory[a + i] + memory[b + i];
    },

    multiply(yPtr, aPtr, bPtr, count) {
      const [y, a, b] = [yPtr / 4, aPtr / 4, bPtr / 4];
      for (let i = 0; i < count; i++) memory[y + i] = memory[a + i] * memory[b + i];
    },

    multiplyAdd(yPtr, aPtr, bPtr, count) {
      const [y, a, b] = [yPtr / 4, aPtr / 4, bPtr / 4];
      for (let i = 0; i < count; i++) memory[y + i] += memory[a + i] * memory[b + i];
    },

    accumulate(yPtr, xPtr, count) {
      const [y, x] = [yPtr / 4, xPtr / 4];
      for (let i = 0; i < count; i++) memory[y + i] += memory[x + i];
    },

    zero(yPtr, count) {
      memory.fill(0, yPtr / 4, yPtr / 4 + count);
    },

    fillRows(yPtr, biasPtr, rows, cols) {
      const [y, bias] = [yPtr / 4, biasPtr / 4];
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < cols; j++) memory[y + i * cols + j] = memory[bias + j];
      }
    },

    columnSums(outPtr, xPtr, rows, cols) {
      const [out, x] = [outPtr / 4, xPtr / 4];
      for (let j = 0; j < cols; j++) {
        let sum = memory[out + j];
        for (let i = 0; i < rows; i++) sum += memory[x + i * cols + j];
        memory[out + j] = sum;
      }
    },

    sumOfSquares(xPtr, count) {
      const x = xPtr / 4;
      let sum = 0;
      for (let i = 0; i < count; i++) sum += memory[x + i] ** 2;
      return sum;
    },
  };
}
