/**
 * A session: source worker -> chunk ring -> decode worker -> output ring -> this thread, which hands the bins to the
 * sinks and watches over the two workers. However it ends, the workers are gone, the sinks are closed and the samples
 * add up, or an error says what is wrong; nothing is waited for without a limit.
 */
import { BetzError } from '../core/errors.ts';
import type { SourceAccount, StreamInfo } from '../acquisition/source.ts';
import type { Model } from '../decoders/decoder.ts';
import { restoreError } from './error-transfer.ts';
import { DecoderExchange } from './decoder-exchange.ts';
import type { Swap } from './decoder-exchange.ts';
import { DriftWatch } from './drift-watch.ts';
import { LossWatch } from './loss-watch.ts';
import { Promotions } from './promotions.ts';
import { RecordDrain } from './record-drain.ts';
import { checkAccount, finalAccount, liveAccount } from './sample-account.ts';
import type { SampleAccount } from './sample-account.ts';
import { prepareSession, STOP_TIMEOUT_MS } from './session-parts.ts';
import type { SessionOptions, SessionParts } from './session-parts.ts';
import { adaptationStatus, readMeasures } from './session-summary.ts';
import type { SessionStatus, SessionSummary } from './session-summary.ts';
import type { BinRecord, SessionEvent } from './sink.ts';
import type { Sealing } from './worker-messages.ts';

/** How often the main thread fetches decoded bins: often enough for a screen, seldom enough to cost nothing. */
const FETCH_MS = 25;

export class Session {
  /** Resolves when the session is over; rejects with the first error that ended it, after everything is closed. */
  readonly done: Promise<SessionSummary>;
  readonly stream: StreamInfo;
  readonly model: Model;
  private readonly parts: SessionParts;
  private readonly drain: RecordDrain;
  private readonly drift: DriftWatch;
  private readonly losses: LossWatch;
  private readonly promotions: Promotions;
  private readonly startNs: number;
  private readonly timer: NodeJS.Timeout;
  private endNs = Number.NaN;
  private failure: BetzError | undefined;
  private stopTimer: NodeJS.Timeout | undefined;
  private samples: SampleAccount | undefined;
  private garbageCollections: number | null = null;
  private sealing: Sealing | undefined;

  /**
   * Everything that can be checked is checked before data flow.
   * @throws BetzError of the source, the model, the sinks; DEC_CHANNEL_COUNT_MISMATCH, DEC_BIN_MISMATCH,
   * CFG_DEADLINE_INVALID; DEC_STATE_*; IPC_*
   */
  static async start(options: SessionOptions): Promise<Session> {
    return new Session(await prepareSession(options));
  }

  private constructor(parts: SessionParts) {
    const { memory, source, queues, clock } = parts;
    this.parts = parts;
    this.stream = parts.stream;
    this.model = parts.model;
    const tell = (event: SessionEvent): void => {
      this.tell(event);
    };
    parts.relay.tell = tell;
    this.drift = new DriftWatch(parts.model, tell);
    this.drain = new RecordDrain(memory.records, queues, memory.plan.isPaced, (record) => {
      this.drift.take(record);
    });
    this.losses = new LossWatch(memory, queues, tell);
    this.promotions = new Promotions(
      new DecoderExchange(parts.ready.exchange),
      parts.model,
      parts.ready.variant,
      parts.options.adaptations ?? [],
      tell,
      (generation, model) => {
        this.drift.expect(generation, model);
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
      drift: this.drift.status(),
      model: options.modelName ?? model.kind,
      source: options.sourceName ?? options.source.kind,
      adaptation: adaptationStatus(options.adaptations ?? [], memory.learning),
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
   * and, where the session adapts, of `AdaptiveDecoder`
   */
  promote(candidate: Model | Uint8Array): Promise<Swap> {
    return this.promotions.promote(candidate);
  }

  /**
   * Puts the decoder back into service that was there before the last promotion, and then the one before that: the last
   * ROLLBACK_STEPS promotions can be taken back.
   * @throws BetzError CAL_NOTHING_TO_ROLL_BACK, IPC_SWAP_PENDING, IPC_SESSION_ENDED
   */
  rollback(): Promise<Swap> {
    return this.promotions.rollback();
  }

  /** Whether there is a decoder to roll back to. */
  get canRollBack(): boolean {
    return this.promotions.canRollBack;
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

  /** The count comes first: a change of decoders is then known before a bin of the new one is fetched. */
  private fetch(count = this.drain.readyCount()): void {
    this.promotions.look();
    this.drain.fetch(count);
    this.losses.look();
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
    this.fetch(this.drain.queuedCount());
  }

  private tell(event: SessionEvent, timeNs = this.parts.clock.nowNs()): void {
    for (const queue of this.parts.queues) queue.pushEvent({ event, timeNs });
    this.parts.options.onEvent?.(event);
  }
}
