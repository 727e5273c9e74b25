/** The ways to bring a model to a session. */

/** What can be learned from a session, from the quickest on. */
const SUPERVISED_METHODS = ['readout', 'rls', 'read-in', 'ends', 'lora', 'full', 'scratch'] as const;
/**
 * Without labels: `normalise` only moves the features' z-scores, `stabilize` aligns the latents of a model that has them. `auto` tries what suits the amount of data.
 */
export const SESSION_METHODS = [...SUPERVISED_METHODS, 'normalise', 'stabilize', 'auto'] as const;
export type SessionMethod = (typeof SESSION_METHODS)[number];
