/** The ways in which a decoder can adapt while it is used, by the names that users give them. */
import type { AdaptationOptions } from './adaptive-decoder.ts';

export const ADAPTATIONS = ['normalise', 'hebbian', 'rls'] as const;
/** Running z-scores; a read-in that follows its latents' statistics; a readout that learns from the truth. */
export type Adaptation = (typeof ADAPTATIONS)[number];

export function adaptationOptions(adaptations: readonly Adaptation[]): AdaptationOptions {
  return {
    ...(adaptations.includes('normalise') ? {} : { normalisation: false }),
    ...(adaptations.includes('hebbian') ? { hebbian: {} } : {}),
    ...(adaptations.includes('rls') ? { readout: {} } : {}),
  };
}
