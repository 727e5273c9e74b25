import { describe, expect, it } from 'vitest';
import { calibrationStage, calibrationText } from '../../src/cli/live-calibration-text.ts';
import type { CalibrationState } from '../../src/calibration/session/guardrails.ts';
import type { FitStatus } from '../../src/runtime/fit-progress.ts';
import type { LiveCalibrationAccount } from '../../src/runtime/live-calibration-account.ts';

const BIN_MS = 20;
const accuracyOf = (generation: number, binCount: number, r2: number) => ({
  ...{ generation, firstBin: 0, binCount, r2: [r2, r2 + 0.1], pearsonR: [r2, r2] },
});

function account(
  state: CalibrationState,
  changes: Partial<LiveCalibrationAccount> = {},
): LiveCalibrationAccount {
  const last = state === 'failed' ? { code: 'CAL_DIVERGED' as const } : {};
  return {
    states: [
      { state: 'collecting', seconds: 0, reason: 'begun' },
      { state, seconds: 60, reason: 'why', ...last },
    ],
    ...{ collectedSeconds: 12.98, seconds: 60, accuracy: [], isHandedOut: false },
    ...changes,
  };
}

const fitting = (fit?: FitStatus): string =>
  calibrationText(account('fitting', fit === undefined ? {} : { fit }), BIN_MS);

describe('a calibration in words', () => {
  it('says what decodes while the fit goes on', () => {
    const interim = (fit?: FitStatus): string =>
      calibrationText(
        account('interim', { method: 'readout', ...(fit === undefined ? {} : { fit }) }),
        BIN_MS,
      );
    expect(interim()).toBe('fitting; readout in service');
    expect(interim({ elapsedS: 3.9, training: { method: 'ends', share: 0.439 } })).toBe(
      'fitting by ends, 43 %, 3 s so far; readout in service',
    );
    expect(calibrationStage(account('evaluating'), BIN_MS)).toBe('calibration: judging the new decoder');
  });

  it('counts what is collected', () => {
    expect(calibrationText(account('collecting'), BIN_MS)).toBe('collecting, 12 of 60 s');
  });

  it('says how far a fit is, as far as that is known', () => {
    expect(fitting()).toBe('fitting');
    expect(fitting({ elapsedS: 3.9 })).toBe('fitting, 3 s so far');
    expect(calibrationText(account('interim', { method: 'readout' }), BIN_MS)).toBe(
      'fitting; readout in service',
    );
    const training = { method: 'ends', share: 0.439 } as const;
    expect(fitting({ elapsedS: 3.9, training })).toBe('fitting by ends, 43 %, 3 s so far');
    expect(fitting({ elapsedS: 3.9, training: { ...training, leftS: 4.2 } })).toBe(
      'fitting by ends, 43 %, about 5 s left',
    );
    expect(fitting({ elapsedS: 9, training: { ...training, share: 1, leftS: 0 } })).toBe(
      'fitted by ends, now judged, 9 s so far',
    );
  });

  it('compares the new decoder with the one that the session began with, each over its own bins, and not over a few', () => {
    const before = accuracyOf(0, 4000, 0.2);
    const textOf = (...accuracy: LiveCalibrationAccount['accuracy']): string =>
      calibrationText(account('promoted', { accuracy }), BIN_MS);
    expect(textOf(before, accuracyOf(1, 500, 0.8))).toBe(
      'new decoder in service, R2 0.850 (the first one 0.250)',
    );
    expect(textOf(before, accuracyOf(1, 499, 0.8))).toBe(
      'new decoder in service, R2 - (the first one 0.250)',
    );
    expect(textOf(before), 'no bin of it yet').toBe('new decoder in service, R2 - (the first one 0.250)');
    expect(textOf(before, accuracyOf(1, 900, 0.1), accuracyOf(2, 900, 0.8)), 'promoted again').toContain(
      'R2 0.850',
    );
  });

  it('names the end that it came to', () => {
    expect(calibrationText(account('cancelled'), BIN_MS)).toBe('cancelled: why');
    expect(calibrationText(account('failed'), BIN_MS)).toBe('failed: CAL_DIVERGED why');
    expect(calibrationText(account('proposed'), BIN_MS)).toMatch(/waits$/);
    expect(calibrationText(account('rolledBack'), BIN_MS)).toMatch(/decoder before .* again$/);
    expect(calibrationText(account('rejected'), BIN_MS)).toMatch(/stays$/);
  });

  it('is in every line of a log while it is under way, and then no more', () => {
    expect(calibrationStage(account('collecting'), BIN_MS)).toBe('calibration: collecting, 12 of 60 s');
    expect(calibrationStage(account('fitting', { fit: { elapsedS: 3 } }), BIN_MS)).toBe(
      'calibration: fitting, 3 s so far',
    );
    for (const state of ['proposed', 'promoted', 'rejected', 'cancelled', 'failed', 'rolledBack'] as const)
      expect(
        calibrationStage(account(state, { accuracy: [accuracyOf(0, 1, 0)] }), BIN_MS),
        state,
      ).toBeUndefined();
  });
});
