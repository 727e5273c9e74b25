/**
 * The source contract: anything that produces frames. A source lives in the I/O thread, writes chunks into a
 * ring at its own pace, and waits for nobody: when the ring is full it loses the chunk and counts it. Only an
 * unpaced source (a replay as fast as possible) waits for space.
 *
 * Frames are counted from 0 at the start of the stream, the same way in chunk headers, events and accounts. The laws
 * that test/compliance/source.ts holds every source to are listed there.
 */
import type { ChunkRing } from '../core/chunk-ring.ts';
import type { StopSignal } from '../core/stop-signal.ts';
import type { ChannelInfo } from '../core/recording.ts';
import type { Clock } from '../core/clock.ts';

export interface StreamInfo {
  channels: readonly ChannelInfo[];
  /** Frames per second of the data's own time, whatever the speed at which they are delivered. */
  sampleRateHz: number;
  /** Whose clock counts the frames. */
  clockDomain: 'simulated' | 'replay' | 'device';
  /** False when frames come as fast as the consumer takes them; there is then no schedule to be late for. */
  isPaced: boolean;
  /** Frames per second of real time: sampleRateHz at speed 1. Absent when unpaced. */
  paceHz?: number;
  maxFramesPerChunk: number;
  /** The behaviour that accompanies the frames, where it is known. */
  truth?: { name: string; labels: readonly string[]; unit: string };
  /** Frames this source will produce, if it ends by itself. */
  frameCount?: number;
}

/** Counted in frames by the source; one frame is `channels.length` samples. */
export interface SourceAccount {
  /** Frames the device (or simulation, or recording) produced up to now. */
  producedFrames: number;
  /** Frames written into the ring. */
  receivedFrames: number;
  /** Frames that never reached the ring, by reason. produced = received + sum(lost). */
  lostFrames: Record<'ringFull' | 'deviceGap', number>;
}

export type SourceEvent =
  | { kind: 'gap'; frameIndex: number; frameCount: number; reason: 'ringFull' | 'deviceGap' }
  /** Frames from here on do not continue the ones before (a join in the recording, a replay that starts anew). */
  | { kind: 'join'; frameIndex: number }
  | { kind: 'mark'; frameIndex: number; label: string }
  /** The last event of every stream, also of one that was stopped: `frameIndex` frames were produced. */
  | { kind: 'end'; frameIndex: number };

/**
 * Order of calls: open, start, close. Anything else but `account` and `close` throws ACQ_SOURCE_STATE; a source runs
 * once.
 */
export interface Source {
  /** Checks everything that can be checked before data flow. Throws BetzError. */
  open(): Promise<StreamInfo>;
  /**
   * Writes chunks into the ring until the stream ends or `stopSignal` is set; then closes the ring and resolves.
   * May block the calling thread between chunks, watching `stopSignal`.
   */
  start(ring: ChunkRing, stopSignal: StopSignal, onEvent: (event: SourceEvent) => void): Promise<void>;
  account(): SourceAccount;
  /** Idempotent, legal in any state; from inside `onEvent` it ends the stream. */
  close(): Promise<void>;
}

export interface SourceDependencies {
  clock: Clock;
}

/** A source kind is one line in the registry. */
export interface SourceKind {
  name: string;
  /**
   * @param config plain data, because it crosses a thread border; checked here, with defaults filled in
   * @throws BetzError CFG_SOURCE_CONFIG
   */
  create(config: unknown, dependencies: SourceDependencies): Source;
}
