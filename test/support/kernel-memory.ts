/**
 * Buffers for kernels under test, each between two guard bands. Kernels are compiled without bounds checks, so a
 * write out of range corrupts silently: `verify` finds it, and finds inputs that were written to.
 *
 * Bands, outputs and scratch start out as NaN: an element read out of range, or never written, shows in the result.
 */
import type { Arena } from '../../src/kernels/arena.ts';
import type { Rng } from '../../src/core/rng.ts';

const BAND_COUNT = 32; // floats; longer than the widest store, a column of 24
const BAND_BITS = 0x7fc0beef; // a quiet NaN that no arithmetic makes
const ALIGNMENT_COUNT = 4;

export interface GuardedBuffer {
  readonly ptr: number;
  /** Live view. */
  readonly values: Float32Array;
}

export interface GuardedBytes {
  readonly ptr: number;
  /** Live view. */
  readonly values: Int8Array;
}

interface Placed extends GuardedBuffer {
  /** The values that must still be there, for an input. */
  readonly original: Float32Array | undefined;
}

export class KernelMemory {
  private readonly arena: Arena;
  private readonly firstPtr: number;
  private readonly capacityCount: number;
  private readonly bits: Uint32Array;
  private nextCount = 0;
  private placed: Placed[] = [];
  private shifts: Rng | undefined;

  constructor(arena: Arena, capacityCount = 4 << 20) {
    this.arena = arena;
    this.capacityCount = capacityCount;
    this.firstPtr = arena.allocate(capacityCount);
    this.bits = new Uint32Array(arena.memory.buffer, this.firstPtr, capacityCount);
  }

  /** Forgets all buffers. @param shifts draws 0 to 3 floats by which each buffer is off 16-byte alignment; none: 0 */
  reset(shifts?: Rng): void {
    this.nextCount = 0;
    this.placed = [];
    this.shifts = shifts;
  }

  /** A buffer that the kernel may only read. */
  input(values: ArrayLike<number>): GuardedBuffer {
    return this.place(Float32Array.from(values), true);
  }

  /** The same of bytes. */
  inputBytes(values: Int8Array): GuardedBytes {
    const padded = new Int8Array(Math.ceil(values.length / 4) * 4);
    padded.set(values);
    const { ptr } = this.place(new Float32Array(padded.buffer), true);
    return { ptr, values: this.bytes(ptr, values.length) };
  }

  /** Bytes that the kernel fills. */
  outputBytes(count: number): GuardedBytes {
    const { ptr } = this.output(Math.ceil(count / 4));
    return { ptr, values: this.bytes(ptr, count) };
  }

  /** A buffer that the kernel updates. */
  inOut(values: ArrayLike<number>): GuardedBuffer {
    return this.place(Float32Array.from(values), false);
  }

  /** A buffer that the kernel fills, or its scratch. */
  output(count: number): GuardedBuffer {
    return this.place(new Float32Array(count).fill(Number.NaN), false);
  }

  /** @throws when anything outside the buffers, or an input, has changed */
  verify(): void {
    let next = 0;
    for (const { ptr, values, original } of this.placed) {
      const start = (ptr - this.firstPtr) / 4;
      this.verifyBand(next, start);
      next = start + values.length;
      if (original === undefined) continue;
      patternsOf(original).forEach((pattern, i) => {
        if (this.bits[start + i] !== pattern) {
          throw new Error(
            `input element ${i} of ${values.length} was changed from ${original[i]} to ${values[i]}`,
          );
        }
      });
    }
    this.verifyBand(next, this.nextCount);
  }

  private place(values: Float32Array, isInput: boolean): GuardedBuffer {
    const shift = this.shifts?.integer(ALIGNMENT_COUNT) ?? 0;
    const aligned = Math.ceil((this.nextCount + BAND_COUNT) / ALIGNMENT_COUNT) * ALIGNMENT_COUNT;
    const start = aligned + shift;
    const end = start + values.length + BAND_COUNT;
    if (end > this.capacityCount) throw new Error('the memory under test is full: reset it in each case');
    this.bits.fill(BAND_BITS, this.nextCount, end);
    this.nextCount = end;
    const ptr = this.firstPtr + start * 4;
    const view = this.arena.float32(ptr, values.length);
    this.bits.set(patternsOf(values), start); // not as numbers, which may change the pattern of a NaN
    const buffer = { ptr, values: view, original: isInput ? values : undefined };
    this.placed.push(buffer);
    return buffer;
  }

  private bytes(ptr: number, count: number): Int8Array {
    return new Int8Array(this.arena.memory.buffer, ptr, count);
  }

  private verifyBand(from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (this.bits[i] !== BAND_BITS) {
        throw new Error(`the float ${i - from} after a buffer, ${to - i} before the next, was written to`);
      }
    }
  }
}

function patternsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
