/** A candidate of a live calibration with the verdict on it and its model file. */
import { verdictOf, sessionSeconds } from '../calibration/session/report-verdict.ts';
import type { Verdict } from '../calibration/session/report-verdict.ts';
import { sessionProvenance } from '../calibration/session/session-provenance.ts';
import type { SessionCalibration } from '../calibration/session/session-task.ts';
import type { BinnedRecording } from '../core/recording.ts';
import { encodeModel } from '../decoders/model-file.ts';
import { modelHash } from '../host/model-store.ts';
import type { LiveCalibrationAccount } from './live-calibration-account.ts';
import type { LiveCalibrationOptions } from './live-calibration-options.ts';

export interface JudgedCandidate {
  calibration: SessionCalibration;
  verdict: Verdict;
  bytes: Uint8Array;
  hash: string;
}

/**
 * @param before what came into service since, by an earlier candidate of the same fit: then it is the one to be better than
 */
export function judgeCandidate(
  recording: BinnedRecording,
  fitted: SessionCalibration,
  before: JudgedCandidate | undefined,
  { base, origin }: Pick<LiveCalibrationOptions, 'base' | 'origin'>,
): JudgedCandidate {
  const { candidate, baseline, failed } = fitted;
  const earlier = before?.calibration.candidate;
  const inService = earlier?.scores ?? fitted.inService;
  const replaced =
    before === undefined
      ? origin
      : { ...origin, baseName: `by ${earlier?.method}, in this session`, baseSha256: before.hash };
  const calibration = { ...fitted, inService };
  const verdict = verdictOf(candidate.scores, inService, baseline, sessionSeconds(base, recording), failed);
  const provenance = sessionProvenance(base, recording, calibration, replaced);
  const bytes = encodeModel({ ...candidate.model, provenance }, `betz ${origin.version}`);
  return { calibration, verdict, bytes, hash: modelHash(bytes) };
}

/** For the account of a calibration. */
export function outcomeOf({
  calibration,
  verdict,
}: JudgedCandidate): Pick<LiveCalibrationAccount, 'verdict' | 'method' | 'fitSeconds'> {
  const { method, fitSeconds } = calibration.candidate;
  return { verdict, method, fitSeconds };
}
