/** Matrix products. The calling convention is in ../kernel-exports.ts. */

/** Floats of scratch that `gemm` needs for any size: a packed block of 48 x 256 and one spilled 4 x 8 tile. */
export const GEMM_SCRATCH_COUNT = 48 * 256 + 4 * 8;

export interface GemmKernels {
  /**
   * packed[ceil(n/8)][k][8] <- b, where b(k, n) lies at bPtr + 4 (k rowStride + n columnStride); padded with zeros.
   */
  packPanels(
    packedPtr: number,
    bPtr: number,
    rowStride: number,
    columnStride: number,
    k: number,
    n: number,
  ): void;
  /**
   * c[m][n] (row stride ldc) = a b, or += with accumulate = 1. a(i, k) lies at aPtr + 4 (i aRowStride + k aColumnStride);
   * b packed by packPanels. scratch: GEMM_SCRATCH_COUNT floats.
   */
  gemm(
    cPtr: number,
    ldc: number,
    aPtr: number,
    aRowStride: number,
    aColumnStride: number,
    packedPtr: number,
    m: number,
    n: number,
    k: number,
    accumulate: number,
    scratchPtr: number,
  ): void;
}
