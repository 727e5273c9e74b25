/**
 * The candidates of a live calibration and what becomes of them: judged, proposed, in service, taken out again. What is in
 * service is known from the session's events alone, which come in the order of its bins.
 */
import type { Guardrails } from '../calibration/session/guardrails.ts';
import { failureText, isForUse } from '../calibration/session/report-verdict.ts';
import type { SessionCalibration } from '../calibration/session/session-task.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { CandidateHandOut } from './candidate-hand-out.ts';
import { InterimDecoder } from './interim-decoder.ts';
import { judgeCandidate } from './judged-candidate.ts';
import type { JudgedCandidate } from './judged-candidate.ts';
import type { LiveCalibrationOptions } from './live-calibration-options.ts';
import { ServiceRecord } from './service-record.ts';
import type { Session } from './session.ts';
import type { SessionEvent } from './sink.ts';

type EventOf<Kind extends SessionEvent['kind']> = Extract<SessionEvent, { kind: Kind }>;

export class CalibrationCandidates {
  /** The session whose decoder is to be replaced; once it has started. */
  session: Session | undefined;
  /** For the account: the last one. */
  judged: JudgedCandidate | undefined;
  /** It was asked for, and has neither come into service nor been refused. */
  isPromotionAsked = false;
  readonly handOut: CandidateHandOut;
  private readonly options: LiveCalibrationOptions;
  private readonly rails: Guardrails;
  private readonly secondsNow: () => number;
  private readonly service = new ServiceRecord();
  private interim: InterimDecoder | undefined;
  /** Proposed, or was in service; gone when it turned out to be unusable. */
  private candidate: JudgedCandidate | undefined;
  private wasRollbackAsked = false;

  /** @param secondsNow of the session, in the time of its data */
  constructor(options: LiveCalibrationOptions, rails: Guardrails, secondsNow: () => number) {
    this.options = options;
    this.rails = rails;
    this.secondsNow = secondsNow;
    this.handOut = new CandidateHandOut(options.onProposal);
  }

  /** First bin that the last one decoded. */
  get promotedBin(): number | undefined {
    return this.judged === undefined ? undefined : this.service.firstBin(this.judged);
  }

  /** The model file of a decoder that came from here, by its hash. */
  modelOf(hash: string): Uint8Array | undefined {
    return this.madeHere(hash)?.bytes;
  }

  /** Whether `promote` has something to promote. */
  get isPromotable(): boolean {
    const isWaiting = this.rails.state === 'proposed' || this.rails.state === 'rolledBack';
    return this.candidate !== undefined && isWaiting && !this.isPromotionAsked;
  }

  /** @throws BetzError those of `LiveCalibration.promote` */
  async promote(): Promise<void> {
    const { candidate, session } = this;
    if (candidate === undefined || session === undefined || !this.isPromotable)
      throw new BetzError('CAL_NOTHING_PROPOSED', 'no new decoder is waiting to be put into service', {
        value: this.rails.state,
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

  takePromotion(event: EventOf<'promoted'>): void {
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

  takeRollback(event: EventOf<'rolledBack'>): void {
    const { reason, binIndex } = event;
    const { interim, rails } = this;
    const gone = this.service.rolledBack();
    if (reason === 'asked') this.wasRollbackAsked = true;
    else if (interim !== undefined && gone === interim.judged) interim.isUnusable = true;
    const why = reason === 'asked' ? 'asked for' : 'the new decoder gave numbers that are not finite';
    const text = `from bin ${binIndex} on the decoder before is in service again: ${why}`;
    if (reason !== 'asked' && gone === this.candidate) this.candidate = undefined;
    if (rails.state === 'interim') rails.advance('fitting', this.atBin(binIndex), text);
    else if (rails.state === 'promoted' || rails.state === 'rolledBack')
      rails.advance('rolledBack', this.atBin(binIndex), text);
    else this.options.onOtherChange?.(event);
  }

  /**
   * The quick candidate of `auto` decodes while the better one is still learned, or it is said why it does not. Only where nobody
   * is asked, for a person should not have to decide twice.
   */
  useMeanwhile(recording: BinnedRecording, fitted: SessionCalibration): void {
    const { session, rails } = this;
    if (session === undefined || rails.state !== 'fitting') return;
    const refuse = (why: string): void => {
      if (rails.state === 'fitting')
        rails.advance(
          'fitting',
          this.secondsNow(),
          `the decoder by ${fitted.candidate.method} does not come into service meanwhile, and the fit goes on: ${why}`,
        );
    };
    if (this.wasRollbackAsked) {
      refuse('someone went back to the decoder before, and decides');
      return;
    }
    try {
      const judged = this.judge(recording, fitted);
      if (isForUse(judged.verdict)) {
        this.judged = judged;
        this.interim = new InterimDecoder(judged, session, (error) => {
          refuse(textOf(error));
        });
      } else refuse(judged.verdict.sentence);
    } catch (error) {
      refuse(textOf(error)); // it cannot be written
    }
  }

  /** Resolves when it is known whether the quick candidate has come into service. */
  async interimSettled(): Promise<void> {
    await this.interim?.settled;
  }

  /** What the fit has come to. @throws BetzError of `encodeModel`, where nothing of it can be written */
  evaluate(recording: BinnedRecording, fitted: SessionCalibration): void {
    const { rails, interim } = this;
    const { method, fitSeconds } = fitted.candidate;
    rails.advance('evaluating', this.secondsNow(), `fitted by ${method} in ${fitSeconds.toFixed(1)} s`);
    if (!rails.allows('proposed')) return; // cancelled by whoever was told
    const judged = this.judgeWritable(recording, fitted);
    const { candidate, failed } = judged.calibration;
    const why = interim?.whyNot(candidate.method, this.service.now === interim.judged);
    if (why !== undefined) {
      const reason = failed === undefined ? why : `${why}; ${failureText(failed)}`;
      rails.advance('rejected', this.secondsNow(), reason);
      return;
    }
    this.judged = judged;
    rails.decide(judged.verdict, this.secondsNow());
    if (rails.state !== 'proposed') return;
    this.candidate = judged;
    this.handOut.give(judged);
    if (this.options.autoPromote !== true || this.wasRollbackAsked) return;
    this.promote().catch(() => undefined); // what is refused is a state by then
  }

  /** What was to follow the interim decoder does not: it stays in service, or can be put back. */
  settleInterim(): void {
    const { interim, rails } = this;
    if (interim?.wasInService !== true || interim.isUnusable) return;
    if (!['rejected', 'cancelled', 'failed'].includes(rails.state)) return;
    const { code = '', reason } = rails.history[rails.history.length - 1];
    const why = rails.state === 'cancelled' ? `the fit was cancelled: ${reason}` : `${code} ${reason}`.trim();
    const isInService = this.service.now === interim.judged;
    this.judged = interim.judged;
    this.candidate = interim.judged;
    rails.advance(
      isInService ? 'promoted' : 'rolledBack',
      this.secondsNow(),
      `${why}; the decoder by ${interim.method} ${isInService ? 'stays in service' : 'can be put back'}`,
    );
    if (isInService) this.handOut.give(interim.judged);
  }

  /** No event comes any more. */
  endInterim(): void {
    this.interim?.end();
  }

  /** A rollback may have brought a decoder back: what was saved of the session belongs to it. */
  handOutWhatServes(): void {
    const { now } = this.service;
    if (now !== undefined && now !== this.handOut.last) this.handOut.give(now);
  }

  private judge(recording: BinnedRecording, fitted: SessionCalibration): JudgedCandidate {
    return judgeCandidate(recording, fitted, this.service.now, this.options);
  }

  /** Where the candidate cannot be written, the quick one of the same fit stands for itself, as after any other failure. */
  private judgeWritable(recording: BinnedRecording, fitted: SessionCalibration): JudgedCandidate {
    try {
      return this.judge(recording, fitted);
    } catch (error) {
      const { method } = fitted.candidate;
      const quick = fitted.tried[0];
      if (quick.method === method || !(error instanceof BetzError)) throw error;
      const failed = { method, code: error.code, reason: error.message };
      return this.judge(recording, { ...fitted, candidate: quick, failed });
    }
  }

  private madeHere(hash: string): JudgedCandidate | undefined {
    return [this.candidate, this.interim?.judged].find((each) => each?.hash === hash);
  }

  /** A candidate that was rolled back stays so; one that is in the way of another change stays proposed. */
  private takeRefusal(error: unknown): void {
    const { rails } = this;
    const code = error instanceof BetzError ? error.code : undefined;
    if (code === 'IPC_SWAP_PENDING' || !rails.allows('rejected')) return;
    if (code === 'IPC_SESSION_ENDED')
      rails.advance('cancelled', this.secondsNow(), 'the session ended first');
    else rails.advance('rejected', this.secondsNow(), textOf(error));
    this.settleInterim();
  }

  private atBin(binIndex: number): number {
    return (binIndex * this.options.base.binMs) / 1000;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
