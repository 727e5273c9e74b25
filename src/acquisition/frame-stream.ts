/**
 * Frames one after the other, without time: what a simulation computes and a recording holds. `StreamSource` makes a
 * source of it, with pace, ring, account and events, the same for all.
 */
import type { StreamInfo } from './source.ts';

/** What is known of a stream before it has a pace. */
export type UntimedStreamInfo = Omit<StreamInfo, 'isPaced' | 'paceHz'>;

/** What one read wrote. */
export interface FrameBatch {
  frameCount: number;
  /** The first of these frames does not continue the frame before it in time. False for the very first frame. */
  isJoin: boolean;
}

export interface FrameStream {
  /** What is known of the stream. Checks what can be checked. @throws BetzError */
  prepare(): UntimedStreamInfo;
  /**
   * Writes the next frames, at most `maxFramesPerChunk` of `prepare`'s answer, never across a join.
   * @param samples [maxFramesPerChunk x channelCount]
   * @param truth [maxFramesPerChunk x truthCount]
   * @returns undefined when the stream has ended; else an object that the next read may reuse
   */
  read(samples: Float32Array, truth: Float32Array): FrameBatch | undefined;
}
