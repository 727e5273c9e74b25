/** A ring whose consumer takes its turn in the producer's thread, when the producer waits for space. */
import { CHUNK_HEADER, ChunkRing } from '../../src/core/chunk-ring.ts';
import type { ChunkRingLayout } from '../../src/core/chunk-ring.ts';
import type { StreamInfo } from '../../src/acquisition/source.ts';

/** A chunk as it was in the ring, owned. */
export interface TakenChunk {
  sequence: number;
  firstFrameIndex: number;
  frameCount: number;
  scheduledNs: number;
  arrivalNs: number;
  isJoin: number;
  /** One row per frame. */
  samples: number[][];
  truth: number[][];
}

export class DrainedRing extends ChunkRing {
  readonly taken: TakenChunk[] = [];
  /** What happens when the producer waits for space. Default: one chunk is taken. */
  duringWait: () => void = () => {
    this.take();
  };

  override waitForSpace(): boolean {
    if (this.queuedCount() < this.layout.slotCount) return true;
    this.duringWait();
    return this.queuedCount() < this.layout.slotCount;
  }

  take(): void {
    const slot = this.peek();
    if (slot === undefined) return;
    const { channelCount, truthCount } = this.layout;
    const { header } = slot;
    const frameCount = header[CHUNK_HEADER.frameCount];
    const rows = (values: Float32Array, columnCount: number): number[][] =>
      Array.from({ length: frameCount }, (_, i) => [
        ...values.subarray(i * columnCount, (i + 1) * columnCount),
      ]);
    this.taken.push({
      sequence: header[CHUNK_HEADER.sequence],
      firstFrameIndex: header[CHUNK_HEADER.firstFrameIndex],
      frameCount,
      scheduledNs: header[CHUNK_HEADER.scheduledNs],
      arrivalNs: header[CHUNK_HEADER.arrivalNs],
      isJoin: header[CHUNK_HEADER.isJoin],
      samples: rows(slot.samples, channelCount),
      truth: rows(slot.truth, truthCount),
    });
    // What is borrowed must not be relied on after the release.
    slot.header.fill(Number.NaN);
    slot.samples.fill(Number.NaN);
    slot.truth.fill(Number.NaN);
    this.release();
  }

  takeAll(): void {
    while (this.queuedCount() > 0) this.take();
  }
}

export function ringLayout(info: StreamInfo, slotCount: number): ChunkRingLayout {
  return {
    slotCount,
    channelCount: info.channels.length,
    truthCount: info.truth?.labels.length ?? 0,
    maxFramesPerChunk: info.maxFramesPerChunk,
  };
}
