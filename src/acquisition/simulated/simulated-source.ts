/** The simulated electrode array as a live source: 1 ms frames of spike counts with the true hand velocity. */
import { z } from 'zod';
import type { FrameBatch, FrameStream, UntimedStreamInfo } from '../frame-stream.ts';
import { defineSourceKind } from '../source-config.ts';
import { sourceSpeed, StreamSource } from '../stream-source.ts';
import { FRAME_RATE_HZ, simulatedArrayConfig } from './array-config.ts';
import { LAG_MAX_FRAMES, SimulatedArray } from './simulated-array.ts';
import { HAND_VELOCITY, simulatedChannels } from './simulate-recording.ts';

/** About 11 days: frames are counted in 32 bits inside. */
const FRAME_MAX = 1_000_000_000;
export const SIMULATED_S_MAX = FRAME_MAX / FRAME_RATE_HZ;

const simulatedSourceConfig = z.strictObject({
  array: simulatedArrayConfig.prefault({}),
  /** The true velocity given with a frame is that of so much later: what a model with a neural lag puts out. */
  lagMs: z.int().min(-LAG_MAX_FRAMES).max(LAG_MAX_FRAMES).default(0),
  /**
   * The frame of the simulation to begin with. After a calibration on the first seconds of the same array and day,
   * `frameAfter(seconds)` gives data that the decoder has not seen.
   */
  startFrame: z.int().min(0).max(FRAME_MAX).default(0),
  /** Ends after this many frames; without it, only when stopped. */
  frameCount: z.int().min(1).max(FRAME_MAX).optional(),
  /** Frames that are delivered at once; as a device that sends packets does. */
  chunkMs: z.int().min(1).max(100).default(5),
  speed: sourceSpeed,
});

type SimulatedSourceConfig = z.output<typeof simulatedSourceConfig>;
export type SimulatedSourceOptions = z.input<typeof simulatedSourceConfig>;

export const simulatedSource = defineSourceKind(
  'simulated',
  simulatedSourceConfig,
  (config, { clock }) => new StreamSource(new SimulatedStream(config), config.speed, clock),
);

class SimulatedStream implements FrameStream {
  private readonly config: SimulatedSourceConfig;
  private readonly framesPerChunk: number;
  private readonly batch: FrameBatch = { frameCount: 0, isJoin: false };
  private array: SimulatedArray | undefined;
  private framesLeft: number;

  constructor(config: SimulatedSourceConfig) {
    this.config = config;
    this.framesPerChunk = (config.chunkMs * FRAME_RATE_HZ) / 1000;
    this.framesLeft = config.frameCount ?? Infinity;
  }

  prepare(): UntimedStreamInfo {
    const { array, lagMs, startFrame, frameCount } = this.config;
    this.array = new SimulatedArray(array, startFrame, undefined, (lagMs * FRAME_RATE_HZ) / 1000);
    return {
      channels: simulatedChannels(array.channelCount),
      sampleRateHz: FRAME_RATE_HZ,
      clockDomain: 'simulated',
      maxFramesPerChunk: this.framesPerChunk,
      truth: HAND_VELOCITY,
      ...(frameCount === undefined ? {} : { frameCount }),
    };
  }

  read(samples: Float32Array, truth: Float32Array): FrameBatch | undefined {
    const { array, batch } = this;
    if (array === undefined || this.framesLeft === 0) return undefined;
    batch.frameCount = Math.min(this.framesPerChunk, this.framesLeft);
    array.read(batch.frameCount, samples, truth);
    this.framesLeft -= batch.frameCount;
    return batch;
  }
}
