/**
 * A session: source worker -> chunk ring -> decode worker -> output ring -> this thread, which hands the bins to the
 * sinks and watches over the two workers. However it ends, the workers are gone, the sinks are closed and the samples
 * add up, or an error says what is wrong; nothing is waited for without a limit.
 */
import { BetzError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { SourceAccount, StreamInfo } from '../acquisition/source.ts';
import type { Model } from '../decoders/decoder.ts';
import { decodeModel } from '../decoders/model-file.ts';
import { compiledUrl } from '../host/compiled.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { DEFAULT_WAIT } from './arrival-waiter.ts';
import type { WaitOptions } from './arrival-waiter.ts';
import { restoreError } from './error-transfer.ts';
import { DecoderExchange } from './decoder-exchange.ts';
import type { Swap } from './decoder-exchange.ts';
import { Promotions } from './promotions.ts';
import { RecordDrain } from './record-drain.ts';
import { checkAccount, finalAccount, liveAccount } from './sample-account.ts';
import type { SampleAccount } from './sample-account.ts';
import { SessionMemory } from './session-memory.ts';
import { planSession } from './session-plan.ts';
import { readMeasures } from './session-summary.ts';
import type { SessionStatus, SessionSummary } from './session-summary.ts';
import { SinkQueue } from './sink-queue.ts';
import type { BinRecord, SessionEvent, Sink } from './sink.ts';
import { enlargeYoungGeneration } from './young-generation.ts';
import { WorkerHost } from './worker-host.ts';
import type {
  DecodeMessage,
  DecodeWorkerData,
  Sealing,
  SourceMessage,
  SourceWorkerData,
  StateExchange,
} from './worker-messages.ts';

const OPEN_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 2000;
/** How often the main thread fetches decoded bins: often enough for a screen, seldom enough to cost nothing. */
const FETCH_MS = 25;
/** A decoder that outgrows this dies with an error, and does not slow the machine down. */
const DECODE_LIMITS = { maxOldGenerationSizeMb: 512 };

export interface SessionOptions {
  source: SourceWorkerData;
  /** The model file. */
  modelBytes: Uint8Array;
  /** Seal the decoder's state at the end, and begin from one if it is given. Default: neither. */
  state?: StateExchange;
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

/** What a session has when every part of it is ready. */
interface Parts {
  options: SessionOptions;
  model: Model;
  stream: StreamInfo;
  memory: SessionMemory;
  source: WorkerHost<SourceMessage>;
  decode: WorkerHost<DecodeMessage>;
  ready: Extract<DecodeMessage, { kind: 'ready' }>;
  queues: readonly SinkQueue[];
  clock: Clock;
}

export class Session {
  /** Resolves when the session is over; rejects with the first error that ended it, after everything is closed. */
  readonly done: Promise<SessionSummary>;
  readonly stream: StreamInfo;
  readonly model: Model;
  private readonly parts: Parts;
  private readonly drain: RecordDrain;
  private readonly promotions: Promotions;
  private readonly startNs: number;
  private readonly timer: NodeJS.Timeout;
  private endNs = Number.NaN;
  private failure: BetzError | undefined;
  private stopTimer: NodeJS.Timeout | undefined;
  private samples: SampleAccount | undefined;
  private garbageCollections: number | null = null;
  private sealing: Sealing | undefined;
  /** What was last told of in an event. */
  private readonly told = { nonFiniteBins: 0, recordsLost: 0, sinkLosses: new Map<SinkQueue, number>() };

  /**
   * Everything that can be checked is checked before data flow.
   * @throws BetzError of the source, the model, the sinks; DEC_CHANNEL_COUNT_MISMATCH, DEC_BIN_MISMATCH,
   * CFG_DEADLINE_INVALID; DEC_STATE_*; IPC_*
   */
  static async start(options: SessionOptions): Promise<Session> {
    const { source: sourceData, modelBytes, wait = DEFAULT_WAIT, sinks = [], workers = {} } = options;
    const model = decodeModel(modelBytes);
    const clock = new MonotonicClock();
    enlargeYoungGeneration();
    const source = new WorkerHost<SourceMessage>(
      workers.source ?? compiledUrl('runtime/source-worker.js'),
      sourceData,
      'IPC_SOURCE_WORKER_DIED',
    );
    const { state } = options;
    const decodeData: DecodeWorkerData = { modelBytes, wait, ...(state === undefined ? {} : { state }) };
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
      memory = new SessionMemory(plan);
      decode.post({ kind: 'begin', plan, buffers: memory.buffers() });
      const ready = await decode.waitFor('ready', OPEN_TIMEOUT_MS);
      const relay: { tell: (event: SessionEvent) => void } = { tell: () => undefined };
      // Last of all, so that a session that cannot start leaves no file behind.
      for (const sink of sinks) {
        const tellFailure = (failed: Sink, error: Error): void => {
          relay.tell({ kind: 'sinkFailed', sink: failed.name, error });
        };
        const queue = new SinkQueue(sink, tellFailure, sink.queueRecords);
        await queue.open({
          source: options.sourceName ?? sourceData.kind,
          model: options.modelName ?? model.kind,
          channels: stream.channels,
          binMs: model.binMs,
          isPaced: stream.isPaced,
          output: model.output,
          ...(stream.truth === undefined ? {} : { truth: stream.truth }),
          isTruthComparable: plan.comparedDimensions > 0,
          anchorUnixMs: Date.now(),
          anchorNs: clock.nowNs(),
        });
        queues.push(queue);
      }
      const session = new Session({ options, model, stream, memory, source, decode, ready, queues, clock });
      relay.tell = (event) => {
        session.tell(event);
      };
      return session;
    } catch (error) {
      memory?.chunks.close(); // the decode thread may wait for data already, and then reads no messages
      await Promise.all([source.close(STOP_TIMEOUT_MS), decode.close(STOP_TIMEOUT_MS)]);
      await Promise.all(queues.map((queue) => queue.close({}, STOP_TIMEOUT_MS)));
      throw error;
    }
  }

  private constructor(parts: Parts) {
    const { memory, source, queues, clock } = parts;
    this.parts = parts;
    this.stream = parts.stream;
    this.model = parts.model;
    this.drain = new RecordDrain(memory.records, queues, memory.plan.isPaced);
    this.promotions = new Promotions(
      new DecoderExchange(parts.ready.exchange),
      parts.model,
      parts.ready.variant,
      (event) => {
        this.tell(event);
      },
    );
    this.startNs = clock.nowNs();
    source.onMessage = (message) => {
      if (message.kind === 'event') this.tell(message.event, message.timeNs);
    };
    this.timer = setInterval(() => {
      this.fetch();
    }, FETCH_MS);
    source.post({ kind: 'begin', plan: memory.plan, buffers: memory.buffers() });
    this.done = this.finish();
    this.done.catch(() => undefined); // whoever awaits it gets the error; nobody has to
  }

  /** The session as it is now; after the end, as it was. Cheap enough for every frame of a screen. */
  snapshot(): SessionStatus & { latest: BinRecord | undefined } {
    return { ...this.status(), latest: this.drain.latest };
  }

  private status(): SessionStatus {
    const { options, model, stream, memory, queues, clock } = this.parts;
    const endNs = Number.isNaN(this.endNs) ? clock.nowNs() : this.endNs;
    return {
      ...readMeasures(memory, stream.truth?.labels ?? []),
      seconds: (endNs - this.startNs) / 1e9,
      binMs: model.binMs,
      samples: this.samples ?? liveAccount(memory.account, stream.channels.length),
      sinks: Object.fromEntries(queues.map((queue) => [queue.sink.name, queue.account()])),
      model: options.modelName ?? model.kind,
      source: options.sourceName ?? options.source.kind,
    };
  }

  /** The decoder's state after the end, if it was asked for. @throws BetzError DEC_STATE_NOT_FINITE */
  get sealedState(): Uint8Array | undefined {
    if (this.sealing === undefined) return undefined;
    if ('error' in this.sealing) throw restoreError(this.sealing.error, 'IPC_DECODE_WORKER_DIED');
    return this.sealing.state;
  }

  /**
   * Puts a candidate into service between two bins; no bin is lost or late for it, and the recurrent state is handed over. Whatever
   * is refused leaves the decoder in service untouched. Resolves with the first bin that the candidate decodes.
   * @throws BetzError DEC_CANDIDATE_MISMATCH, DEC_CANDIDATE_NOT_FINITE, IPC_SWAP_PENDING, IPC_SESSION_ENDED, those of `decodeModel`
   */
  promote(candidate: Model | Uint8Array): Promise<Swap> {
    return this.promotions.promote(candidate);
  }

  /**
   * Puts the decoder back into service that was there before the last promotion.
   * @throws BetzError CAL_NOTHING_TO_ROLL_BACK, IPC_SWAP_PENDING, IPC_SESSION_ENDED
   */
  rollback(): Promise<Swap> {
    return this.promotions.rollback();
  }

  /** Ends the source; everything behind it then ends by itself, or is ended. Idempotent. Resolves with `done`. */
  stop(): Promise<SessionSummary> {
    this.requestStop();
    return this.done;
  }

  private requestStop(): void {
    const { memory, source, decode } = this.parts;
    memory.stop.set();
    this.promotions.stop();
    this.stopTimer ??= setTimeout(() => {
      this.fail(
        new BetzError('IPC_STOP_TIMEOUT', 'a worker thread did not stop and was ended', {
          value: STOP_TIMEOUT_MS,
          tip: 'Results up to here are kept. If it happens again, report it as a bug.',
        }),
      );
      void source.terminate();
      void decode.terminate();
    }, STOP_TIMEOUT_MS);
  }

  /** The first error is the one to tell; from here on everything only ends. */
  private fail(error: BetzError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.tell({ kind: 'failed', error });
    this.requestStop();
  }

  private async finish(): Promise<SessionSummary> {
    const { source, decode, memory, stream, queues } = this.parts;
    const sourceEnd = this.orFail(source.waitFor('ended')).then((message) => {
      memory.chunks.close(); // it has, unless it died
      this.requestStop(); // from here on only what is in the rings is left to do
      return message?.account;
    });
    const decodeEnd = this.orFail(decode.waitFor('ended'));
    const account: SourceAccount | undefined = await sourceEnd;
    const decoded = await decodeEnd;
    this.endNs = this.parts.clock.nowNs();
    clearTimeout(this.stopTimer);
    clearInterval(this.timer);
    this.promotions.end();
    await this.fetchRest();
    await Promise.all([source.close(STOP_TIMEOUT_MS), decode.close(STOP_TIMEOUT_MS)]);

    this.garbageCollections = decoded?.garbageCollections ?? null;
    this.sealing = decoded?.sealing;
    this.samples = finalAccount(account, memory.account, decoded !== undefined, stream.channels.length);
    try {
      checkAccount(this.samples);
    } catch (error) {
      if (error instanceof BetzError) this.fail(error);
      clearTimeout(this.stopTimer);
    }
    await Promise.all(queues.map((queue) => queue.drain(STOP_TIMEOUT_MS)));
    const results = { ...this.summary() };
    await Promise.all(
      queues.map(async (queue) => {
        if (await queue.close(results, STOP_TIMEOUT_MS)) return;
        const error = new Error(`it did not close in ${STOP_TIMEOUT_MS} ms`);
        this.tell({ kind: 'sinkFailed', sink: queue.sink.name, error });
      }),
    );
    if (this.failure !== undefined) throw this.failure;
    return this.summary();
  }

  private summary(): SessionSummary {
    const { variant: kernels, isRealTime } = this.parts.ready;
    return { ...this.status(), garbageCollections: this.garbageCollections, kernels, isRealTime };
  }

  /** A worker that dies ends the session, not the process. */
  private async orFail<T>(message: Promise<T>): Promise<T | undefined> {
    try {
      return await message;
    } catch (error) {
      this.fail(error as BetzError); // WorkerHost rejects with nothing else
      return undefined;
    }
  }

  private fetch(): void {
    this.promotions.look();
    this.drain.fetch();
    this.tellLosses();
  }

  /** What the decode thread has left behind. Unpaced, sinks get the time they need, within reason. */
  private async fetchRest(): Promise<void> {
    const { memory, clock } = this.parts;
    const giveUpNs = clock.nowNs() + STOP_TIMEOUT_MS * 1e6;
    this.fetch();
    while (memory.records.queuedCount() > 0 && clock.nowNs() < giveUpNs) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.fetch();
    }
    this.drain.fetchAll();
    this.tellLosses();
  }

  private tell(event: SessionEvent, timeNs = this.parts.clock.nowNs()): void {
    for (const queue of this.parts.queues) queue.pushEvent({ event, timeNs });
    this.parts.options.onEvent?.(event);
  }

  /** Counts that have grown become events, at most one of a kind per fetch. */
  private tellLosses(): void {
    const { memory, queues } = this.parts;
    const { told } = this;
    const binCount = memory.account.nonFiniteBins() - told.nonFiniteBins;
    told.nonFiniteBins += binCount;
    if (binCount > 0) this.tell({ kind: 'nonFinite', binCount });
    const recordCount = memory.records.lostCount() - told.recordsLost;
    told.recordsLost += recordCount;
    if (recordCount > 0) this.tell({ kind: 'recordsLost', recordCount });
    for (const queue of queues) {
      const { lost } = queue.account();
      const before = told.sinkLosses.get(queue) ?? 0;
      told.sinkLosses.set(queue, lost);
      if (lost > before) this.tell({ kind: 'sinkBehind', sink: queue.sink.name, recordCount: lost - before });
    }
  }
}
