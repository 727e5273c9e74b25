/** How a session's model came to be: from what data, by what, judged how, in place of whom. */
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { learnedData } from '../learned-data.ts';
import type { SessionCalibration } from './session-task.ts';
import type { SessionMethod } from './session-methods.ts';

/** They take rates from the session, and no behaviour. */
const WITHOUT_LABELS: readonly SessionMethod[] = ['normalise', 'stabilize'];

export interface SessionOrigin {
  seed: number;
  /** Of Betz. */
  version: string;
  /** The file of the decoder in service, and its hash. */
  baseName: string;
  baseSha256: string;
}

/** How long after its bin the behaviour was. A live session's bins come with the truth that the base was compared with. */
export function sessionLagMs({ provenance }: Model, { lagMs }: Pick<BinnedRecording, 'lagMs'>): number {
  const ofBase = provenance['lagMs'];
  return lagMs ?? (typeof ofBase === 'number' ? ofBase : 0);
}

export function sessionProvenance(
  base: Model,
  recording: BinnedRecording,
  { candidate, blocks, inService, baseline }: SessionCalibration,
  origin: SessionOrigin,
): Model['provenance'] {
  return {
    recording: recording.name,
    binCount: recording.binCount,
    lagMs: sessionLagMs(base, recording),
    seconds: (recording.binCount * recording.binMs) / 1000,
    method: candidate.method,
    ...learnedData(WITHOUT_LABELS.includes(candidate.method) ? [] : [recording]),
    fitSeconds: candidate.fitSeconds,
    heldOutBlocks: blocks.heldOut,
    heldOutR2: candidate.scores.metrics.r2Mean,
    heldOutBlockR2: candidate.scores.blockR2,
    inServiceR2: inService.metrics.r2Mean,
    baselineR2: baseline.metrics.r2Mean,
    seed: origin.seed,
    version: origin.version,
    replaces: origin.baseName,
    replacesSha256: origin.baseSha256,
    base: base.provenance,
  };
}
