/** What is told of a live calibration while it goes on, and after it. */
import type { Transition } from '../calibration/session/guardrails.ts';
import type { Verdict } from '../calibration/session/report-verdict.ts';
import type { SessionMethod } from '../calibration/session/session-methods.ts';
import type { FitStatus } from './fit-progress.ts';
import type { GenerationAccuracy } from './generation-accuracy.ts';

/** What a live calibration has come to, at any time. */
export interface LiveCalibrationAccount {
  states: readonly Transition[];
  /** Of data, up to now, and when there are enough. */
  collectedSeconds: number;
  seconds: number;
  /** While a candidate is fitted and judged. */
  fit?: FitStatus;
  /** A candidate has been proposed or put into service, and its model file given to `onProposal`. */
  isHandedOut: boolean;
  /** Absent until a candidate was judged. */
  verdict?: Verdict;
  /** What the candidate was made by; `auto` names what it chose. */
  method?: SessionMethod;
  fitSeconds?: number;
  /** First bin that the candidate decoded, where it was promoted. */
  promotedBin?: number;
  /** Of every decoder that was in service. */
  accuracy: readonly GenerationAccuracy[];
}
