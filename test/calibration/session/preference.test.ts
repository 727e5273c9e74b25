import { describe, expect, it } from 'vitest';
import { isEarlierBetter } from '../../../src/calibration/session/preference.ts';
import type { BlockScores } from '../../../src/calibration/session/session-scores.ts';

const scores = (...blockR2: number[]): BlockScores => ({
  metrics: { binCount: 0, r2: [], r2Mean: Number.NaN, r2VarianceWeighted: Number.NaN, pearsonR: [] },
  blockR2,
  predictions: new Float32Array(),
});
const LATER = scores(0.6, 0.7, 0.8, 0.5);
/** The later one, and so much more in each block. */
const better = (...by: number[]): BlockScores =>
  scores(...by.map((more, block) => LATER.blockR2[block] + more));

describe('isEarlierBetter', () => {
  it.each([
    ['better by the same in every block', better(0.1, 0.1, 0.1, 0.1), true],
    ['better by much in every block', better(0.3, 0.2, 0.25, 0.2), true],
    // mean 0.1, standard error 0.0408: t = 2.45, above 2.353
    ['just above what blocks differ by', better(0.2, 0.1, 0.1, 0), true],
    // mean 0.1, standard error 0.0433: t = 2.31
    ['just below it', better(0.206, 0.1, 0.1, -0.006), false],
    ['much better, in one block alone', better(0.9, 0, 0, 0), false],
    ['better in most blocks, and worse in one', better(0.2, 0.2, 0.2, -0.1), false],
    ['better by as good as nothing', better(0.019, 0.019, 0.0191, 0.019), false],
    ['better by little, and surely', better(0.021, 0.021, 0.0211, 0.021), true],
    ['the same', LATER, false],
    ['worse', better(-0.2, -0.2, -0.2, -0.2), false],
  ])('%s', (_what, earlier, expected) => {
    expect(isEarlierBetter(earlier, LATER)).toBe(expected);
  });

  it('asks for more where there are fewer blocks, and for no more than t of ten', () => {
    // Means of 0.1 with a standard error of 0.0408 each.
    const three = [0.1 + 0.0408 * Math.sqrt(3), 0.1, 0.1 - 0.0408 * Math.sqrt(3)];
    expect(isEarlierBetter(scores(...three), scores(0, 0, 0))).toBe(false);
    const spread = 0.051 * Math.sqrt(19);
    const twenty = Array.from({ length: 20 }, (_, i) => 0.1 + (i % 2 === 0 ? spread : -spread));
    expect(isEarlierBetter(scores(...twenty), scores(...twenty.map(() => 0)))).toBe(true);
    const wider = twenty.map((x) => 0.1 + (x - 0.1) * 1.1);
    expect(isEarlierBetter(scores(...wider), scores(...wider.map(() => 0)))).toBe(false);
  });

  it('has nothing to go by in one block, or in scores that are not numbers', () => {
    expect(isEarlierBetter(scores(0.9), scores(0.1))).toBe(false);
    expect(isEarlierBetter(scores(0.9, Number.NaN), scores(0.1, 0.1))).toBe(false);
  });
});
