/**
 * Calibration of the decoder of a running session: collects bins with their behaviour, fits in a thread of its own, judges, and
 * proposes the candidate, or puts it into service at once. A sink, because it needs what sinks get; what goes wrong is a state
 * with a reason, and never an error in the session.
 */
import type { SessionCalibration } from '../calibration/session/session-task.ts';
import { Guardrails } from '../calibration/session/guardrails.ts';
import type { CalibrationState } from '../calibration/session/guardrails.ts';
import { failureText, isForUse } from '../calibration/session/report-verdict.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { CandidateHandOut } from './candidate-hand-out.ts';
import { expectCalibratable } from './calibratable-session.ts';
import { AccuracyByGeneration } from './generation-accuracy.ts';
import { judgeCandidate, outcomeOf } from './judged-candidate.ts';
import type { JudgedCandidate } from './judged-candidate.ts';
import { InterimDecoder } from './interim-decoder.ts';
import { LiveBins } from './live-bins.ts';
import type { LiveCalibrationOptions } from './live-calibration-options.ts';
import type { LiveCalibrationAccount } from './live-calibration-account.ts';
import { ServiceRecord } from './service-record.ts';
import type { Session } from './session.ts';
import { SessionFit } from './session-fit.ts';
import type { BinRecord, SessionDescription, SessionEvent, Sink, TimedEvent } from './sink.ts';

type EventOf<Kind extends SessionEvent['kind']> = Extract<SessionEvent, { kind: Kind }>;

export class LiveCalibration implements Sink {
  readonly name = 'calibration';
  /** A session that is not paced waits for the fit; the shorter the queue, the sooner the candidate decodes. */
  readonly queueRecords = 256;
  private readonly options: LiveCalibrationOptions;
  private readonly rails: Guardrails;
  private readonly accuracy = new AccuracyByGeneration();
  private readonly bins: LiveBins;
  private session: Session | undefined;
  private isPaced = false;
  private seconds = 0;
  private fit: SessionFit | undefined;
  private ending: Promise<void> | undefined;
  /** For the account: the last one. */
  private judged: JudgedCandidate | undefined;
  private interim: InterimDecoder | undefined;
  private readonly service = new ServiceRecord();
  private readonly handOut: CandidateHandOut;
  private isFitOver = false;
  /** Proposed, or was in service; gone when it turned out to be unusable. */
  private candidate: JudgedCandidate | undefined;
  /** It was asked for, and has neither come into service nor been refused. */
  private isPromotionAsked = false;
  private wasRollbackAsked = false;

  constructor(options: LiveCalibrationOptions) {
    const { base, seconds, onTransition, onProposal } = options;
    this.options = options;
    this.handOut = new CandidateHandOut(onProposal);
    this.rails = new Guardrails(`collecting ${seconds} s of data`, onTransition);
    this.bins = new LiveBins(base, Math.max(1, Math.round((seconds * 1000) / base.binMs)));
  }

  /** The session whose decoder is to be replaced; once it has started. */
  attach(session: Session): void {
    this.session = session;
  }

  /** Of `onProposal`. */
  get proposalError(): Error | undefined {
    return this.handOut.error;
  }

  get state(): CalibrationState {
    return this.rails.state;
  }

  account(): LiveCalibrationAccount {
    const { judged, fit } = this;
    const promotedBin = judged === undefined ? undefined : this.service.firstBin(judged);
    return {
      states: [...this.rails.history],
      collectedSeconds: this.bins.seconds,
      seconds: this.options.seconds,
      ...(this.isFitting && fit !== undefined ? { fit: fit.status() } : {}),
      ...(judged === undefined ? {} : outcomeOf(judged)),
      isHandedOut: this.handOut.last !== undefined,
      ...(promotedBin === undefined ? {} : { promotedBin }),
      accuracy: this.accuracy.read(),
    };
  }

  /** The model file of a decoder that came from here, by its hash. */
  modelOf(hash: string): Uint8Array | undefined {
    return this.madeHere(hash)?.bytes;
  }

  /** Whether there is something to cancel: a calibration under way, or a proposal that nobody has decided about. */
  get isCancellable(): boolean {
    return this.rails.allows('cancelled') && !this.isPromotionAsked;
  }

  /** At any time; once it is decided it does nothing. The decoder in service stays. */
  cancel(reason = 'cancelled'): void {
    if (!this.isCancellable) return;
    this.rails.advance('cancelled', this.seconds, reason);
    this.fit?.cancel();
    if (this.isFitOver) this.settleInterim();
  }

  /** Whether `promote` has something to promote. */
  get isPromotable(): boolean {
    const isWaiting = this.state === 'proposed' || this.state === 'rolledBack';
    return this.candidate !== undefined && isWaiting && !this.isPromotionAsked;
  }

  /**
   * Puts the candidate into service that is proposed, or that was rolled back because someone asked for it.
   * @throws BetzError CAL_NOTHING_PROPOSED, and those of `Session.promote`: then the decoder in service stays
   */
  async promote(): Promise<void> {
    const { candidate, session } = this;
    if (candidate === undefined || session === undefined || !this.isPromotable)
      throw new BetzError('CAL_NOTHING_PROPOSED', 'no new decoder is waiting to be put into service', {
        value: this.state,
        tip: 'Wait until one is proposed: it has to be better on data that it has not seen.',
      });
    this.isPromotionAsked = true; // until the event comes, which says when
    try {
      await session.promote(candidate.bytes);
    } catch (error) {
      this.isPromotionAsked = false;
      this.takeRefusal(error);
      throw error;
    }
  }

  /** @throws BetzError CAL_TRUTH_MISSING, CAL_METHOD_UNSUPPORTED, CAL_CHANNELS_UNMATCHED */
  open(description: SessionDescription): void {
    this.isPaced = description.isPaced;
    expectCalibratable(this.options.base, description);
  }

  /** Unpaced, the session waits here for the fit, or it would be over before it. */
  write(record: BinRecord): void | Promise<void> {
    this.seconds = ((record.binIndex + 1) * this.options.base.binMs) / 1000;
    this.accuracy.take(record);
    if (this.state !== 'collecting') return;
    this.bins.take(record);
    if (!this.bins.isFull) return;
    this.rails.advance('fitting', this.seconds, `${this.options.seconds} s are collected`);
    this.ending = this.run(this.bins.recording(`live, to ${this.seconds} s`));
    if (!this.isPaced) return this.ending;
  }

  writeEvent({ event }: TimedEvent): void {
    if (event.kind === 'promoted') this.takePromotion(event);
    else if (event.kind === 'rolledBack') this.takeRollback(event);
  }

  lostRecords(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.interim?.end();
    if (this.state === 'collecting')
      this.cancel(`the session ended with ${this.bins.seconds} of ${this.options.seconds} s`);
    else if (this.state !== 'proposed') this.cancel('the session ended first');
    await this.ending;
    // A rollback may have brought it back: what was saved of the session belongs to it.
    const { now } = this.service;
    if (now !== undefined && now !== this.handOut.last) this.handOut.give(now);
  }

  private get isFitting(): boolean {
    return this.state === 'fitting' || this.state === 'interim';
  }

  private madeHere(hash: string): JudgedCandidate | undefined {
    return [this.candidate, this.interim?.judged].find((each) => each?.hash === hash);
  }

  private takePromotion(event: EventOf<'promoted'>): void {
    const { modelHash, binIndex } = event;
    const { candidate, interim, rails } = this;
    const promoted = this.madeHere(modelHash);
    this.service.promoted(promoted, binIndex);
    if (promoted === undefined) {
      this.options.onOtherChange?.(event);
      return;
    }
    const reason = `in service from bin ${binIndex} on`;
    if (promoted === candidate) {
      this.isPromotionAsked = false;
      if (rails.allows('promoted')) rails.advance('promoted', this.atBin(binIndex), reason);
      return;
    }
    interim?.takePromotion();
    if (rails.allows('interim'))
      rails.advance(
        'interim',
        this.atBin(binIndex),
        `by ${interim?.method}, ${reason}; the fit goes on. ${promoted.verdict.sentence}`,
      );
  }

  private takeRollback(event: EventOf<'rolledBack'>): void {
    const { reason, binIndex } = event;
    const { interim, rails } = this;
    const gone = this.service.rolledBack();
    if (reason === 'asked') this.wasRollbackAsked = true;
    else if (interim !== undefined && gone === interim.judged) interim.isUnusable = true;
    const why = reason === 'asked' ? 'asked for' : 'the new decoder gave numbers that are not finite';
    const text = `from bin ${binIndex} on the decoder before is in service again: ${why}`;
    if (reason !== 'asked' && gone === this.candidate) this.candidate = undefined;
    if (this.state === 'interim') rails.advance('fitting', this.atBin(binIndex), text);
    else if (this.state === 'promoted' || this.state === 'rolledBack')
      rails.advance('rolledBack', this.atBin(binIndex), text);
    else this.options.onOtherChange?.(event);
  }

  private atBin(binIndex: number): number {
    return (binIndex * this.options.base.binMs) / 1000;
  }

  /** Never rejects. */
  private async run(recording: BinnedRecording): Promise<void> {
    const { base, method, origin, fitWorkerUrl } = this.options;
    const onInterim = (interim: SessionCalibration): void => {
      this.useMeanwhile(recording, interim);
    };
    const workerUrl = fitWorkerUrl === undefined ? {} : { workerUrl: fitWorkerUrl };
    try {
      this.fit = new SessionFit(
        base,
        recording,
        { method, seed: origin.seed, inServiceOutputs: this.bins.outputs() },
        { onInterim, ...workerUrl },
      );
      const calibration = await this.fit.done;
      await this.interim?.settled;
      if (this.isFitting) this.evaluate(recording, calibration); // or it was cancelled
    } catch (error) {
      if (!this.rails.allows('failed')) return;
      const { code, tip } =
        error instanceof BetzError ? error : { code: 'CAL_FIT_WORKER_DIED' as const, tip: undefined };
      this.rails.fail(code, this.seconds, error instanceof Error ? error.message : String(error), tip);
    } finally {
      await this.interim?.settled;
      this.isFitOver = true;
      this.settleInterim();
    }
  }

  /** What was to follow the interim decoder does not: it stays in service, or can be put back. */
  private settleInterim(): void {
    const { interim, rails } = this;
    if (interim?.wasInService !== true || interim.isUnusable) return;
    if (!['rejected', 'cancelled', 'failed'].includes(this.state)) return;
    const { code = '', reason } = rails.history[rails.history.length - 1];
    const why = this.state === 'cancelled' ? `the fit was cancelled: ${reason}` : `${code} ${reason}`.trim();
    const isInService = this.service.now === interim.judged;
    this.judged = interim.judged;
    this.candidate = interim.judged;
    rails.advance(
      isInService ? 'promoted' : 'rolledBack',
      this.seconds,
      `${why}; the decoder by ${interim.method} ${isInService ? 'stays in service' : 'can be put back'}`,
    );
    if (isInService) this.handOut.give(interim.judged);
  }

  /**
   * The quick candidate of `auto` decodes while the better one is still learned. Only where nobody is asked, for a person should not
   * have to decide twice; and a session that waits for the fit has no such while.
   */
  private useMeanwhile(recording: BinnedRecording, fitted: SessionCalibration): void {
    const { session, isPaced, wasRollbackAsked, options } = this;
    if (options.autoPromote !== true || !isPaced || wasRollbackAsked) return;
    if (session === undefined || !this.isFitting) return;
    try {
      const judged = this.judge(recording, fitted);
      if (!isForUse(judged.verdict)) return;
      this.judged = judged;
      this.interim = new InterimDecoder(judged, session);
    } catch {
      return; // one that cannot be written is none; the fit goes on
    }
  }

  private evaluate(recording: BinnedRecording, fitted: SessionCalibration): void {
    const { method, fitSeconds } = fitted.candidate;
    this.rails.advance('evaluating', this.seconds, `fitted by ${method} in ${fitSeconds.toFixed(1)} s`);
    const { interim } = this;
    const why = interim?.whyNot(method, this.service.now === interim.judged);
    if (why !== undefined) {
      const { failed } = fitted;
      const reason = failed === undefined ? why : `${why}; ${failureText(failed)}`;
      this.rails.advance('rejected', this.seconds, reason);
      return;
    }
    const judged = this.judge(recording, fitted);
    this.judged = judged;
    this.rails.decide(judged.verdict, this.seconds);
    if (this.state !== 'proposed') return;
    this.candidate = judged;
    this.handOut.give(judged);
    if (this.options.autoPromote !== true || this.wasRollbackAsked) return;
    this.promote().catch(() => undefined); // what is refused is a state by then
  }

  private judge(recording: BinnedRecording, fitted: SessionCalibration): JudgedCandidate {
    return judgeCandidate(recording, fitted, this.service.now, this.options);
  }

  /** A candidate that was rolled back stays so; one that is in the way of another change stays proposed. */
  private takeRefusal(error: unknown): void {
    const code = error instanceof BetzError ? error.code : undefined;
    if (code === 'IPC_SWAP_PENDING' || !this.rails.allows('rejected')) return;
    if (code === 'IPC_SESSION_ENDED') {
      this.cancel('the session ended first');
      return;
    }
    this.rails.advance('rejected', this.seconds, error instanceof Error ? error.message : String(error));
    this.settleInterim();
  }
}
