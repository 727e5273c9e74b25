/**
 * A source over a frame stream: gives it a pace, writes chunks into the ring, and keeps the account.
 *
 * Paced, a chunk is computed ahead and published when its last frame has ended by the schedule; a full ring loses it.
 * Unpaced, it is published as soon as there is space. A chunk counts as produced when it is due, so one that was only
 * computed ahead of a stop is not in the account.
 */
import { z } from 'zod';
import { BetzError } from '../core/errors.ts';
import { CHUNK_HEADER } from '../core/chunk-ring.ts';
import type { ChunkRing } from '../core/chunk-ring.ts';
import type { Clock } from '../core/clock.ts';
import type { StopSignal } from '../core/stop-signal.ts';
import type { FrameStream } from './frame-stream.ts';
import { PacedSchedule } from './paced-schedule.ts';
import type { Source, SourceAccount, SourceEvent, StreamInfo } from './source.ts';

/** 1 is real time, 2 twice as fast, 'max' as fast as the consumer takes the frames, without losses. */
export const sourceSpeed = z.union([z.number().min(0.01).max(1000), z.literal('max')]).default(1);
type Speed = z.output<typeof sourceSpeed>;

/** How long an unpaced source sleeps for space before it looks at the stop signal again. */
const SPACE_WAIT_MS = 20;

type State = 'new' | 'open' | 'running' | 'ended' | 'closed';

export class StreamSource implements Source {
  private readonly stream: FrameStream;
  private readonly speed: Speed;
  private readonly clock: Clock;
  private state: State = 'new';
  private info: StreamInfo | undefined;
  private producedFrames = 0;
  private receivedFrames = 0;
  private ringFullFrames = 0;
  private publishedChunks = 0;
  /** A join lies in frames that were lost: the next chunk that gets through says so. */
  private isJoinPending = false;

  constructor(stream: FrameStream, speed: Speed, clock: Clock) {
    this.stream = stream;
    this.speed = speed;
    this.clock = clock;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous: a throw must be a rejection
  async open(): Promise<StreamInfo> {
    this.expectState('new', 'open');
    const info = this.stream.prepare();
    this.info =
      this.speed === 'max'
        ? { ...info, isPaced: false }
        : { ...info, isPaced: true, paceHz: info.sampleRateHz * this.speed };
    this.state = 'open';
    return this.info;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- as above; the whole run blocks this thread
  async start(ring: ChunkRing, stopSignal: StopSignal, onEvent: (event: SourceEvent) => void): Promise<void> {
    this.expectState('open', 'start');
    const { info } = this;
    if (info === undefined) return; // open() set it; for the compiler
    expectRingFits(ring, info);
    this.state = 'running';
    try {
      this.run(info, ring, stopSignal, onEvent);
    } finally {
      ring.close();
      if (this.isRunning()) this.state = 'ended';
    }
    onEvent({ kind: 'end', frameIndex: this.producedFrames });
  }

  account(): SourceAccount {
    return {
      producedFrames: this.producedFrames,
      receivedFrames: this.receivedFrames,
      lostFrames: { ringFull: this.ringFullFrames, deviceGap: 0 },
    };
  }

  close(): Promise<void> {
    this.state = 'closed';
    return Promise.resolve();
  }

  private run(
    info: StreamInfo,
    ring: ChunkRing,
    stopSignal: StopSignal,
    onEvent: (event: SourceEvent) => void,
  ): void {
    const { channelCount, truthCount } = ring.layout;
    const samples = new Float32Array(info.maxFramesPerChunk * channelCount);
    const truth = new Float32Array(info.maxFramesPerChunk * truthCount);
    const schedule =
      info.paceHz === undefined
        ? undefined
        : new PacedSchedule(this.clock.nowNs(), info.paceHz, this.clock, stopSignal);
    while (this.isRunning() && !stopSignal.isSet()) {
      const batch = this.stream.read(samples, truth);
      if (batch === undefined) return;
      const { frameCount, isJoin } = batch;
      const firstFrameIndex = this.producedFrames;
      const scheduledNs = schedule?.endNs(firstFrameIndex + frameCount) ?? Number.NaN;
      const isDue = schedule?.waitUntil(scheduledNs) ?? waitForSpace(ring, stopSignal);
      if (!isDue) return;
      if (isJoin) this.isJoinPending = true;
      const slot = ring.claim();
      if (slot === undefined) {
        this.producedFrames += frameCount;
        this.ringFullFrames += frameCount;
      } else {
        slot.header[CHUNK_HEADER.sequence] = this.publishedChunks;
        slot.header[CHUNK_HEADER.firstFrameIndex] = firstFrameIndex;
        slot.header[CHUNK_HEADER.frameCount] = frameCount;
        slot.header[CHUNK_HEADER.scheduledNs] = scheduledNs;
        slot.header[CHUNK_HEADER.isJoin] = this.isJoinPending ? 1 : 0;
        slot.samples.set(samples);
        slot.truth.set(truth);
        slot.header[CHUNK_HEADER.arrivalNs] = this.clock.nowNs();
        this.producedFrames += frameCount;
        this.receivedFrames += frameCount;
        this.publishedChunks++;
        this.isJoinPending = false;
        ring.publish();
      }
      // Events after the hand-over: whoever listens must not delay the data.
      if (isJoin) onEvent({ kind: 'join', frameIndex: firstFrameIndex });
      if (slot === undefined) {
        onEvent({ kind: 'gap', frameIndex: firstFrameIndex, frameCount, reason: 'ringFull' });
      }
    }
  }

  /** A method, because the compiler would otherwise take the state for unchanged by the callbacks. */
  private isRunning(): boolean {
    return this.state === 'running';
  }

  private expectState(expected: State, call: string): void {
    if (this.state === expected) return;
    throw new BetzError('ACQ_SOURCE_STATE', `${call}() was called on a source that is ${this.state}`, {
      value: this.state,
      tip: 'Call open, start and close in this order, once each; make a new source to start again.',
    });
  }
}

/** @returns false when stopped */
function waitForSpace(ring: ChunkRing, stopSignal: StopSignal): boolean {
  while (!ring.waitForSpace(SPACE_WAIT_MS)) if (stopSignal.isSet()) return false;
  return true;
}

function expectRingFits({ layout }: ChunkRing, info: StreamInfo): void {
  const fits =
    layout.channelCount === info.channels.length &&
    layout.truthCount === (info.truth?.labels.length ?? 0) &&
    layout.maxFramesPerChunk >= info.maxFramesPerChunk;
  if (fits) return;
  throw new BetzError('ACQ_RING_LAYOUT', 'the ring was not made for this stream', {
    value: layout,
    tip: 'Make the ring from what open() returned: its channels, truth and maxFramesPerChunk.',
  });
}
