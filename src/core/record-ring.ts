/**
 * The ring between the decode thread and the main thread: single producer, single consumer, in a
 * SharedArrayBuffer, one slot per decoded bin. The producer never waits: when the ring is full the record is lost
 * and counted. The consumer comes by when it likes.
 *
 * Slot: eleven doubles (RECORD_HEADER), then float32 features [featureCount], output [outputCount], truth [truthCount].
 */
const HEAD = 0; // records published, written by the producer (wraps as int32)
const TAIL = 1; // records released, written by the consumer
const LOST = 2; // records that found the ring full, written by the producer
const CONTROL_BYTES = 64;
const HEADER_DOUBLES = 11;

export interface RecordRingLayout {
  /** A power of two: indexes wrap as 32-bit integers in a session of any length. */
  slotCount: number;
  featureCount: number;
  outputCount: number;
  truthCount: number;
}

/** One slot of the ring, as views. Borrowed: valid until it is published or released, never kept. */
export interface RecordSlot {
  /** Eleven doubles, named by RECORD_HEADER. */
  readonly header: Float64Array;
  /** What the decoder was given. [featureCount] */
  readonly features: Float32Array;
  /** [outputCount] */
  readonly output: Float32Array;
  /** [truthCount] */
  readonly truth: Float32Array;
}

/** Names for the doubles of a slot's header. Times are monotonic nanoseconds, NaN where there is none. */
export const RECORD_HEADER = {
  /** Bins decoded before this one. */
  binIndex: 0,
  /** First and last frame that went into the bin: the sequence numbers of its inputs. */
  firstFrame: 1,
  lastFrame: 2,
  /** The bin's edge by the stream's schedule. */
  scheduledNs: 3,
  /** The bin's last frame had arrived in the source. */
  arrivalNs: 4,
  /** The decode thread took the chunk with the bin's last frame. */
  startNs: 5,
  /** The stages had done that chunk. */
  stagedNs: 6,
  /** The decoder began this bin. */
  decoderNs: 7,
  /** The output stood in the ring. */
  doneNs: 8,
  /** Sum of RECORD_FLAG values. */
  flags: 9,
  /** Which decoder made the output: 0 is the one that the session began with, each promotion gives the next number. */
  generation: 10,
} as const;

export const RECORD_FLAG = {
  /** The bin does not continue the bin before it in time. */
  join: 1,
  /** Features or output were not finite: the output is the safe value. */
  nonFinite: 2,
} as const;

export class RecordRing {
  readonly layout: RecordRingLayout;
  /** Hand this to the other thread with `layout`. */
  readonly buffer: SharedArrayBuffer;
  private readonly control: Int32Array;
  private readonly slots: RecordSlot[] = [];

  constructor(layout: RecordRingLayout, buffer?: SharedArrayBuffer) {
    const { slotCount, featureCount, outputCount, truthCount } = layout;
    if (slotCount < 2 || (slotCount & (slotCount - 1)) !== 0) {
      throw new RangeError(`slotCount must be a power of two >= 2, got ${slotCount}`);
    }
    const floatCount = featureCount + outputCount + truthCount;
    const slotBytes = Math.ceil((HEADER_DOUBLES * 8 + floatCount * 4) / 64) * 64;
    this.layout = layout;
    this.buffer = buffer ?? new SharedArrayBuffer(CONTROL_BYTES + slotCount * slotBytes);
    this.control = new Int32Array(this.buffer, 0, CONTROL_BYTES / 4);
    for (let i = 0; i < slotCount; i++) {
      const base = CONTROL_BYTES + i * slotBytes;
      const featuresAt = base + HEADER_DOUBLES * 8;
      const outputAt = featuresAt + featureCount * 4;
      this.slots.push({
        header: new Float64Array(this.buffer, base, HEADER_DOUBLES),
        features: new Float32Array(this.buffer, featuresAt, featureCount),
        output: new Float32Array(this.buffer, outputAt, outputCount),
        truth: new Float32Array(this.buffer, outputAt + outputCount * 4, truthCount),
      });
    }
  }

  /** Producer: the next free slot to fill, or undefined when the ring is full: the record is then counted as lost. */
  claim(): RecordSlot | undefined {
    const head = Atomics.load(this.control, HEAD);
    const used = (head - Atomics.load(this.control, TAIL)) | 0;
    if (used >= this.layout.slotCount) {
      Atomics.add(this.control, LOST, 1);
      return undefined;
    }
    return this.slots[head & (this.layout.slotCount - 1)];
  }

  /** Producer: hands the claimed slot over. */
  publish(): void {
    Atomics.add(this.control, HEAD, 1);
  }

  /** Consumer: the oldest published slot, or undefined when there is none. */
  peek(): RecordSlot | undefined {
    const tail = Atomics.load(this.control, TAIL);
    if (Atomics.load(this.control, HEAD) === tail) return undefined;
    return this.slots[tail & (this.layout.slotCount - 1)];
  }

  /** Consumer: gives the peeked slot back. */
  release(): void {
    Atomics.add(this.control, TAIL, 1);
    Atomics.notify(this.control, TAIL);
  }

  /** Records that found the ring full. */
  lostCount(): number {
    return Atomics.load(this.control, LOST) >>> 0;
  }

  /** Records published and not yet released. */
  queuedCount(): number {
    return (Atomics.load(this.control, HEAD) - Atomics.load(this.control, TAIL)) | 0;
  }

  /** Any thread but the producer: sleeps until `count` slots are free, at most until something is released or `timeoutMs`. */
  waitForFree(count: number, timeoutMs: number): boolean {
    const tail = Atomics.load(this.control, TAIL);
    const used = (Atomics.load(this.control, HEAD) - tail) | 0;
    if (this.layout.slotCount - used >= count) return true;
    Atomics.wait(this.control, TAIL, tail, timeoutMs);
    return this.layout.slotCount - this.queuedCount() >= count;
  }
}
