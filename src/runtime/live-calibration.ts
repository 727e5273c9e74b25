/**
 * Calibration of the decoder of a running session: collects bins with their behaviour, fits in a thread of its own, judges, and
 * proposes the candidate, or puts it into service at once. A sink, because it needs what sinks get; what goes wrong is a state
 * with a reason, and never an error in the session.
 */
import { Guardrails } from '../calibration/session/guardrails.ts';
import type { CalibrationState } from '../calibration/session/guardrails.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { expectCalibratable } from './calibratable-session.ts';
import { CalibrationCandidates } from './calibration-candidates.ts';
import { AccuracyByGeneration } from './generation-accuracy.ts';
import { outcomeOf } from './judged-candidate.ts';
import { LiveBins } from './live-bins.ts';
import type { LiveCalibrationOptions } from './live-calibration-options.ts';
import type { LiveCalibrationAccount } from './live-calibration-account.ts';
import type { Session } from './session.ts';
import { SessionFit } from './session-fit.ts';
import type { BinRecord, SessionDescription, Sink, TimedEvent } from './sink.ts';

export class LiveCalibration implements Sink {
  readonly name = 'calibration';
  /** A session that is not paced waits for the fit; the shorter the queue, the sooner the candidate decodes. */
  readonly queueRecords = 256;
  private readonly options: LiveCalibrationOptions;
  private readonly rails: Guardrails;
  private readonly candidates: CalibrationCandidates;
  private readonly accuracy = new AccuracyByGeneration();
  private readonly bins: LiveBins;
  private isPaced = false;
  private seconds = 0;
  private fit: SessionFit | undefined;
  private ending: Promise<void> | undefined;
  private isFitOver = false;
  /** What the first listener that threw has thrown. */
  private listenerError: Error | undefined;

  constructor(options: LiveCalibrationOptions) {
    const { base, seconds, onTransition, onOtherChange } = options;
    this.options = options;
    const listeners = {
      onTransition: this.guarded(onTransition),
      onOtherChange: this.guarded(onOtherChange),
    };
    this.rails = new Guardrails(`collecting ${seconds} s of data`, listeners.onTransition);
    this.candidates = new CalibrationCandidates({ ...options, ...listeners }, this.rails, () => this.seconds);
    this.bins = new LiveBins(base, Math.max(1, Math.round((seconds * 1000) / base.binMs)));
  }

  /** The session whose decoder is to be replaced; once it has started. */
  attach(session: Session): void {
    this.candidates.session = session;
  }

  /** Of `onProposal`. */
  get proposalError(): Error | undefined {
    return this.candidates.handOut.error;
  }

  get state(): CalibrationState {
    return this.rails.state;
  }

  account(): LiveCalibrationAccount {
    const { fit } = this;
    const { judged, promotedBin, handOut } = this.candidates;
    return {
      states: [...this.rails.history],
      collectedSeconds: this.bins.seconds,
      seconds: this.options.seconds,
      ...(this.isFitting && fit !== undefined ? { fit: fit.status() } : {}),
      ...(judged === undefined ? {} : outcomeOf(judged)),
      isHandedOut: handOut.last !== undefined,
      ...(promotedBin === undefined ? {} : { promotedBin }),
      accuracy: this.accuracy.read(),
    };
  }

  /** The model file of a decoder that came from here, by its hash. */
  modelOf(hash: string): Uint8Array | undefined {
    return this.candidates.modelOf(hash);
  }

  /** Whether there is something to cancel: a calibration under way, or a proposal that nobody has decided about. */
  get isCancellable(): boolean {
    return this.rails.allows('cancelled') && !this.candidates.isPromotionAsked;
  }

  /** At any time; once it is decided it does nothing. The decoder in service stays. */
  cancel(reason = 'cancelled'): void {
    if (!this.isCancellable) return;
    this.rails.advance('cancelled', this.seconds, reason);
    this.fit?.cancel();
    if (this.isFitOver) this.candidates.settleInterim();
  }

  /** Whether `promote` has something to promote. */
  get isPromotable(): boolean {
    return this.candidates.isPromotable;
  }

  /**
   * Puts the candidate into service that is proposed, or that was rolled back because someone asked for it.
   * @throws BetzError CAL_NOTHING_PROPOSED, and those of `Session.promote`: then the decoder in service stays
   */
  promote(): Promise<void> {
    return this.candidates.promote();
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
    this.expectListened();
    if (this.state !== 'collecting') return;
    this.bins.take(record);
    if (!this.bins.isFull) return;
    this.rails.advance('fitting', this.seconds, `${this.options.seconds} s are collected`);
    this.ending = this.run(this.bins.recording(`live, to ${this.seconds} s`));
    if (!this.isPaced) return this.ending;
  }

  writeEvent({ event }: TimedEvent): void {
    if (event.kind === 'promoted') this.candidates.takePromotion(event);
    else if (event.kind === 'rolledBack') this.candidates.takeRollback(event);
    this.expectListened();
  }

  lostRecords(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.candidates.endInterim();
    if (this.state === 'collecting')
      this.cancel(`the session ended with ${this.bins.seconds} of ${this.options.seconds} s`);
    else if (this.state !== 'proposed') this.cancel('the session ended first');
    await this.ending;
    this.candidates.handOutWhatServes();
    this.expectListened();
  }

  /** A listener's error stops no change of states half way, and no process: it comes to the session, as one of this sink. */
  private guarded<Told>(listener: ((told: Told) => void) | undefined): (told: Told) => void {
    return (told) => {
      try {
        listener?.(told);
      } catch (error) {
        this.listenerError ??= error instanceof Error ? error : new Error(String(error));
      }
    };
  }

  /** A sink that failed is told of nothing any more, so nothing may come into service from here. */
  private expectListened(): void {
    if (this.listenerError === undefined) return;
    this.cancel('whoever was told of it failed');
    throw this.listenerError;
  }

  private get isFitting(): boolean {
    return this.state === 'fitting' || this.state === 'interim';
  }

  /** Never rejects. */
  private async run(recording: BinnedRecording): Promise<void> {
    const { candidates } = this;
    try {
      this.fit = this.startFit(recording);
      const calibration = await this.fit.done;
      await candidates.interimSettled();
      if (this.isFitting) candidates.evaluate(recording, calibration); // or it was cancelled
    } catch (error) {
      if (!this.rails.allows('failed')) return;
      const { code, tip } =
        error instanceof BetzError ? error : { code: 'CAL_FIT_WORKER_DIED' as const, tip: undefined };
      this.rails.fail(code, this.seconds, error instanceof Error ? error.message : String(error), tip);
    } finally {
      await candidates.interimSettled();
      this.isFitOver = true;
      candidates.settleInterim();
    }
  }

  private startFit(recording: BinnedRecording): SessionFit {
    const { base, method, origin, autoPromote, fitWorkerUrl } = this.options;
    return new SessionFit(
      base,
      recording,
      { method, seed: origin.seed, inServiceOutputs: this.bins.outputs() },
      {
        // A session that waits for the fit has no meanwhile.
        onInterim: (interim) => {
          if (autoPromote === true && this.isPaced) this.candidates.useMeanwhile(recording, interim);
        },
        ...(fitWorkerUrl === undefined ? {} : { workerUrl: fitWorkerUrl }),
      },
    );
  }
}
