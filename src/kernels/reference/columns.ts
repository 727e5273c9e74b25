/** Blocks of columns: twin of assembly/columns.ts. */
import type { ColumnKernels } from '../exports/columns.ts';

/** @param memory all of the kernel memory */
export function columnsReference(memory: Float32Array): ColumnKernels {
  return {
    copyColumns(yPtr, yStride, xPtr, xStride, rows, cols) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++)
          memory[yPtr / 4 + r * yStride + c] = memory[xPtr / 4 + r * xStride + c];
      }
    },

    addColumns(yPtr, yStride, xPtr, xStride, rows, cols) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < cols; c++)
          memory[yPtr / 4 + r * yStride + c] += memory[xPtr / 4 + r * xStride + c];
      }
    },
  };
}
