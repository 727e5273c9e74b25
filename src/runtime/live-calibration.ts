/**
 * Calibration of the decoder of a running session: collects bins with their behaviour, fits in a thread of its own, judges, and
 * proposes the candidate, or puts it into service at once. A sink, because it needs what sinks get; what goes wrong is a state
 * with a reason, and never an error in the session.
 */
import type { SessionCalibration } from '../calibration/session/calibrate-session.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import { Guardrails } from '../calibration/session/guardrails.ts';
import type { CalibrationState, Transition } from '../calibration/session/guardrails.ts';
import { sessionSeconds, verdictOf } from '../calibration/session/report-verdict.ts';
import type { Verdict } from '../calibration/session/report-verdict.ts';
import { sessionProvenance } from '../calibration/session/session-provenance.ts';
import type { SessionOrigin } from '../calibration/session/session-provenance.ts';
import { scoreBlocks } from '../calibration/session/session-scores.ts';
import { BetzError } from '../core/errors.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { encodeModel } from '../decoders/model-file.ts';
import { modelHash } from '../host/model-store.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { FitProgressWatch } from './fit-progress.ts';
import type { FitStatus } from './fit-progress.ts';
import { AccuracyByGeneration } from './generation-accuracy.ts';
import type { GenerationAccuracy } from './generation-accuracy.ts';
import { LiveBins } from './live-bins.ts';
import type { Session } from './session.ts';
import { SessionFit } from './session-fit.ts';
import type { BinRecord, SessionDescription, Sink, TimedEvent } from './sink.ts';
import { expectOwnTruth } from './own-truth.ts';

export interface LiveCalibrationOptions {
  /** The decoder in service. */
  base: Model;
  /** Of data to collect. */
  seconds: number;
  method: SessionMethod;
  /** For the provenance of the candidate, with the seed of the fit. */
  origin: SessionOrigin;
  /** Promote a candidate that is proposed without asking, unless a rollback was asked for before: that was a person's choice. */
  autoPromote?: boolean;
  onTransition?: (transition: Transition) => void;
  /** Given the model file of a candidate when it is proposed. What it throws is kept in `proposalError`. */
  onProposal?: (candidate: Uint8Array) => void;
  /** Another file of the fit thread than our own, to test what happens when it dies. */
  fitWorkerUrl?: URL;
}

/** What a live calibration has come to, at any time. */
export interface LiveCalibrationAccount {
  states: readonly Transition[];
  /** Of data, up to now, and when there are enough. */
  collectedSeconds: number;
  seconds: number;
  /** While a candidate is fitted and judged. */
  fit?: FitStatus;
  /** Absent until a candidate was judged. */
  verdict?: Verdict;
  /** What the candidate was made by; `auto` names what it chose. */
  method?: SessionMethod;
  fitSeconds?: number;
  /** First bin that the candidate decoded, where it was promoted. */
  promotedBin?: number;
  /** Of every decoder that was in service. */
  accuracy: readonly GenerationAccuracy[];
}

export class LiveCalibration implements Sink {
  readonly name = 'calibration';
  /** A session that is not paced waits for the fit; the shorter the queue, the sooner the candidate decodes. */
  readonly queueRecords = 256;
  /** Of `onProposal`. */
  proposalError: Error | undefined;
  /** The model file of the candidate, once it is judged; gone when it turned out to be unusable. */
  candidate: { bytes: Uint8Array; hash: string } | undefined;
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
  private calibration: SessionCalibration | undefined;
  private verdict: Verdict | undefined;
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
    const { calibration, verdict, promotedBin, fitWatch } = this;
    return {
      states: [...this.rails.history],
      collectedSeconds: this.bins.seconds,
      seconds: this.options.seconds,
      ...(this.state === 'fitting' && fitWatch !== undefined ? { fit: fitWatch.status() } : {}),
      ...(verdict === undefined ? {} : { verdict }),
      ...(calibration === undefined
        ? {}
        : { method: calibration.candidate.method, fitSeconds: calibration.candidate.fitSeconds }),
      ...(promotedBin === undefined ? {} : { promotedBin }),
      accuracy: this.accuracy.read(),
    };
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
  open({ truth, output, isTruthComparable, isPaced, channels }: SessionDescription): void {
    this.isPaced = isPaced;
    expectOwnTruth(output, truth, isTruthComparable);
    const { kind, features } = this.options.base;
    if (features.smoothing !== 0)
      throw new BetzError(
        'CAL_METHOD_UNSUPPORTED',
        `a '${kind}' decoder cannot be calibrated while it runs`,
        {
          value: kind,
          tip: 'Record, and use `betz calibrate --decoder` for kinds that are fitted in closed form.',
        },
      );
    // The decoder in service takes channels by their place: of another array it makes nothing, and neither would a candidate.
    const place = features.channelLabels.findIndex((label, channel) => label !== channels[channel].label);
    if (place < 0) return;
    throw new BetzError(
      'CAL_CHANNELS_UNMATCHED',
      `channel ${place + 1} of the source is '${channels[place].label}', where the model has '${features.channelLabels[place]}'`,
      {
        value: channels[place].label,
        tip: 'Bring the model to these channels first, with `betz calibrate --model` and a recording of them.',
      },
    );
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
    if (event.kind === 'promoted' && event.modelHash === this.candidate?.hash) {
      this.isPromotionAsked = false;
      if (!this.rails.allows('promoted')) return;
      this.promotedBin ??= event.binIndex;
      this.rails.advance('promoted', this.atBin(event.binIndex), `in service from bin ${event.binIndex} on`);
    } else if (event.kind === 'rolledBack') {
      if (event.reason === 'asked') this.wasRollbackAsked = true;
      if (!this.rails.allows('rolledBack')) return;
      if (event.reason !== 'asked') this.candidate = undefined;
      const why = event.reason === 'asked' ? 'asked for' : 'the new decoder gave numbers that are not finite';
      this.rails.advance(
        'rolledBack',
        this.atBin(event.binIndex),
        `from bin ${event.binIndex} on the decoder before is in service again: ${why}`,
      );
    }
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
          ...(fitWorkerUrl === undefined ? {} : { workerUrl: fitWorkerUrl }),
        },
      );
      const calibration = await this.fit.done;
      if (this.state !== 'fitting') return; // cancelled
      this.evaluate(recording, calibration);
    } catch (error) {
      if (!this.rails.allows('failed')) return;
      const { code, tip } =
        error instanceof BetzError ? error : { code: 'CAL_FIT_WORKER_DIED' as const, tip: undefined };
      this.rails.fail(code, this.seconds, error instanceof Error ? error.message : String(error), tip);
    }
  }

  private evaluate(recording: BinnedRecording, fitted: SessionCalibration): void {
    const { base, origin } = this.options;
    // As it did decode here: it may have adapted, which the model file does not tell.
    const inService = scoreBlocks(recording, this.bins.outputs(), fitted.blocks.heldOut);
    const calibration = { ...fitted, inService };
    const { candidate, baseline } = calibration;
    this.calibration = calibration;
    this.rails.advance(
      'evaluating',
      this.seconds,
      `fitted by ${candidate.method} in ${candidate.fitSeconds.toFixed(1)} s`,
    );
    this.verdict = verdictOf(candidate.scores, inService, baseline, sessionSeconds(base, recording));
    const provenance = sessionProvenance(base, recording, calibration, origin);
    const bytes = encodeModel({ ...candidate.model, provenance }, `betz ${origin.version}`);
    this.candidate = { bytes, hash: modelHash(bytes) };
    this.rails.decide(this.verdict, this.seconds);
    if (this.state !== 'proposed') return;
    try {
      this.options.onProposal?.(bytes);
    } catch (error) {
      this.proposalError = error instanceof Error ? error : new Error(String(error));
    }
    if (this.options.autoPromote !== true || this.wasRollbackAsked) return;
    this.promote().catch(() => undefined); // what is refused is a state by then
  }

  /** A candidate that was rolled back stays so; one that is in the way of another change stays proposed. */
  private takeRefusal(error: unknown): void {
    const code = error instanceof BetzError ? error.code : undefined;
    if (code === 'IPC_SWAP_PENDING' || !this.rails.allows('rejected')) return;
    if (code === 'IPC_SESSION_ENDED') this.cancel('the session ended first');
    else this.rails.advance('rejected', this.seconds, error instanceof Error ? error.message : String(error));
  }
}
