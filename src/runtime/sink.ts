/**
 * Where decoded bins go: a recording, a screen, a network. Sinks run in the main thread and own what they are given.
 * A sink that is slow or fails loses its own records, which are counted; the session and the other sinks go on.
 */
import type { ChannelInfo } from '../core/recording.ts';
import type { SourceEvent } from '../acquisition/source.ts';
import type { DriftReason } from '../calibration/drift/drift-monitor.ts';
import type { BetzError } from '../core/errors.ts';

/** One decoded bin, owned. Times are monotonic nanoseconds, NaN where there is no schedule. */
export interface BinRecord {
  binIndex: number;
  /** First and last frame that went into the bin. */
  firstFrame: number;
  lastFrame: number;
  scheduledNs: number;
  arrivalNs: number;
  startNs: number;
  stagedNs: number;
  decoderNs: number;
  doneNs: number;
  /** Which decoder made the output: 0 is the one that the session began with, each promotion gives the next number. */
  generation: number;
  /** The bin does not continue the bin before it in time. */
  isJoin: boolean;
  /** Features or output were not finite; the output is the safe value. */
  isNonFinite: boolean;
  /** [channelCount], as the decoder got them. */
  features: Float32Array;
  output: Float32Array;
  /** Empty where the stream has no truth. */
  truth: Float32Array;
}

/** What happened in a session beside its bins. */
export type SessionEvent =
  | SourceEvent
  /** Bins whose output was replaced by the safe value since the last look. */
  | { kind: 'nonFinite'; binCount: number }
  /** Records that the main thread fetched too late, since the last look. */
  | { kind: 'recordsLost'; recordCount: number }
  /** A sink was too slow for the records since the last look. */
  | { kind: 'sinkBehind'; sink: string; recordCount: number }
  | { kind: 'sinkFailed'; sink: string; error: Error }
  /** Another decoder is in service from bin `binIndex` on. */
  | { kind: 'promoted'; modelHash: string; binIndex: number; generation: number }
  /** The decoder before is in service again: asked for, or because the promoted one gave numbers that are not finite. */
  | { kind: 'rolledBack'; reason: 'asked' | 'nonFinite'; binIndex: number; generation: number }
  /** What the decoder had learned while it was used was given up, since it had made things worse. */
  | { kind: 'adaptationRolledBack'; count: number }
  /** From bin `binIndex` on the signal is too far from that of the calibration: recalibrate. Channels are labels. */
  | {
      kind: 'drift';
      isRecalibrationAdvised: true;
      binIndex: number;
      index: number;
      threshold: number;
      reasons: readonly DriftReason[];
      lostChannels: readonly string[];
      rateDirection: 'up' | 'down' | 'mixed';
    }
  /** The advice is withdrawn: the signal has come back, or another decoder is in service, which drift is measured anew for. */
  | {
      kind: 'drift';
      isRecalibrationAdvised: false;
      binIndex: number;
      index: number;
      threshold: number;
      changed: 'signal' | 'decoder';
    }
  /** The session ends because of this. */
  | { kind: 'failed'; error: BetzError };

export interface TimedEvent {
  event: SessionEvent;
  /** Monotonic. */
  timeNs: number;
}

/** What a sink may want to know before the first record. */
export interface SessionDescription {
  source: string;
  model: string;
  channels: readonly ChannelInfo[];
  binMs: number;
  isPaced: boolean;
  output: { name: string; labels: readonly string[]; unit: string };
  truth?: { name: string; labels: readonly string[]; unit: string };
  /** The truth has the labels and the unit of the output. */
  isTruthComparable: boolean;
  /** The one wall-clock anchor of the session: this moment in milliseconds since 1970 ... */
  anchorUnixMs: number;
  /** ... and in monotonic nanoseconds. */
  anchorNs: number;
}

export interface Sink {
  readonly name: string;
  /** Records that may wait for this sink; default: about 20 s of them. */
  readonly queueRecords?: number;
  /** Called once, before data flow. A sink that cannot begin ends the start of the session with its error. */
  open(description: SessionDescription): void | Promise<void>;
  /** The next one is handed over when this one is done. */
  write(record: BinRecord): void | Promise<void>;
  writeEvent(event: TimedEvent): void | Promise<void>;
  /** Records that it was given and lost all the same, e.g. on a full disk. */
  lostRecords(): number;
  /** Called once if it was opened, after the last record, also when it has failed. */
  close(summary: Readonly<Record<string, unknown>>): void | Promise<void>;
}
