/** What a session's decoder has learned while it was used, as a model: what is to be kept of it, or why nothing is. */
import { adaptationOptions } from '../calibration/adaptive/adaptations.ts';
import { AdaptiveDecoder } from '../calibration/adaptive/adaptive-decoder.ts';
import { learnedWays, mergeLearned } from '../calibration/adaptive/learned-model.ts';
import type { Model } from '../decoders/decoder.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { openState } from '../decoders/state-file.ts';
import { loadKernels } from '../host/load-kernels.ts';
import type { AdaptationStatus } from './session-summary.ts';

export interface LearnedOrigin {
  /** The model that the session ended with, its hash and its name. */
  model: Model;
  modelHash: string;
  modelName: string;
  /** What was decoded. */
  sourceName: string;
  /** Name of a state that the session went on from. */
  stateName?: string;
  /** Of Betz. */
  version: string;
}

/** A model, or the reason why there is none. */
export type LearnedModel = { model: Model } | { reason: string };

/**
 * @param sealed the state of the decoder at the end
 * @param status of the same decoder
 * @throws BetzError DEC_STATE_*
 */
export function learnedModel(
  sealed: Uint8Array,
  { by, learnedBins, rollbacks }: AdaptationStatus,
  origin: LearnedOrigin,
): LearnedModel {
  const { model, modelHash, modelName, sourceName, stateName, version } = origin;
  if (rollbacks > 0)
    return { reason: `what the decoder learned had made it worse and was given up, ${rollbacks} times` };
  if (learnedBins === 0) return { reason: 'the decoder in service has learned nothing yet' };
  const kind = findDecoderKind(model.kind);
  const decoder = new AdaptiveDecoder(model, kind, loadKernels(), adaptationOptions(by));
  openState(sealed, decoder, { kind, modelHash });
  const learned = decoder.learned();
  const ways = learnedWays(learned);
  if (ways.length === 0) return { reason: 'the readout that learned is not better than the calibrated one' };
  const provenance = {
    method: `adapted (${ways.join(', ')})`,
    recording: sourceName,
    seconds: (learnedBins * model.binMs) / 1000,
    ...(stateName === undefined ? {} : { continuesState: stateName }),
    lagMs: model.provenance['lagMs'] ?? 0,
    version,
    replaces: modelName,
    replacesSha256: modelHash,
    base: model.provenance,
  };
  return { model: { ...mergeLearned(model, learned), provenance } };
}
