/** A candidate of a live calibration with the verdict on it and its model file. */
import { verdictOf, sessionSeconds } from '../calibration/session/report-verdict.ts';
import type { Verdict } from '../calibration/session/report-verdict.ts';
import { sessionProvenance } from '../calibration/session/session-provenance.ts';
import type { SessionOrigin } from '../calibration/session/session-provenance.ts';
import type { SessionCalibration } from '../calibration/session/session-task.ts';
import type { BinnedRecording } from '../core/recording.ts';
import type { Model } from '../decoders/decoder.ts';
import { encodeModel } from '../decoders/model-file.ts';
import { modelHash } from '../host/model-store.ts';
import type { LiveCalibrationAccount } from './live-calibration-account.ts';

export interface JudgedCandidate {
  calibration: SessionCalibration;
  verdict: Verdict;
  bytes: Uint8Array;
  hash: string;
}

/** @param base what the calibration began from @param origin of the decoder that the candidate would replace */
export function judgeCandidate(
  base: Model,
  recording: BinnedRecording,
  calibration: SessionCalibration,
  origin: SessionOrigin,
): JudgedCandidate {
  const { candidate, inService, baseline } = calibration;
  const verdict = verdictOf(candidate.scores, inService, baseline, sessionSeconds(base, recording));
  const provenance = sessionProvenance(base, recording, calibration, origin);
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
