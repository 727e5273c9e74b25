/**
 * The memory of a decoder: weights, state and what lies between them, all that a step reads. After 10 ms of other work it has
 * left the caches, and its pages the table of addresses. A step that begins by reading one word of each page has those reads
 * under way at the same time, and the processor then fetches ahead within every page, where it otherwise stops at the end of one:
 * a step with cold caches takes 12 to 22 % less (ARCHITECTURE.md). With warm caches it costs some hundred nanoseconds.
 */
import type { Kernels } from '../../kernels/kernels.ts';

const LINE_BYTES = 64;

export class WorkingSet {
  private readonly kernels: Kernels;
  private readonly ptr: number;
  private readonly byteCount: number;

  /** Everything that was allocated since the arena had `startByte` bytes in use. */
  constructor(kernels: Kernels, startByte: number) {
    this.kernels = kernels;
    this.ptr = LINE_BYTES * Math.ceil(startByte / LINE_BYTES);
    this.byteCount = kernels.arena.usedBytes() - this.ptr;
  }

  touch(): void {
    this.kernels.exports.touchPages(this.ptr, this.byteCount);
  }
}
