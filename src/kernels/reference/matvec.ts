/** Matrix-vector product for the streaming step, in plain loops: twin of assembly/matvec.ts. */
import type { MatvecKernels } from '../exports/matvec.ts';

/** Rows that lie together, column by column, in a packed matrix. */
const ROWS = 24;

/** @param memory all of the kernel memory */
export function matvecReference(memory: Float32Array): MatvecKernels {
  /** y = bias + W x over the columns that `takes` lets in. Padding rows are computed like the others. */
  function matvec(
    yPtr: number,
    packedPtr: number,
    xPtr: number,
    biasPtr: number,
    rows: number,
    cols: number,
    takes: (x: number) => boolean,
  ): void {
    const [y, packed, x, bias] = [yPtr / 4, packedPtr / 4, xPtr / 4, biasPtr / 4];
    const paddedRows = Math.ceil(rows / ROWS) * ROWS;
    for (let row = 0; row < paddedRows; row++) {
      let sum = memory[bias + row];
      for (let col = 0; col < cols; col++) {
        if (takes(memory[x + col])) sum += memory[packed + packedIndex(row, col, cols)] * memory[x + col];
      }
      memory[y + row] = sum;
    }
  }

  return {
    packMatvec(packedPtr, wPtr, rows, cols) {
      const [packed, w] = [packedPtr / 4, wPtr / 4];
      const paddedRows = Math.ceil(rows / ROWS) * ROWS;
      for (let row = 0; row < paddedRows; row++) {
        for (let col = 0; col < cols; col++) {
          memory[packed + packedIndex(row, col, cols)] = row < rows ? memory[w + row * cols + col] : 0;
        }
      }
    },

    matvecDense(yPtr, packedPtr, xPtr, biasPtr, rows, cols) {
      matvec(yPtr, packedPtr, xPtr, biasPtr, rows, cols, () => true);
    },

    matvecSparse(yPtr, packedPtr, xPtr, biasPtr, rows, cols) {
      // NaN is not equal to zero, so it is taken and reaches the output.
      matvec(yPtr, packedPtr, xPtr, biasPtr, rows, cols, (x) => x !== 0);
    },
  };
}

/** Place of W[row][col] in packed[ceil(rows/24)][cols][24]. */
export function packedIndex(row: number, col: number, cols: number): number {
  return (Math.floor(row / ROWS) * cols + col) * ROWS + (row % ROWS);
}
