/** What a calibration of a running session is told to do. */
import type { Transition } from '../calibration/session/guardrails.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { SessionOrigin } from '../calibration/session/session-provenance.ts';
import type { Model } from '../decoders/decoder.ts';
import type { SessionEvent } from './sink.ts';

export interface LiveCalibrationOptions {
  /** The decoder in service. */
  base: Model;
  /** Of data to collect. */
  seconds: number;
  method: SessionMethod;
  /** For the provenance of the candidate, with the seed of the fit. */
  origin: SessionOrigin;
  /** Promote a candidate that is proposed, and before it the quick one of `auto`, without asking, unless a rollback was asked for before: that was a person's choice. */
  autoPromote?: boolean;
  onTransition?: (transition: Transition) => void;
  /** Told of a change of the decoder that is no transition: a program's, or of the decoder that is in service while another one is proposed. */
  onOtherChange?: (event: Extract<SessionEvent, { kind: 'promoted' | 'rolledBack' }>) => void;
  /** Given the model file of a candidate when it is proposed, or of an interim one that was not followed by a better one. What it throws is kept in `proposalError`. */
  onProposal?: (candidate: Uint8Array) => void;
  /** Another file of the fit thread than our own, to test what happens when it dies. */
  fitWorkerUrl?: URL;
}
