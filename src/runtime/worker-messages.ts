/** What the threads of a session say to each other, beside the shared memory. All of it is plain data. */
import type { SourceAccount, SourceEvent, StreamInfo } from '../acquisition/source.ts';
import type { Adaptation } from '../calibration/adaptive/adaptations.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import type { WaitOptions } from './arrival-waiter.ts';
import type { ExchangeBuffers } from './decoder-exchange.ts';
import type { TransferredError } from './error-transfer.ts';
import type { SessionBuffers, SessionPlan } from './session-memory.ts';

export interface SourceWorkerData {
  kind: string;
  config: unknown;
}

export interface DecodeWorkerData {
  /** The model file. */
  modelBytes: Uint8Array;
  wait: WaitOptions;
  /** How the decoder adapts while it is used. */
  adaptations: readonly Adaptation[];
  state?: StateExchange;
}

/** The decoder's state beyond a session: it is sealed at the end, and may begin with one that was. */
export interface StateExchange {
  modelHash: string;
  /** A sealed state to go on from. */
  from?: Uint8Array;
}

/** What became of it at the end: a state that cannot be sealed is no reason to lose a session. */
export type Sealing = { state: Uint8Array } | { error: TransferredError };

/** To a worker: the session begins, or will not take place. */
export type SessionCommand =
  { kind: 'begin'; plan: SessionPlan; buffers: SessionBuffers } | { kind: 'close' };

interface Failed {
  kind: 'failed';
  error: TransferredError;
}

export type SourceMessage =
  | { kind: 'opened'; stream: StreamInfo }
  | { kind: 'event'; event: SourceEvent; timeNs: number }
  /** The last one. */
  | { kind: 'ended'; account: SourceAccount }
  | Failed;

export type DecodeMessage =
  /** It waits for the first chunk. */
  | { kind: 'ready'; variant: KernelVariant; isRealTime: boolean; exchange: ExchangeBuffers }
  /** The last one. */
  | { kind: 'ended'; garbageCollections: number; sealing?: Sealing }
  | Failed;
