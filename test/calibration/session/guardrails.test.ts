/** The states of a live calibration: every pair of them, and what is kept. */
import { describe, expect, it } from 'vitest';
import { CALIBRATION_STATES, Guardrails } from '../../../src/calibration/session/guardrails.ts';
import type { CalibrationState, Transition } from '../../../src/calibration/session/guardrails.ts';
import { verdictOf } from '../../../src/calibration/session/report-verdict.ts';
import type { BlockScores } from '../../../src/calibration/session/session-scores.ts';

/** One line per state; everything else is illegal. */
const LEGAL = [
  'collecting -> fitting cancelled failed',
  'fitting -> fitting interim evaluating cancelled failed',
  'interim -> fitting evaluating cancelled failed',
  'evaluating -> proposed rejected cancelled failed',
  'proposed -> promoted rejected cancelled',
  'promoted -> rolledBack',
  'rejected -> promoted rolledBack',
  'cancelled -> promoted rolledBack',
  'failed -> promoted rolledBack',
  'rolledBack -> promoted rolledBack',
];

/** How to get there. */
const WAY: Record<CalibrationState, CalibrationState[]> = {
  collecting: [],
  fitting: ['fitting'],
  interim: ['fitting', 'interim'],
  evaluating: ['fitting', 'evaluating'],
  proposed: ['fitting', 'evaluating', 'proposed'],
  promoted: ['fitting', 'evaluating', 'proposed', 'promoted'],
  rejected: ['fitting', 'evaluating', 'rejected'],
  cancelled: ['cancelled'],
  failed: ['failed'],
  rolledBack: ['fitting', 'evaluating', 'proposed', 'promoted', 'rolledBack'],
};

function go(rails: Guardrails, state: CalibrationState): void {
  if (state === 'failed') rails.fail('CAL_DIVERGED', 1, 'it diverged');
  else rails.advance(state, 1, `now ${state}`);
}

function at(state: CalibrationState): Guardrails {
  const rails = new Guardrails('begin');
  for (const step of WAY[state]) go(rails, step);
  return rails;
}

const PAIRS = CALIBRATION_STATES.flatMap((from) => CALIBRATION_STATES.map((to) => ({ from, to })));

describe('guardrails', () => {
  it.each(PAIRS)('$from -> $to', ({ from, to }) => {
    const line = LEGAL.find((legal) => legal.startsWith(`${from} ->`)) ?? '';
    const isLegal = line.split(' ').slice(2).includes(to);
    const rails = at(from);
    expect(rails.state).toBe(from);
    expect(rails.allows(to)).toBe(isLegal);
    const before = [...rails.history];
    if (isLegal) {
      go(rails, to);
      expect(rails.state).toBe(to);
      expect(rails.history).toHaveLength(before.length + 1);
    } else {
      expect(() => {
        go(rails, to);
      }).toThrow(`assertion failed: a calibration goes from ${from} to ${to}`);
      expect(rails.history).toEqual(before);
    }
  });

  it('keep every transition with its time, reason and code, and tell of it', () => {
    const told: Transition[] = [];
    const rails = new Guardrails('collect 30 s', (transition) => told.push(transition));
    rails.advance('fitting', 30, 'enough');
    rails.fail('CAL_DIVERGED', 31.5, 'training diverged', 'Lower the rate.');
    expect(rails.history).toEqual([
      { state: 'collecting', seconds: 0, reason: 'collect 30 s' },
      { state: 'fitting', seconds: 30, reason: 'enough' },
      {
        state: 'failed',
        seconds: 31.5,
        reason: 'training diverged',
        code: 'CAL_DIVERGED',
        tip: 'Lower the rate.',
      },
    ]);
    expect(told).toEqual(rails.history.slice(1));
  });

  it.each([
    ['use', 0.8, 0.2, 0.7, 'proposed'],
    ['useWithCare', 0.6, 0.2, 0.7, 'proposed'],
    ['keep', 0.5, 0.6, 0.5, 'rejected'],
    ['collectAgain', 0.05, 0, 0, 'rejected'],
    ['collectAgain', Number.NaN, Number.NaN, 0.5, 'rejected'],
  ] as const)('decide by the verdict: %s', (decision, candidate, inService, baseline, state) => {
    const verdict = verdictOf(scores(candidate), scores(inService), scores(baseline));
    expect(verdict.decision).toBe(decision);
    const rails = at('evaluating');
    rails.decide(verdict, 40);
    expect(rails.history.at(-1)).toEqual({ state, seconds: 40, reason: verdict.sentence });
  });
});

function scores(r2: number): BlockScores {
  return {
    metrics: { r2: [r2], r2Mean: r2, pearsonR: [r2] },
    blockR2: [r2, r2, r2],
  } as unknown as BlockScores;
}
