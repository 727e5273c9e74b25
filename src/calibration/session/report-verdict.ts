/** What the figures of a session calibration come to: one sentence on what to do, and the reasons in numbers. */
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { learnedBinCount } from '../learned-data.ts';
import type { BlockScores } from './session-scores.ts';
import type { FailedMethod } from './session-task.ts';

/** Less than this is no gain: the held-out blocks of one session hardly tell such differences. */
const GAIN_MIN = 0.02;
/** A decoder below this does not follow the movement. */
const R2_USABLE = 0.1;

export type Decision = 'use' | 'useWithCare' | 'keep' | 'collectAgain';

export interface SessionSeconds {
  seconds: number;
  /** What the decoder in service had learned from before. */
  knownSeconds: number;
}

export function sessionSeconds(base: Model, recording: BinnedRecording): SessionSeconds {
  const { binCount, binMs } = recording;
  const secondsOf = (bins: number): number => (bins * binMs) / 1000;
  return {
    seconds: secondsOf(binCount),
    knownSeconds: secondsOf(Math.min(binCount, learnedBinCount(base, recording))),
  };
}

export interface Verdict {
  decision: Decision;
  /** What to do, and why. */
  sentence: string;
  /** The second half of it: the figures that say so, and what they cannot say. */
  reason: string;
  /** Mean R2 of the candidate less that of the decoder in service. */
  gain: number;
  /** In how many held-out blocks the candidate is better than the decoder in service, of `blockCount`. */
  betterBlocks: number;
  /** The same, against the ridge baseline. */
  gainOverBaseline: number;
  betterBlocksThanBaseline: number;
  blockCount: number;
  /** Seconds of the session's data that the decoder in service had learned from before: the held-out blocks are not new to it. */
  knownSeconds: number;
  /** The figures against the baseline, in words. */
  besideBaseline: string;
  /** How the decision is made, with its numbers. */
  rule: string;
}

/**
 * @param data of the session, and how much of them the decoder in service had learned from before
 * @param failed what was to follow the candidate
 */
export function verdictOf(
  candidate: BlockScores,
  inService: BlockScores,
  baseline: BlockScores,
  data: SessionSeconds = { seconds: 0, knownSeconds: 0 },
  failed?: FailedMethod,
): Verdict {
  const isKnown = data.knownSeconds > 0;
  const gain = candidate.metrics.r2Mean - inService.metrics.r2Mean;
  const gainOverBaseline = candidate.metrics.r2Mean - baseline.metrics.r2Mean;
  const isBelowBaseline = gainOverBaseline < -GAIN_MIN;
  const betterBlocks = countBetter(candidate, inService);
  const betterBlocksThanBaseline = countBetter(candidate, baseline);
  const blockCount = candidate.blockR2.length;
  const decision = decide(
    candidate.metrics.r2Mean,
    inService.metrics.r2Mean,
    gain >= GAIN_MIN && betterBlocks * 2 > blockCount,
    isBelowBaseline || isKnown,
  );
  const figures =
    `on held-out data its R2 is ${r2(candidate)}, ${difference(gain)} the decoder in service ` +
    `(${r2(inService)}), and it is better in ${betterBlocks} of ${blocksText(blockCount)}` +
    (decision === 'useWithCare' && isBelowBaseline ? ', but plain ridge regression does better still' : '');
  const besideBaseline =
    `Ridge regression on the same data reaches ${r2(baseline)}: the new decoder is ${difference(gainOverBaseline)} it, ` +
    `and better in ${betterBlocksThanBaseline} of ${blocksText(blockCount)}.`;
  const reason =
    `${REASONS[decision](figures)}.` +
    (isKnown ? ` ${knownText(data)}` : '') +
    (failed === undefined ? '' : ` But ${failureText(failed)}.`);
  return {
    decision,
    sentence: `${ADVICE[decision]}: ${reason}`,
    reason,
    gain,
    betterBlocks,
    gainOverBaseline,
    betterBlocksThanBaseline,
    blockCount,
    knownSeconds: data.knownSeconds,
    besideBaseline,
    rule:
      `The new decoder is proposed when its mean R2 is at least ${GAIN_MIN} above that of the decoder in service and higher in more ` +
      `than half of the held-out blocks; with care when the ridge baseline is more than ${GAIN_MIN} above it, or the decoder in service ` +
      `had learned from these data before. A decoder with an R2 ` +
      `below ${R2_USABLE} is not recommended at all.`,
  };
}

/** As one clause. */
export function failureText({ method, code, reason }: FailedMethod): string {
  return `the fit by ${method}, which was to follow, failed and is left out: ${code}, ${reason}`;
}

/** Whether it advises to put the new decoder into service. */
export function isForUse({ decision }: Verdict): boolean {
  return decision === 'use' || decision === 'useWithCare';
}

const ADVICE: Readonly<Record<Decision, string>> = {
  use: 'Use the new decoder',
  useWithCare: 'Use the new decoder with care, and collect more data when there is time',
  keep: 'Keep the decoder in service',
  collectAgain: 'Check the signals and collect data again',
};

const REASONS: Readonly<Record<Decision, (figures: string) => string>> = {
  use: (figures) => figures,
  useWithCare: (figures) => figures,
  keep: (figures) => `the new one is not clearly better; ${figures}`,
  collectAgain: (figures) =>
    `neither decoder follows the movement well enough to be used; of the new one, ${figures}`,
};

function decide(candidateR2: number, inServiceR2: number, isBetter: boolean, isDoubtful: boolean): Decision {
  const chosen = isBetter ? candidateR2 : inServiceR2;
  // Written so that an R2 that is not a number is never usable.
  if (!(chosen >= R2_USABLE)) return 'collectAgain';
  if (!isBetter) return 'keep';
  return isDoubtful ? 'useWithCare' : 'use';
}

function knownText({ seconds, knownSeconds }: SessionSeconds): string {
  const what =
    knownSeconds >= seconds
      ? 'these very data'
      : `${knownSeconds.toFixed(0)} of these ${seconds.toFixed(0)} s of data`;
  return (
    `But the decoder in service had learned from ${what} before, so what was held out is not new to it, nor to what began from it: ` +
    'judge both on data that neither has seen.'
  );
}

function countBetter(one: BlockScores, other: BlockScores): number {
  return one.blockR2.filter((value, block) => value > other.blockR2[block]).length;
}

function r2({ metrics }: BlockScores): string {
  return metrics.r2Mean.toFixed(2);
}

function difference(gain: number): string {
  const size = Math.abs(gain).toFixed(2);
  if (size === '0.00') return 'level with';
  return `${size} ${gain > 0 ? 'above' : 'below'}`;
}

function blocksText(count: number): string {
  return count === 1 ? '1 block' : `${count} blocks`;
}
