/** `betz run --save-model`: what the decoder has learned while it was used, kept as a model. */
import { basename } from 'node:path';
import { expectGradientKind } from '../calibration/session/session-model.ts';
import { assert } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';
import { decodeModel } from '../decoders/model-file.ts';
import { sealedModelHash } from '../decoders/state-file.ts';
import { assertModelPathWritable, writeModelFile } from '../host/model-store.ts';
import { version } from '../host/version.ts';
import { learnedModel } from '../runtime/learned-model.ts';
import type { LiveCalibration } from '../runtime/live-calibration.ts';
import type { SessionSummary } from '../runtime/session-summary.ts';
import { usageError } from './failure.ts';
import { keptLines, refuseReplacing } from './refuse-replacing.ts';

export interface SavedModelOptions {
  model?: string;
  recording?: string;
  record?: string | false;
  loadState?: string;
  saveState?: string;
  candidateOut?: string;
  adapt?: string[];
  /** Where to write the model. */
  saveModel?: string;
  replace?: true;
}

/** @throws BetzError CFG_USAGE, DEC_MODEL_FILE_UNWRITABLE */
export function checkSavedModel(options: SavedModelOptions): void {
  const { saveModel, adapt, model, recording, record, loadState, saveState, candidateOut, replace } = options;
  if (saveModel === undefined) return;
  if (adapt === undefined)
    throw usageError(
      '--save-model is for --adapt',
      saveModel,
      'Add --adapt, or leave it out: a model that --calibrate makes is written by --candidate-out.',
    );
  for (const other of [model, recording, record, loadState, saveState, candidateOut]) {
    if (typeof other === 'string')
      refuseReplacing(other, saveModel, 'the saved model would replace another file of this run');
  }
  assertModelPathWritable(saveModel, replace);
}

/** A readout that learned is float32, and an int8 model has none. @throws BetzError CAL_METHOD_UNSUPPORTED */
export function refuseUnsavable({ saveModel, adapt = [] }: SavedModelOptions, model: Model): void {
  if (saveModel !== undefined && adapt.includes('rls')) expectGradientKind(model, 'rls');
}

/** What a session ended with. */
export interface SessionEnd {
  /** The model that it began with, its hash and its name. */
  model: Model;
  hash: string;
  modelName: string;
  sourceName: string;
  calibration: LiveCalibration | undefined;
  summary: SessionSummary;
  sealedState: Uint8Array | undefined;
}

/**
 * Writes the model that is asked for, or says why there is nothing to write.
 * @returns a line for the summary, and where the model is; undefined where none is asked for
 * @throws BetzError DEC_MODEL_FILE_UNWRITABLE, DEC_STATE_*
 */
export function saveLearnedModel(
  { saveModel, loadState, candidateOut }: SavedModelOptions,
  { model, hash, modelName, sourceName, calibration, summary, sealedState }: SessionEnd,
): { line: string; path: string | null } | undefined {
  const { adaptation } = summary;
  if (saveModel === undefined || adaptation === null || sealedState === undefined) return undefined;
  const modelHash = sealedModelHash(sealedState);
  const candidate = modelHash === hash ? undefined : calibration?.modelOf(modelHash);
  assert(modelHash === hash || candidate !== undefined, 'the decoder in service is of a known model');
  const origin =
    candidate === undefined
      ? {
          model,
          modelName: basename(modelName),
          ...(loadState === undefined ? {} : { stateName: basename(loadState) }),
        }
      : {
          model: decodeModel(candidate),
          modelName: candidateOut === undefined ? 'calibrated in this session' : basename(candidateOut),
        };
  const learned = learnedModel(sealedState, adaptation, { ...origin, modelHash, sourceName, version });
  if ('reason' in learned) return { line: `not saved ${saveModel}: ${learned.reason}`, path: null };
  const { previous } = writeModelFile(saveModel, learned.model, `betz ${version}`);
  return { line: [`saved     ${saveModel}`, ...keptLines(previous)].join('; '), path: saveModel };
}
