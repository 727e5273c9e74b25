/** A model with what its decoder has learned while it was used. */
import type { Model } from '../../decoders/decoder.ts';
import { withReadout } from '../session/readout.ts';
import type { Adaptation } from './adaptations.ts';
import type { LearnedParts } from './adaptive-decoder.ts';

/**
 * A plain decoder of it decodes as the adaptive one would if it learned no more. What the model keeps of its calibration (drift
 * reference, latents to stabilise by, latents' statistics) stays: adapted or not, that is what the session is measured from.
 * @param model that the adaptive decoder was made of
 */
export function mergeLearned(model: Model, { normalisation, hebbian, readout }: LearnedParts): Model {
  let merged = model;
  if (normalisation !== undefined)
    merged = { ...merged, normalisation: { ...merged.normalisation, ...normalisation } };
  if (hebbian !== undefined && merged.readInStatistics !== undefined) {
    const { readIn, rest } = hebbian;
    merged = { ...merged, readIn, readInStatistics: { ...merged.readInStatistics, rest } };
  }
  return readout === undefined ? merged : withReadout(merged, readout);
}

/** The ways of adapting that a model gets something from, by the names that users give them. */
export function learnedWays({ normalisation, hebbian, readout }: LearnedParts): Adaptation[] {
  return [
    ...(normalisation === undefined ? [] : (['normalise'] as const)),
    ...(hebbian === undefined ? [] : (['hebbian'] as const)),
    ...(readout === undefined ? [] : (['rls'] as const)),
  ];
}
