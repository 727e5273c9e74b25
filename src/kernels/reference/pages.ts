/** Pages of memory: twin of assembly/pages.ts. */
import type { PageKernels } from '../exports/pages.ts';

const PAGE_BYTES = 4096;

/** @param memory all of the kernel memory */
export function pagesReference(memory: Float32Array): PageKernels {
  const words = new Int32Array(memory.buffer, memory.byteOffset, memory.length);
  return {
    touchPages(ptr, byteCount) {
      let word = 0;
      for (let at = 0; at < byteCount; at += PAGE_BYTES) word ^= words[(ptr + at) / 4];
      return word;
    },
  };
}
