/** A decode loop on the calling thread, with a hand for each of its neighbours: a source to feed it, a consumer. */
import { CHUNK_HEADER } from '../../src/core/chunk-ring.ts';
import { FakeClock } from '../../src/core/clock.ts';
import { RECORD_FLAG, RECORD_HEADER } from '../../src/core/record-ring.ts';
import { DEFAULT_WAIT } from '../../src/runtime/arrival-waiter.ts';
import { DecoderExchange } from '../../src/runtime/decoder-exchange.ts';
import { DecoderSlots } from '../../src/runtime/decoder-slots.ts';
import { Arena } from '../../src/kernels/arena.ts';
import { DecodeLoop } from '../../src/runtime/decode-loop.ts';
import { SessionMemory } from '../../src/runtime/session-memory.ts';
import type { SessionPlan } from '../../src/runtime/session-memory.ts';
import { LeakyDecoder } from './leaky-decoder.ts';

export const MS = 1e6;

export interface BenchOptions {
  framesPerBin?: number;
  channelCount?: number;
  chunkSlots?: number;
  recordSlots?: number;
  maxFramesPerChunk?: number;
  smoothing?: number;
  isPaced?: boolean;
  deadlineMs?: number;
}

/** Frames of 1 ms, truth of 2 dimensions. */
export class LoopBench {
  readonly memory: SessionMemory;
  readonly clock = new FakeClock();
  readonly decoder: LeakyDecoder;
  readonly loop: DecodeLoop;
  producedFrames = 0;
  receivedFrames = 0;
  private sequence = 0;

  constructor(options: BenchOptions = {}) {
    const { framesPerBin = 10, channelCount = 3, smoothing = 0, deadlineMs = framesPerBin } = options;
    const plan: SessionPlan = {
      chunks: {
        slotCount: options.chunkSlots ?? 16,
        channelCount,
        truthCount: 2,
        maxFramesPerChunk: options.maxFramesPerChunk ?? 64,
      },
      records: {
        slotCount: options.recordSlots ?? 64,
        featureCount: channelCount,
        outputCount: 2,
        truthCount: 2,
      },
      framesPerBin,
      framePeriodNs: MS,
      isPaced: options.isPaced ?? true,
      isRealTime: false,
      deadlineNs: deadlineMs * MS,
      comparedDimensions: 2,
    };
    this.memory = new SessionMemory(plan);
    this.decoder = new LeakyDecoder(channelCount, 2);
    this.loop = new DecodeLoop(this.memory, slotsOf(this.decoder), smoothing, this.clock, DEFAULT_WAIT);
  }

  /**
   * What a source does with frames: into the ring, or lost when it is full.
   * @param rows [frames][channelCount]
   * @returns whether the chunk got into the ring
   */
  produce(
    rows: readonly (readonly number[])[],
    stamps: { isJoin?: boolean; scheduledNs?: number; arrivalNs?: number } = {},
    truth: (frame: number) => readonly number[] = () => [0, 0],
  ): boolean {
    const firstFrame = this.producedFrames;
    this.producedFrames += rows.length;
    const slot = this.memory.chunks.claim();
    if (slot === undefined) return false;
    const scheduledNs = this.memory.plan.isPaced
      ? (stamps.scheduledNs ?? this.producedFrames * MS)
      : Number.NaN;
    slot.header[CHUNK_HEADER.sequence] = this.sequence++;
    slot.header[CHUNK_HEADER.firstFrameIndex] = firstFrame;
    slot.header[CHUNK_HEADER.frameCount] = rows.length;
    slot.header[CHUNK_HEADER.scheduledNs] = scheduledNs;
    slot.header[CHUNK_HEADER.arrivalNs] = stamps.arrivalNs ?? this.clock.nowNs();
    slot.header[CHUNK_HEADER.isJoin] = stamps.isJoin === true ? 1 : 0;
    slot.samples.set(rows.flat());
    slot.truth.set(rows.flatMap((_, i) => [...truth(firstFrame + i)]));
    this.receivedFrames += rows.length;
    this.memory.chunks.publish();
    return true;
  }

  /** Frames that the device has produced and the source never got. */
  skip(frameCount: number): void {
    this.producedFrames += frameCount;
  }

  /** Ends the stream and lets the loop run to its end. */
  finish(): void {
    this.memory.chunks.close();
    this.loop.run();
  }

  /** Takes what is in the output ring. */
  consume() {
    const records = [];
    for (let slot = this.memory.records.peek(); slot; slot = this.memory.records.peek()) {
      const { header } = slot;
      const stamp = (name: keyof typeof RECORD_HEADER): number => header[RECORD_HEADER[name]];
      records.push({
        binIndex: stamp('binIndex'),
        frames: [stamp('firstFrame'), stamp('lastFrame')],
        scheduledNs: stamp('scheduledNs'),
        arrivalNs: stamp('arrivalNs'),
        startNs: stamp('startNs'),
        stagedNs: stamp('stagedNs'),
        decoderNs: stamp('decoderNs'),
        doneNs: stamp('doneNs'),
        isJoin: (stamp('flags') & RECORD_FLAG.join) !== 0,
        isNonFinite: (stamp('flags') & RECORD_FLAG.nonFinite) !== 0,
        features: [...slot.features],
        output: [...slot.output],
        truth: [...slot.truth],
      });
      this.memory.records.release();
    }
    return records;
  }
}

/** Slots without numbers of their own: a request changes nothing. */
export function slotsOf(decoder: LeakyDecoder): DecoderSlots {
  const slot = { decoder, arena: new Arena(1, 64) };
  return new DecoderSlots([slot, slot], new DecoderExchange(0));
}

/** Rows of the same value in every channel. */
export function rowsOf(frameCount: number, channelCount: number, value = 1): number[][] {
  return Array.from({ length: frameCount }, () => Array<number>(channelCount).fill(value));
}
