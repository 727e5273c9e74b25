/** Which of two candidates is taken, by what each did on the same held-out blocks. */
import type { BlockScores } from './session-scores.ts';

/** Student's t, one-sided, 5 %, by degrees of freedom; the last for all that have more. */
const T_95 = [6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812];
/** A smaller difference is not worth going back for. */
const ADVANTAGE_MIN = 0.02;

/**
 * Methods that are tried later are slower because they are better, so that an earlier one has to show that it is: its advantage,
 * block by block, has to be above what blocks differ by anyway (paired t-test, one-sided, 5 %). Few seconds have few blocks, and
 * show little.
 */
export function isEarlierBetter(earlier: BlockScores, later: BlockScores): boolean {
  const advantages = earlier.blockR2.map((r2, block) => r2 - later.blockR2[block]);
  const count = advantages.length;
  if (count < 2) return false;
  const mean = advantages.reduce((sum, advantage) => sum + advantage, 0) / count;
  const squares = advantages.reduce((sum, advantage) => sum + (advantage - mean) ** 2, 0);
  const standardError = Math.sqrt(squares / (count - 1) / count);
  const t = T_95[Math.min(count - 1, T_95.length) - 1];
  return mean > Math.max(ADVANTAGE_MIN, t * standardError);
}
