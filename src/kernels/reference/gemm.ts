/** Matrix product: twin of assembly/gemm.ts, with the triple loop in place of tiles and blocks. */
import type { GemmKernels } from '../exports/gemm.ts';

/** Columns of b that lie together in a packed matrix. */
const PANEL_COLUMNS = 8;

/** Place of b(i, j), k rows deep, in packed[ceil(n/8)][k][8]. */
export function panelIndex(i: number, j: number, k: number): number {
  return (Math.floor(j / PANEL_COLUMNS) * k + i) * PANEL_COLUMNS + (j % PANEL_COLUMNS);
}

/** @param memory all of the kernel memory */
export function gemmReference(memory: Float32Array): GemmKernels {
  return {
    packPanels(packedPtr, bPtr, rowStride, columnStride, k, n) {
      const [packed, b] = [packedPtr / 4, bPtr / 4];
      const paddedColumns = Math.ceil(n / PANEL_COLUMNS) * PANEL_COLUMNS;
      for (let i = 0; i < k; i++) {
        for (let j = 0; j < paddedColumns; j++) {
          memory[packed + panelIndex(i, j, k)] = j < n ? memory[b + i * rowStride + j * columnStride] : 0;
        }
      }
    },

    gemm(cPtr, ldc, aPtr, aRowStride, aColumnStride, packedPtr, m, n, k, accumulate) {
      const [c, a, packed] = [cPtr / 4, aPtr / 4, packedPtr / 4];
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = accumulate === 0 ? 0 : memory[c + i * ldc + j];
          for (let l = 0; l < k; l++) {
            sum += memory[a + i * aRowStride + l * aColumnStride] * memory[packed + panelIndex(l, j, k)];
          }
          memory[c + i * ldc + j] = sum;
        }
      }
    },
  };
}
