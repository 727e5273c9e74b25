/**
 * Calibration of the decoder of a running session: collects bins with their behaviour, fits in a thread of its own, judges, and
 * proposes the candidate, or puts it into service at once. A sink, because it needs what sinks get; what goes wrong is a state
 * with a reason, and never an error in the session.
 */
import type { SessionCalibration } from '../calibration/session/session-task.ts';
import { Guardrails } from '../calibration/session/guardrails.ts';
import type { CalibrationState } from '../calibration/session/guardrails.ts';
import { isForUse } from '../calibration/session/report-verdict.ts';
import { scoreBlocks } from '../calibration/session/session-scores.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { expectCalibratable } from './calibratable-session.ts';
import { FitProgressWatch } from './fit-progress.ts';
import { AccuracyByGeneration } from './generation-accuracy.ts';
import { judgeCandidate, outcomeOf } from './judged-candidate.ts';
import type { JudgedCandidate } from './judged-candidate.ts';
import { InterimDecoder } from './interim-decoder.ts';
import { LiveBins } from './live-bins.ts';
import type { LiveCalibrationOptions } from './live-calibration-options.ts';
import type { LiveCalibrationAccount } from './live-calibration-account.ts';
import type { Session } from './session.ts';
import { SessionFit } from './session-fit.ts';
import type { BinRecord, SessionDescription, SessionEvent, Sink, TimedEvent } from './sink.ts';

type EventOf<Kind extends SessionEvent['kind']> = Extract<SessionEvent, { kind: Kind }>;

export class LiveCalibration implements Sink {
  readonly name = 'calibration';
  /** A session that is not paced waits for the fit; the shorter the queue, the sooner the candidate decodes. */
  readonly queueRecords = 256;
  /** Of `onProposal`. */
  proposalError: Error | undefined;
  private readonly options: LiveCalibrationOptions;
  private readonly rails: Guardrails;
  private readonly accuracy = new AccuracyByGeneration();
  private readonly bins: LiveBins;
  private session: Session | undefined;
  private isPaced = false;
  private seconds = 0;
  private fit: SessionFit | undefined;
  private fitWatch: FitProgressWatch | undefined;
  private ending: Promise<void> | undefined;
  /** For the account: the last one. */
  private judged: JudgedCandidate | undefined;
  private interim: InterimDecoder | undefined;
  private isHandedOut = false;
  /** Once it is judged; gone when it turned out to be unusable. */
  private candidate: JudgedCandidate | undefined;
  /** It was asked for, and has neither come into service nor been refused. */
  private isPromotionAsked = false;
  private wasRollbackAsked = false;
  private promotedBin: number | undefined;

  constructor(options: LiveCalibrationOptions) {
    const { base, seconds, onTransition } = options;
    this.options = options;
    this.rails = new Guardrails(`collecting ${seconds} s of data`, onTransition);
    this.bins = new LiveBins(base, Math.max(1, Math.round((seconds * 1000) / base.binMs)));
  }

  /** The session whose decoder is to be replaced; once it has started. */
  attach(session: Session): void {
    this.session = session;
  }

  get state(): CalibrationState {
    return this.rails.state;
  }

  account(): LiveCalibrationAccount {
    const { judged, interim, promotedBin, fitWatch, isHandedOut } = this;
    return {
      states: [...this.rails.history],
      collectedSeconds: this.bins.seconds,
      seconds: this.options.seconds,
      ...(this.state === 'fitting' && fitWatch !== undefined ? { fit: fitWatch.status() } : {}),
      ...(interim?.isInService === true ? { interim: interim.method } : {}),
      ...(judged === undefined ? {} : outcomeOf(judged)),
      isHandedOut,
      ...(promotedBin === undefined ? {} : { promotedBin }),
      accuracy: this.accuracy.read(),
    };
  }

  /** The model file of a decoder that came from here, by its hash. */
  modelOf(hash: string): Uint8Array | undefined {
    return [this.candidate, this.interim?.judged].find((each) => each?.hash === hash)?.bytes;
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
  }

  /** Whether `promote` has something to promote. */
  get isPromotable(): boolean {
    return this.candidate !== undefined && this.rails.allows('promoted') && !this.isPromotionAsked;
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
    if (this.state === 'collecting')
      this.cancel(`the session ended with ${this.bins.seconds} of ${this.options.seconds} s`);
    else if (this.state !== 'proposed') this.cancel('the session ended first');
    await this.ending;
  }

  private takePromotion({ modelHash, binIndex }: EventOf<'promoted'>): void {
    const { candidate, interim, rails } = this;
    const at = this.atBin(binIndex);
    if (modelHash === candidate?.hash) {
      this.isPromotionAsked = false;
      if (!rails.allows('promoted')) return;
      this.promotedBin ??= binIndex;
      rails.advance('promoted', at, `in service from bin ${binIndex} on`);
    } else if (modelHash === interim?.judged.hash) {
      this.promotedBin ??= binIndex;
      const meanwhile = this.state === 'fitting' ? '; the fit goes on' : '';
      rails.note(at, `the decoder by ${interim.method} is in service from bin ${binIndex} on${meanwhile}`);
    }
  }

  private takeRollback({ reason, binIndex }: EventOf<'rolledBack'>): void {
    const { interim, rails } = this;
    if (reason === 'asked') this.wasRollbackAsked = true;
    const why = reason === 'asked' ? 'asked for' : 'the new decoder gave numbers that are not finite';
    const text = `from bin ${binIndex} on the decoder before is in service again: ${why}`;
    if (rails.allows('rolledBack')) {
      if (reason !== 'asked') this.candidate = undefined;
      rails.advance('rolledBack', this.atBin(binIndex), text);
    } else if (interim?.isInService === true) {
      interim.takeRollback(reason);
      rails.note(this.atBin(binIndex), text);
    }
  }

  private atBin(binIndex: number): number {
    return (binIndex * this.options.base.binMs) / 1000;
  }

  /** Never rejects. */
  private async run(recording: BinnedRecording): Promise<void> {
    const { base, method, origin, fitWorkerUrl } = this.options;
    const watch = new FitProgressWatch(new MonotonicClock());
    this.fitWatch = watch;
    try {
      this.fit = new SessionFit(
        base,
        recording,
        { method, seed: origin.seed },
        {
          onProgress: (progress) => {
            watch.take(progress);
          },
          onInterim: (interim) => {
            try {
              this.useMeanwhile(recording, interim);
            } catch {
              return; // what ails it is found again when the last candidate is judged
            }
          },
          ...(fitWorkerUrl === undefined ? {} : { workerUrl: fitWorkerUrl }),
        },
      );
      const calibration = await this.fit.done;
      await this.interim?.settled;
      if (this.state !== 'fitting') return; // cancelled
      this.evaluate(recording, calibration);
    } catch (error) {
      if (!this.rails.allows('failed')) return;
      const { code, tip } =
        error instanceof BetzError ? error : { code: 'CAL_FIT_WORKER_DIED' as const, tip: undefined };
      this.rails.fail(code, this.seconds, error instanceof Error ? error.message : String(error), tip);
    } finally {
      // Whatever became of the better one, what decodes is handed out.
      if (this.interim?.isInService === true && !this.isHandedOut) this.handOut(this.interim.judged);
    }
  }

  /**
   * The quick candidate of `auto` decodes while the better one is still learned. Only where nobody is asked, for a person should not
   * have to decide twice; and a session that waits for the fit has no such while.
   */
  private useMeanwhile(recording: BinnedRecording, fitted: SessionCalibration): void {
    const { session, isPaced, wasRollbackAsked, options } = this;
    if (options.autoPromote !== true || !isPaced || wasRollbackAsked) return;
    if (session === undefined || this.state !== 'fitting') return;
    const judged = this.judge(recording, fitted);
    if (!isForUse(judged.verdict)) return;
    this.judged = judged;
    this.interim = new InterimDecoder(judged, session);
  }

  private evaluate(recording: BinnedRecording, fitted: SessionCalibration): void {
    const { method, fitSeconds } = fitted.candidate;
    this.rails.advance('evaluating', this.seconds, `fitted by ${method} in ${fitSeconds.toFixed(1)} s`);
    const why = this.interim?.whyNot(method);
    if (why !== undefined) {
      this.rails.advance('rejected', this.seconds, `the decoder by ${method} ${why}`);
      return;
    }
    const judged = this.judge(recording, fitted);
    this.judged = judged;
    this.candidate = judged;
    this.rails.decide(judged.verdict, this.seconds);
    if (this.state !== 'proposed') return;
    this.handOut(judged);
    if (this.options.autoPromote !== true || this.wasRollbackAsked) return;
    this.promote().catch(() => undefined); // what is refused is a state by then
  }

  /** Beside the decoder in service as it did decode here: it may have adapted, which the model file does not tell. */
  private judge(recording: BinnedRecording, fitted: SessionCalibration): JudgedCandidate {
    const { base, origin } = this.options;
    const { interim, bins } = this;
    if (interim?.isInService !== true) {
      const inService = scoreBlocks(recording, bins.outputs(), fitted.blocks.heldOut);
      return judgeCandidate(base, recording, { ...fitted, inService }, origin);
    }
    const { hash, calibration } = interim.judged;
    const replaced = { ...origin, baseName: `by ${interim.method}, in this session`, baseSha256: hash };
    return judgeCandidate(base, recording, { ...fitted, inService: calibration.candidate.scores }, replaced);
  }

  private handOut({ bytes }: JudgedCandidate): void {
    this.isHandedOut = true;
    try {
      this.options.onProposal?.(bytes);
    } catch (error) {
      this.proposalError = error instanceof Error ? error : new Error(String(error));
    }
  }

  /** A candidate that was rolled back stays so; one that is in the way of another change stays proposed. */
  private takeRefusal(error: unknown): void {
    const code = error instanceof BetzError ? error.code : undefined;
    if (code === 'IPC_SWAP_PENDING' || !this.rails.allows('rejected')) return;
    if (code === 'IPC_SESSION_ENDED') this.cancel('the session ended first');
    else this.rails.advance('rejected', this.seconds, error instanceof Error ? error.message : String(error));
  }
}
