/**
 * The schedule of a paced stream as its chunks show it: how long a frame takes in real time. That is the nominal
 * period, or another where a recording is replayed at another speed.
 */
import { CHUNK_HEADER } from '../core/chunk-ring.ts';

export class FrameSchedule {
  framePeriodNs: number;
  private lastScheduledNs = Number.NaN;

  /** @param nominalPeriodNs until two chunks have shown the real one */
  constructor(nominalPeriodNs: number) {
    this.framePeriodNs = nominalPeriodNs;
  }

  /**
   * @param header of a chunk, see core/chunk-ring.ts
   * @param passedFrames from the last frame of the chunk before to the last of this one, lost frames included
   */
  observe(header: Float64Array, passedFrames: number): void {
    const scheduledNs = header[CHUNK_HEADER.scheduledNs];
    const passedNs = scheduledNs - this.lastScheduledNs; // NaN at the first chunk, and when unpaced
    if (passedFrames > 0 && passedNs > 0) this.framePeriodNs = passedNs / passedFrames;
    this.lastScheduledNs = scheduledNs;
  }
}
