/**
 * The chunk ring as an unpaced source sees it: there is space only when the output ring, too, has room for every bin
 * that the queued chunks and one more can give. So the source waits for the slowest reader, nothing is lost at
 * maximum speed, and the decode thread needs no rule of its own: it never waits for a consumer.
 */
import { ChunkRing } from '../core/chunk-ring.ts';
import type { ChunkRingLayout } from '../core/chunk-ring.ts';
import type { RecordRing } from '../core/record-ring.ts';

export class ThrottledChunkRing extends ChunkRing {
  private readonly records: RecordRing;
  private readonly maxBinsPerChunk: number;

  constructor(layout: ChunkRingLayout, buffer: SharedArrayBuffer, records: RecordRing, framesPerBin: number) {
    super(layout, buffer);
    this.records = records;
    this.maxBinsPerChunk = maxBinsPerChunk(layout.maxFramesPerChunk, framesPerBin);
  }

  override waitForSpace(timeoutMs: number): boolean {
    if (!super.waitForSpace(timeoutMs)) return false;
    // The queue is read before the free slots: bins written in between make the answer too careful, never too bold.
    const binCount = (this.queuedCount() + 1) * this.maxBinsPerChunk;
    return this.records.waitForFree(binCount, timeoutMs);
  }
}

/** With up to framesPerBin - 1 frames of an unfinished bin waiting. */
export function maxBinsPerChunk(maxFramesPerChunk: number, framesPerBin: number): number {
  return Math.floor((maxFramesPerChunk + framesPerBin - 1) / framesPerBin);
}
