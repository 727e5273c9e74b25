/** What a session is made of, before data flow: the workers, the shared memory and the sinks, each checked and ready. */
import type { StreamInfo } from '../acquisition/source.ts';
import type { Adaptation } from '../calibration/adaptive/adaptations.ts';
import type { Clock } from '../core/clock.ts';
import type { Model } from '../decoders/decoder.ts';
import { decodeModel } from '../decoders/model-file.ts';
import { compiledUrl } from '../host/compiled.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { DEFAULT_WAIT } from './arrival-waiter.ts';
import type { WaitOptions } from './arrival-waiter.ts';
import { SessionMemory } from './session-memory.ts';
import { planSession } from './session-plan.ts';
import { SinkQueue } from './sink-queue.ts';
import type { SessionDescription, SessionEvent, Sink } from './sink.ts';
import { expectOwnTruth } from './own-truth.ts';
import { enlargeYoungGeneration } from './young-generation.ts';
import { WorkerHost } from './worker-host.ts';
import type {
  DecodeMessage,
  DecodeWorkerData,
  SourceMessage,
  SourceWorkerData,
  StateExchange,
} from './worker-messages.ts';

const OPEN_TIMEOUT_MS = 60_000;
/** Within which whatever is asked to end has to. */
export const STOP_TIMEOUT_MS = 2000;
/** A decoder that outgrows this dies with an error, and does not slow the machine down. */
const DECODE_LIMITS = { maxOldGenerationSizeMb: 512 };

export interface SessionOptions {
  source: SourceWorkerData;
  /** The model file. */
  modelBytes: Uint8Array;
  /** Seal the decoder's state at the end, and begin from one if it is given. Default: neither. */
  state?: StateExchange;
  /** How the decoder adapts while it is used. Default: not at all. */
  adaptations?: readonly Adaptation[];
  /** As the user knows them; default: the kinds. */
  modelName?: string;
  sourceName?: string;
  /** After the scheduled bin edge. Default: the bin width. */
  deadlineMs?: number;
  sinks?: readonly Sink[];
  onEvent?: (event: SessionEvent) => void;
  wait?: WaitOptions;
  /** Ask for real-time scheduling where the stream is paced. Default true; the summary says whether it was granted. */
  realTime?: boolean;
  /** Other worker files than our own, to test what happens when one dies. */
  workers?: { source?: URL; decode?: URL };
}

export interface SessionParts {
  options: SessionOptions;
  model: Model;
  stream: StreamInfo;
  memory: SessionMemory;
  source: WorkerHost<SourceMessage>;
  decode: WorkerHost<DecodeMessage>;
  ready: Extract<DecodeMessage, { kind: 'ready' }>;
  queues: readonly SinkQueue[];
  clock: Clock;
  /** Of the session, once there is one: a sink may fail at any time. */
  relay: EventRelay;
}

interface EventRelay {
  tell: (event: SessionEvent) => void;
}

/** @throws BetzError those of `Session.start`; nothing of the session is left then */
export async function prepareSession(options: SessionOptions): Promise<SessionParts> {
  const { source: sourceData, modelBytes, state, wait = DEFAULT_WAIT, sinks = [], workers = {} } = options;
  const { adaptations = [] } = options;
  const model = decodeModel(modelBytes);
  const clock = new MonotonicClock();
  enlargeYoungGeneration();
  const source = new WorkerHost<SourceMessage>(
    workers.source ?? compiledUrl('runtime/source-worker.js'),
    sourceData,
    'IPC_SOURCE_WORKER_DIED',
  );
  const decodeData: DecodeWorkerData = {
    modelBytes,
    wait,
    adaptations,
    ...(state === undefined ? {} : { state }),
  };
  const decode = new WorkerHost<DecodeMessage>(
    workers.decode ?? compiledUrl('runtime/decode-worker.js'),
    decodeData,
    'IPC_DECODE_WORKER_DIED',
    DECODE_LIMITS,
  );
  const queues: SinkQueue[] = [];
  let memory: SessionMemory | undefined;
  try {
    const { stream } = await source.waitFor('opened', OPEN_TIMEOUT_MS);
    const plan = planSession(stream, model, options.deadlineMs, options.realTime);
    if (adaptations.includes('rls')) expectOwnTruth(model.output, stream.truth, plan.comparedDimensions > 0);
    memory = new SessionMemory(plan);
    decode.post({ kind: 'begin', plan, buffers: memory.buffers() });
    const ready = await decode.waitFor('ready', OPEN_TIMEOUT_MS);
    const relay: EventRelay = { tell: () => undefined };
    // Last of all, so that a session that cannot start leaves no file behind.
    for (const sink of sinks) {
      const tellFailure = (failed: Sink, error: Error): void => {
        relay.tell({ kind: 'sinkFailed', sink: failed.name, error });
      };
      const queue = new SinkQueue(sink, tellFailure, sink.queueRecords);
      await queue.open(describeSession(options, model, stream, plan.comparedDimensions > 0, clock));
      queues.push(queue);
    }
    return { options, model, stream, memory, source, decode, ready, queues, clock, relay };
  } catch (error) {
    memory?.chunks.close(); // the decode thread may wait for data already, and then reads no messages
    await Promise.all([source.close(STOP_TIMEOUT_MS), decode.close(STOP_TIMEOUT_MS)]);
    await Promise.all(queues.map((queue) => queue.close({}, STOP_TIMEOUT_MS)));
    throw error;
  }
}

function describeSession(
  { sourceName, modelName, source }: SessionOptions,
  model: Model,
  stream: StreamInfo,
  isTruthComparable: boolean,
  clock: Clock,
): SessionDescription {
  return {
    source: sourceName ?? source.kind,
    model: modelName ?? model.kind,
    channels: stream.channels,
    binMs: model.binMs,
    isPaced: stream.isPaced,
    output: model.output,
    ...(stream.truth === undefined ? {} : { truth: stream.truth }),
    isTruthComparable,
    anchorUnixMs: Date.now(),
    anchorNs: clock.nowNs(),
  };
}
