import { describe, expect, it } from 'vitest';
import { verdictOf } from '../../../src/calibration/session/report-verdict.ts';
import type { BlockScores } from '../../../src/calibration/session/session-scores.ts';

function scores(
  blockR2: number[],
  r2Mean = blockR2.reduce((sum, r2) => sum + r2, 0) / blockR2.length,
): BlockScores {
  return {
    metrics: { binCount: 100, r2: [r2Mean, r2Mean], r2Mean, r2VarianceWeighted: r2Mean, pearsonR: [1, 1] },
    blockR2,
    predictions: new Float32Array(0),
  };
}

describe('verdict', () => {
  it.each<[string, number[], number[], number[], string]>([
    ['clearly better than both', [0.8, 0.7, 0.9], [0.5, 0.4, 0.6], [0.6, 0.6, 0.6], 'use'],
    ['better, and below ridge regression', [0.6, 0.6, 0.6], [0.2, 0.2, 0.2], [0.7, 0.7, 0.7], 'useWithCare'],
    ['better by less than says anything', [0.71, 0.71, 0.71], [0.7, 0.7, 0.7], [0.5, 0.5, 0.5], 'keep'],
    [
      'better on average, in the lesser part of the blocks',
      [0.95, 0.5, 0.5],
      [0.5, 0.55, 0.55],
      [0, 0, 0],
      'keep',
    ],
    ['worse', [0.3, 0.3, 0.3], [0.7, 0.7, 0.7], [0.5, 0.5, 0.5], 'keep'],
    ['better, and of no use', [0.05, 0.05, 0.05], [-0.5, -0.5, -0.5], [0, 0, 0], 'collectAgain'],
    ['not a number', [Number.NaN, Number.NaN], [Number.NaN, Number.NaN], [0.5, 0.5], 'collectAgain'],
  ])('%s: %s beside %s and %s', (_, candidate, inService, baseline, decision) => {
    const verdict = verdictOf(scores(candidate), scores(inService), scores(baseline));
    expect(verdict.decision).toBe(decision);
    expect(verdict.blockCount).toBe(candidate.length);
  });

  it('says the figures that it rests on', () => {
    const verdict = verdictOf(scores([0.8, 0.7, 0.9]), scores([0.5, 0.75, 0.55]), scores([0.6, 0.6, 0.6]));
    expect(verdict.sentence).toBe(
      'Use the new decoder: on held-out data its R2 is 0.80, 0.20 above the decoder in service (0.60), ' +
        'and it is better in 2 of 3 blocks.',
    );
    expect(verdict.besideBaseline).toContain('Ridge regression on the same data reaches 0.60');
    expect(verdict.gainOverBaseline).toBeCloseTo(0.2, 9);
  });

  it('says that what was to follow failed, with its code and why', () => {
    const data = { seconds: 60, knownSeconds: 0 };
    const failed = { method: 'full', code: 'CAL_DIVERGED', reason: 'training diverged at step 3' } as const;
    const { sentence } = verdictOf(scores([0.8]), scores([0.5]), scores([0.6]), data, failed);
    expect(sentence).toMatch(
      / of 1 block\. But the fit by full, .* failed .*: CAL_DIVERGED, training diverged at step 3\.$/,
    );
  });

  it('does not plainly say use of data that the decoder in service had learned from', () => {
    const judge = (knownSeconds: number, inService = 0.5, baseline = 0.6): ReturnType<typeof verdictOf> =>
      verdictOf(scores([0.8, 0.8]), scores([inService, inService]), scores([baseline, baseline]), {
        seconds: 60,
        knownSeconds,
      });
    expect(judge(0)).toMatchObject({ decision: 'use', knownSeconds: 0 });
    expect(judge(0).sentence).not.toContain('learned');
    const all = judge(60);
    expect(all).toMatchObject({ decision: 'useWithCare', knownSeconds: 60 });
    expect(all.sentence).toContain('the decoder in service had learned from these very data before');
    expect(all.sentence).not.toContain('ridge regression');
    expect(judge(30).sentence).toContain('had learned from 30 of these 60 s of data before');
    expect(judge(60, 0.9)).toMatchObject({ decision: 'keep' });
    expect(judge(60, 0.9).sentence).toContain('these very data');
    expect(judge(60, 0.5, 0.9).sentence).toContain('ridge regression does better still. But the decoder');
  });
});
