/** One calibration of a model to a session: what a method is given, and what it gives back. */
import type { ErrorCode } from '../../core/errors.ts';
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import type { CalibrationHost } from '../calibrate.ts';
import type { TrainingOptions, TrainingProgress } from '../training.ts';
import type { HeldOutBlocks } from './held-out-blocks.ts';
import type { SessionMethod } from './session-methods.ts';
import { decodeSession, scoreBlocks } from './session-scores.ts';
import type { BlockScores } from './session-scores.ts';

export interface SessionOptions {
  method: SessionMethod;
  seed?: number;
  /** Of methods that train by gradient; defaults suit each. */
  training?: Partial<TrainingOptions>;
  /** Of `lora`. */
  rank?: number;
  /** What the decoder in service said of the recording, where it has decoded it: [binCount x outputs]. Default: it is run over it. */
  inServiceOutputs?: Float32Array;
  onProgress?: (progress: TrainingProgress & { method: SessionMethod }) => void;
  /** Told of every candidate when it is ready: with `auto` the quick one comes first. */
  onCandidate?: (candidate: SessionCandidate) => void;
  /** Told of what there is, judged as the whole, before the `next` method, which takes longer, begins: with `auto`, the quick readout. */
  onInterim?: (calibration: SessionCalibration, next: SessionMethod) => void;
}

/** What a calibration has come to. */
export interface SessionCalibration {
  /** The last of `tried`, unless an earlier one has shown that it is better. */
  candidate: SessionCandidate;
  tried: readonly SessionCandidate[];
  blocks: HeldOutBlocks;
  /** The decoder in service, as it is, or as it decoded the recording: it may have adapted, which its model does not tell. */
  inService: BlockScores;
  baseline: BlockScores;
  /** What was to follow, and could not: what was fitted before stands for itself. */
  failed?: FailedMethod;
}

export interface FailedMethod {
  method: SessionMethod;
  code: ErrorCode;
  reason: string;
}

export interface SessionCandidate {
  method: SessionMethod;
  /** Fitted on all data, after the choices were made. */
  model: Model;
  /** On the held-out blocks, before it learned from them. */
  scores: BlockScores;
  /** How long the fit took, without the evaluation of others. */
  fitSeconds: number;
  /** Of methods that train by gradient: what was seen on the way. */
  learningCurve: readonly { step: number; loss: number; validationR2: number }[];
}

export interface SessionTask {
  base: Model;
  /** The base with the session's channels and z-scores. */
  prepared: Model;
  recording: BinnedRecording;
  blocks: HeldOutBlocks;
  options: SessionOptions;
  host: CalibrationHost;
}

/** What a method makes of a task. */
export type Fitted = Pick<SessionCandidate, 'model' | 'scores'> &
  Partial<Pick<SessionCandidate, 'learningCurve'>>;

/** On the held-out blocks. */
export function score({ recording, blocks, host }: SessionTask, model: Model): BlockScores {
  return scoreBlocks(recording, decodeSession(model, recording, host.makeKernels()), blocks.heldOut);
}
