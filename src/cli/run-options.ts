/** The options of `betz run`, and which of them do not go together. */
import { findDecoderKind } from '../decoders/registry.ts';
import { usageError } from './failure.ts';
import { refuseReplacing } from './refuse-replacing.ts';
import type { RunCalibrationOptions } from './run-calibration.ts';
import type { SavedModelOptions } from './run-saved-model.ts';
import type { SavedStateOptions } from './run-saved-state.ts';
import type { RunSourceOptions } from './run-source.ts';

export interface RunOptions
  extends RunSourceOptions, RunCalibrationOptions, SavedModelOptions, SavedStateOptions {
  model?: string;
  recording?: string;
  seed: number;
  decoder?: string;
  /** A path, or false for --no-record. */
  record?: string | false;
  deadlineMs?: number;
  threads?: number;
  plain?: true;
  json?: true;
}

/** @throws BetzError CFG_USAGE */
export function checkRunOptions(options: RunOptions): void {
  refuseBesideModel(options);
  refuseWithoutModel(options);
  refuseStateInPlaceOf(options);
  refuseStateOfNoFile(options);
  refuseAdaptation(options);
  refuseReplaceOfNothing(options);
}

function refuseReplaceOfNothing({ replace, candidateOut, saveModel, saveState }: RunOptions): void {
  if (replace === undefined || (candidateOut ?? saveModel ?? saveState) !== undefined) return;
  throw usageError(
    '--replace is for --candidate-out, --save-model and --save-state',
    true,
    'Leave it out: neither a model nor a state is written.',
  );
}

/** What decides about calibration means nothing to a model that is there: say so instead of ignoring it. */
function refuseBesideModel({ model, decoder, binMs }: RunOptions): void {
  if (model === undefined) return;
  const given = decoder === undefined ? binMs : decoder;
  if (given === undefined) return;
  throw usageError(
    `${decoder === undefined ? '--bin-ms' : '--decoder'} is for a run without --model`,
    given,
    'Leave out one of the two: a model has its decoder and its bin width.',
  );
}

/** A state belongs to a model file, and a model that is calibrated for one run has none. */
function refuseWithoutModel({ model, loadState, saveState }: RunOptions): void {
  const given = loadState ?? saveState;
  if (model !== undefined || given === undefined) return;
  throw usageError(
    `${loadState === undefined ? '--save-state' : '--load-state'} needs --model`,
    given,
    'A state fits only the model that it was saved from: give that model.',
  );
}

function refuseStateInPlaceOf({ saveState, model, recording, record }: RunOptions): void {
  if (saveState === undefined) return;
  if (model !== undefined) refuseReplacing(model, saveState, 'the state would replace the model');
  if (recording !== undefined) refuseReplacing(recording, saveState, 'the state would replace the recording');
  if (typeof record === 'string')
    refuseReplacing(record, saveState, 'the state would replace the session recording');
}

/** A promotion, by itself or by a key, would leave a state of a model that is in no file. */
function refuseStateOfNoFile({ saveState, calibrate, candidateOut }: RunOptions): void {
  if (saveState === undefined || calibrate === undefined || candidateOut !== undefined) return;
  throw usageError(
    '--save-state with --calibrate needs --candidate-out',
    saveState,
    'After a promotion the state belongs to the new model: have that written too, and load the state with it.',
  );
}

/** What is calibrated for one run is a plain model: known before it is. */
function refuseAdaptation({ model, adapt = [], decoder = 'gru' }: RunOptions): void {
  if (model !== undefined) return;
  const isClosedForm = findDecoderKind(decoder).training === 'closedForm';
  const way = adapt.find((name) => name === 'hebbian' || (name === 'rls' && isClosedForm));
  if (way === undefined) return;
  throw usageError(
    way === 'rls'
      ? `--adapt rls needs a decoder that is trained by gradient`
      : '--adapt hebbian needs --model',
    way === 'rls' ? decoder : way,
    way === 'rls'
      ? 'Leave out --decoder, or adapt by normalise only.'
      : 'Only a model with a read-in has what it adapts: make one with `betz pretrain`.',
  );
}
