/**
 * The ring between a source (I/O thread) and the decode thread: single producer, single consumer, in a
 * SharedArrayBuffer, of chunks with a fixed slot size. The producer never blocks unless it asks to; the consumer
 * sleeps in `Atomics.wait` until a chunk is published.
 *
 * Slot: six doubles (CHUNK_HEADER), then float32 samples [maxFramesPerChunk x channelCount], then float32 truth
 * [maxFramesPerChunk x truthCount].
 */
const HEAD = 0; // chunks published, written by the producer (wraps as int32)
const TAIL = 1; // chunks released, written by the consumer
const CLOSED = 2; // 1 once the producer has published its last chunk
const NEWS = 3; // moves whenever the consumer has reason to wake: a chunk, or the close
const CONTROL_BYTES = 64;
const HEADER_DOUBLES = 6;

export interface ChunkRingLayout {
  /** A power of two: indexes wrap as 32-bit integers in a session of any length. */
  slotCount: number;
  channelCount: number;
  truthCount: number;
  maxFramesPerChunk: number;
}

/** One slot of the ring, as views. Borrowed: valid until it is published or released, never kept. */
export interface ChunkSlot {
  /** Six doubles, named by CHUNK_HEADER. The producer sets all of them: slots are reused. */
  readonly header: Float64Array;
  /** [maxFramesPerChunk x channelCount], of which header[2] frames are filled. */
  readonly samples: Float32Array;
  /** [maxFramesPerChunk x truthCount] */
  readonly truth: Float32Array;
}

/** Names for the doubles of a slot's header. */
export const CHUNK_HEADER = {
  /** Chunks of this stream before this one. */
  sequence: 0,
  /** Frames the device produced before this chunk's first frame (a jump is a gap). */
  firstFrameIndex: 1,
  frameCount: 2,
  /** Monotonic time at which the chunk's last frame ended, from the device's schedule; NaN when unpaced. */
  scheduledNs: 3,
  /** Monotonic time at which the source had the chunk. */
  arrivalNs: 4,
  /**
   * 1 when the chunk's first frame does not continue the frame before it in time (a join in the recording, a replay
   * that starts anew), else 0. A join never lies inside a chunk. It travels in the ring, and not only as an event,
   * because the decode thread must act on it at exactly this frame.
   */
  isJoin: 5,
} as const;

export class ChunkRing {
  readonly layout: ChunkRingLayout;
  /** Hand this to the other thread with `layout`. */
  readonly buffer: SharedArrayBuffer;
  private readonly control: Int32Array;
  private readonly slots: ChunkSlot[] = [];

  constructor(layout: ChunkRingLayout, buffer?: SharedArrayBuffer) {
    const { slotCount, channelCount, truthCount, maxFramesPerChunk } = layout;
    if (slotCount < 2 || (slotCount & (slotCount - 1)) !== 0) {
      throw new RangeError(`slotCount must be a power of two >= 2, got ${slotCount}`);
    }
    const sampleCount = maxFramesPerChunk * channelCount;
    const truthValues = maxFramesPerChunk * truthCount;
    const slotBytes = Math.ceil((HEADER_DOUBLES * 8 + (sampleCount + truthValues) * 4) / 64) * 64;
    this.layout = layout;
    this.buffer = buffer ?? new SharedArrayBuffer(CONTROL_BYTES + slotCount * slotBytes);
    this.control = new Int32Array(this.buffer, 0, CONTROL_BYTES / 4);
    for (let i = 0; i < slotCount; i++) {
      const base = CONTROL_BYTES + i * slotBytes;
      const samplesAt = base + HEADER_DOUBLES * 8;
      this.slots.push({
        header: new Float64Array(this.buffer, base, HEADER_DOUBLES),
        samples: new Float32Array(this.buffer, samplesAt, sampleCount),
        truth: new Float32Array(this.buffer, samplesAt + sampleCount * 4, truthValues),
      });
    }
  }

  /** Producer: the next free slot to fill, or undefined when the consumer is a whole ring behind. */
  claim(): ChunkSlot | undefined {
    const head = Atomics.load(this.control, HEAD);
    const used = (head - Atomics.load(this.control, TAIL)) | 0;
    if (used >= this.layout.slotCount) return undefined;
    return this.slots[head & (this.layout.slotCount - 1)];
  }

  /** Producer: hands the claimed slot over and wakes the consumer. */
  publish(): void {
    Atomics.add(this.control, HEAD, 1);
    this.wakeConsumer();
  }

  /** Producer: no chunk will follow. */
  close(): void {
    Atomics.store(this.control, CLOSED, 1);
    this.wakeConsumer();
  }

  /** Producer: sleeps until a slot is free, at most `timeoutMs`; for unpaced sources only. */
  waitForSpace(timeoutMs: number): boolean {
    const tail = Atomics.load(this.control, TAIL);
    if (((Atomics.load(this.control, HEAD) - tail) | 0) < this.layout.slotCount) return true;
    Atomics.wait(this.control, TAIL, tail, timeoutMs);
    return this.claim() !== undefined;
  }

  /** Consumer: the oldest published slot, or undefined when there is none. */
  peek(): ChunkSlot | undefined {
    const tail = Atomics.load(this.control, TAIL);
    if (Atomics.load(this.control, HEAD) === tail) return undefined;
    return this.slots[tail & (this.layout.slotCount - 1)];
  }

  /** Consumer: gives the peeked slot back. */
  release(): void {
    Atomics.add(this.control, TAIL, 1);
    Atomics.notify(this.control, TAIL);
  }

  /** Consumer: sleeps until a chunk is published or the ring is closed, at most `timeoutMs`. */
  waitForChunk(timeoutMs: number): void {
    // Read before the look at the ring: what is published or closed after that look moves it, and wait() returns.
    const news = Atomics.load(this.control, NEWS);
    if (this.queuedCount() === 0 && !this.isClosed()) Atomics.wait(this.control, NEWS, news, timeoutMs);
  }

  /** Chunks published and not yet released. */
  queuedCount(): number {
    return (Atomics.load(this.control, HEAD) - Atomics.load(this.control, TAIL)) | 0;
  }

  /** True once the producer closed it; chunks may still be queued. */
  isClosed(): boolean {
    return Atomics.load(this.control, CLOSED) === 1;
  }

  private wakeConsumer(): void {
    Atomics.add(this.control, NEWS, 1);
    Atomics.notify(this.control, NEWS);
  }
}
