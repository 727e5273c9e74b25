/**
 * What the decode thread counts, on shared memory: it writes, the main thread reads at any time. Doubles hold whole
 * counts for ever; a reader sees each count whole, though not all counts of the same instant.
 */
import type { DroppedFrames } from '../signal/binning.ts';

/** Where each count stands. */
const AT = {
  receivedFrames: 0,
  processedFrames: 1,
  droppedGap: 2,
  droppedJoin: 3,
  droppedPartialBin: 4,
  missingFrames: 5,
  binCount: 6,
  joinCount: 7,
  nonFiniteBins: 8,
  deadlineMisses: 9,
  missRun: 10,
  missRunMax: 11,
} as const;
const COUNTS = Object.keys(AT).length;

export class DecodeAccount {
  /** Hand this to the other thread. */
  readonly buffer: SharedArrayBuffer;
  private readonly values: Float64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(COUNTS * 8)) {
    this.buffer = buffer;
    this.values = new Float64Array(buffer, 0, COUNTS);
  }

  /** A chunk was taken from the ring. @param missingFrames frames that should have come before it and did not */
  countChunk(frameCount: number, missingFrames: number): void {
    this.values[AT.receivedFrames] += frameCount;
    this.values[AT.missingFrames] += missingFrames;
  }

  setDropped(dropped: DroppedFrames): void {
    this.values[AT.droppedGap] = dropped.gap;
    this.values[AT.droppedJoin] = dropped.join;
    this.values[AT.droppedPartialBin] = dropped.partialBin;
  }

  countBin(frameCount: number, isJoin: boolean, isNonFinite: boolean): void {
    this.values[AT.processedFrames] += frameCount;
    this.values[AT.binCount] += 1;
    if (isJoin) this.values[AT.joinCount] += 1;
    if (isNonFinite) this.values[AT.nonFiniteBins] += 1;
  }

  countDeadline(isMissed: boolean): void {
    if (!isMissed) {
      this.values[AT.missRun] = 0;
      return;
    }
    this.values[AT.deadlineMisses] += 1;
    this.values[AT.missRun] += 1;
    if (this.values[AT.missRun] > this.values[AT.missRunMax])
      this.values[AT.missRunMax] = this.values[AT.missRun];
  }

  /** Frames taken from the ring. */
  receivedFrames(): number {
    return this.values[AT.receivedFrames];
  }

  /** Frames that reached the decoder, in bins. */
  processedFrames(): number {
    return this.values[AT.processedFrames];
  }

  droppedFrames(): DroppedFrames {
    return {
      gap: this.values[AT.droppedGap],
      join: this.values[AT.droppedJoin],
      partialBin: this.values[AT.droppedPartialBin],
    };
  }

  /** Frames that the indexes of the chunks skip: the decode thread's own view of what the source lost. */
  missingFrames(): number {
    return this.values[AT.missingFrames];
  }

  binCount(): number {
    return this.values[AT.binCount];
  }

  joinCount(): number {
    return this.values[AT.joinCount];
  }

  /** Bins whose output was replaced by the safe value. */
  nonFiniteBins(): number {
    return this.values[AT.nonFiniteBins];
  }

  deadlineMisses(): number {
    return this.values[AT.deadlineMisses];
  }

  /** Most deadlines missed one after the other. */
  missRunMax(): number {
    return this.values[AT.missRunMax];
  }
}
