/**
 * A linear memory with a bump allocator. Its size is fixed when it is made (pages that are never touched cost
 * nothing), so views stay valid for life and nothing grows or moves.
 */
import { BetzError } from '../core/errors.ts';

const PAGE_BYTES = 65536;
const ALIGNMENT_BYTES = 64; // a cache line, and more than any vector needs

export class Arena {
  readonly memory: WebAssembly.Memory;
  private nextByte: number;
  private readonly capacityBytes: number;
  private readonly reservedBytes: number;

  /** @param reservedBytes at the start, for the module's static data */
  constructor(capacityBytes: number, reservedBytes: number) {
    const pages = Math.ceil(capacityBytes / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.capacityBytes = pages * PAGE_BYTES;
    this.nextByte = reservedBytes;
    this.reservedBytes = reservedBytes;
  }

  /** Reserves zeroed bytes and returns their offset. */
  allocateBytes(count: number): number {
    const ptr = Math.ceil(this.nextByte / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    if (ptr + count > this.capacityBytes) {
      throw new BetzError(
        'CFG_MEMORY_EXHAUSTED',
        `the kernel memory of ${this.capacityBytes} bytes is full`,
        {
          value: ptr + count,
          tip: 'Use a smaller model, a smaller batch or a shorter window.',
        },
      );
    }
    this.nextByte = ptr + count;
    return ptr;
  }

  /** Reserves zeroed float32 elements and returns their byte offset. */
  allocate(count: number): number {
    return this.allocateBytes(count * 4);
  }

  /** Reserves zeroed float64 elements and returns them. */
  allocateFloat64(count: number): Float64Array {
    return new Float64Array(this.memory.buffer, this.allocateBytes(count * 8), count);
  }

  /** Runs `use`; what it reserves is zeroed and free again afterwards. */
  borrow(use: () => void): void {
    const from = this.nextByte;
    use();
    new Uint8Array(this.memory.buffer, from, this.nextByte - from).fill(0);
    this.nextByte = from;
  }

  /** A view of float32 elements at a byte offset. */
  float32(ptr: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, ptr, count);
  }

  usedBytes(): number {
    return this.nextByte;
  }

  /** A view of everything that was allocated so far. */
  contents(): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.reservedBytes, this.nextByte - this.reservedBytes);
  }
}
