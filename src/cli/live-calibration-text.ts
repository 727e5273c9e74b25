/** The calibration of a running session in a few words: where it stands, and what it has brought. */
import type { FitStatus } from '../runtime/fit-progress.ts';
import type { GenerationAccuracy } from '../runtime/generation-accuracy.ts';
import type { LiveCalibrationAccount } from '../runtime/live-calibration-account.ts';
import { meanR2Text } from './metrics-text.ts';

/** For one line of the live view. */
export function calibrationText(account: LiveCalibrationAccount, binMs: number): string {
  const { states, collectedSeconds, seconds, fit, method, accuracy } = account;
  const { state, reason, code } = states[states.length - 1];
  const r2Text = (measured: GenerationAccuracy | undefined): string =>
    measured === undefined ? '-' : meanR2Text(measured, binMs);
  switch (state) {
    case 'collecting':
      return `collecting, ${Math.floor(collectedSeconds)} of ${seconds} s`;
    case 'fitting':
      return fit === undefined ? 'fitting' : fitText(fit);
    case 'interim':
      return `${fit === undefined ? 'fitting' : fitText(fit)}; ${method} in service`;
    case 'evaluating':
      return 'judging the new decoder';
    case 'proposed':
      return 'a better decoder is ready, and waits';
    case 'promoted':
      return `new decoder in service, R2 ${r2Text(accuracy.slice(1).at(-1))} (the first one ${r2Text(accuracy.at(0))})`;
    case 'rolledBack':
      return 'the decoder before is in service again';
    case 'rejected':
      return 'no better decoder was found: the one in service stays';
    case 'cancelled':
      return `cancelled: ${reason}`;
    case 'failed':
      return `failed: ${code} ${reason}`;
  }
}

/** For a line of a log, which is short: undefined once nothing is under way. */
export function calibrationStage(account: LiveCalibrationAccount, binMs: number): string | undefined {
  const { state } = account.states[account.states.length - 1];
  const isUnderWay = ['collecting', 'fitting', 'interim', 'evaluating'].includes(state);
  return isUnderWay ? `calibration: ${calibrationText(account, binMs)}` : undefined;
}

function fitText({ elapsedS, training }: FitStatus): string {
  const elapsed = `${Math.floor(elapsedS)} s so far`;
  if (training === undefined) return `fitting, ${elapsed}`;
  const { method, share, leftS } = training;
  if (share >= 1) return `fitted by ${method}, now judged, ${elapsed}`;
  const left = leftS === undefined ? elapsed : `about ${Math.ceil(leftS)} s left`;
  return `fitting by ${method}, ${Math.floor(100 * share)} %, ${left}`;
}
