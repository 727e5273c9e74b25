/** Pages of memory. The calling convention is in ../kernel-exports.ts. */

export interface PageKernels {
  /**
   * Reads the first word of every 4,096 bytes from `ptr` on, which brings the start of each page nearer to the core.
   * Returns the exclusive or of the words as int32, so that no compiler leaves the reading out.
   */
  touchPages(ptr: number, byteCount: number): number;
}
