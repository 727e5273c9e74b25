/** A decoder's state at one place of the kernel memory: reset, saved and loaded as a whole. */
import type { Kernels } from '../../kernels/kernels.ts';

export class ArenaState {
  readonly ptr: number;
  readonly byteCount: number;
  /** [floatCount] */
  readonly values: Float32Array;
  private readonly bytes: Uint8Array;
  private readonly fresh: Float32Array;

  /** @param fresh the state of a decoder that has seen nothing; default: zeros */
  constructor(kernels: Kernels, floatCount: number, fresh: Float32Array = new Float32Array(floatCount)) {
    const { arena } = kernels;
    this.ptr = arena.allocate(floatCount);
    this.byteCount = floatCount * 4;
    this.values = arena.float32(this.ptr, floatCount);
    this.bytes = new Uint8Array(arena.memory.buffer, this.ptr, this.byteCount);
    this.fresh = fresh;
    this.reset();
  }

  reset(): void {
    this.values.set(this.fresh);
  }

  /** @param into byteCount long, at any alignment */
  save(into: Uint8Array): void {
    into.set(this.bytes);
  }

  /** @param from byteCount long, at any alignment */
  load(from: Uint8Array): void {
    this.bytes.set(from);
  }
}
