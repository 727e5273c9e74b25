import { describe, expect, it } from 'vitest';
import { driftLines, driftReferenceLines, driftRemedy } from '../../src/cli/drift-text.ts';
import { eventText, statusLine, summaryLines } from '../../src/cli/session-text.ts';
import type { DriftReference } from '../../src/decoders/drift-reference.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import type { DriftStatus } from '../../src/runtime/drift-watch.ts';
import type { SessionEvent } from '../../src/runtime/sink.ts';
import { randomModel } from '../support/decoder-models.ts';
import { sessionSummary } from '../support/session-status.ts';

const CALM: DriftStatus = {
  index: 1.104,
  threshold: 1.79,
  withdrawalThreshold: 1.432,
  parts: { rate: 1, spread: 1, tuning: 1, latent: 1 },
  isRecalibrationAdvised: false,
  advisedSinceBin: null,
  reasons: [],
  lostChannels: [],
  rateDirection: 'mixed',
  ignoredBins: 0,
};
const DRIFTED: DriftStatus = {
  ...CALM,
  index: 5.55,
  isRecalibrationAdvised: true,
  advisedSinceBin: 500,
  reasons: ['lostChannels', 'rateChange', 'tuningChange'],
  lostChannels: ['e7'],
  rateDirection: 'down',
};
const shape = { inputCount: 8, outputCount: 2 };
const model = randomModel(gru, shape, { hiddenCount: 4 }, 1);

describe('drift in words', () => {
  it('gives the index, and channels that are lost all the same', () => {
    expect(driftLines(CALM, 20)).toEqual(['index 1.10, threshold 1.79']);
    const labels = Array.from({ length: 9 }, (_, i) => `electrode ${i}`);
    const lost = { ...CALM, lostChannels: labels };
    expect(driftLines(lost, 20)).toEqual([
      'index 1.10, threshold 1.79',
      '9 channels silent (electrode 0, electrode 1, electrode 2, electrode 3, electrode 4, electrode 5 and 3 more)',
    ]);
    expect(driftLines(lost, 20, 0)).toEqual(['index 1.10, threshold 1.79', '9 channels silent']);
  });

  it('says to recalibrate and why, the most telling first', () => {
    expect(driftLines(DRIFTED, 20)).toEqual([
      'index 5.55, threshold 1.79  recalibrate, since 00:10',
      '1 channel silent (e7), rates are lower, tuning differs',
    ]);
    const up = driftLines({ ...DRIFTED, reasons: ['rateChange'], rateDirection: 'up' }, 20);
    expect(up[1]).toBe('rates are higher');
  });

  it('says when an advice will be withdrawn, once the index is under the threshold again', () => {
    const below = { ...DRIFTED, advisedSinceBin: 4500, index: 1.7 };
    expect(driftLines(below, 10)).toEqual([
      'index 1.70, threshold 1.79  recalibrate, since 00:45',
      'until under 1.43: 1 channel silent (e7), rates are lower, tuning differs',
    ]);
    expect(driftLines({ ...below, index: 1.79 }, 10)[1]).not.toContain('until');
  });

  it('fits 80 columns with its label, all that can be said of dozens of channels included', () => {
    const much: DriftStatus = {
      ...DRIFTED,
      index: 1.7,
      reasons: ['rateChange', 'tuningChange', 'lostChannels'],
      rateDirection: 'mixed',
      lostChannels: Array.from({ length: 48 }, (_, i) => `electrode ${i}`),
    };
    for (const index of [1.7, 99.99])
      for (const line of driftLines({ ...much, index }, 20, 0)) expect(line.length).toBeLessThan(70);
  });

  it('tells of an event as it does of a state, and why an advice ends', () => {
    const raised: SessionEvent = {
      kind: 'drift',
      isRecalibrationAdvised: true,
      binIndex: 500,
      index: 5.55,
      threshold: 1.79,
      reasons: ['rateChange'],
      lostChannels: [],
      rateDirection: 'mixed',
    };
    expect(eventText(raised)).toBe('recalibrate: rates differ (drift index 5.55, threshold 1.79)');
    const ended = {
      kind: 'drift',
      isRecalibrationAdvised: false,
      binIndex: 9,
      index: 1,
      threshold: 2,
    } as const;
    expect(eventText({ ...ended, changed: 'signal' })).toBe(
      'the signal is as it was at calibration again (drift index 1.00, threshold 2.00)',
    );
    expect(eventText({ ...ended, changed: 'decoder' })).toMatch(/another decoder is in service$/);
  });

  it('stands in the summary and in each line, and not where nothing is watched', () => {
    expect(summaryLines(sessionSummary({ drift: CALM }))).toContain('drift     index 1.10, threshold 1.79');
    const told = summaryLines(sessionSummary({ drift: DRIFTED }));
    expect(told[told.findIndex((line) => line.startsWith('drift')) + 1]).toBe(
      `          ${driftLines(DRIFTED, 20)[1]}`,
    );
    expect(summaryLines(sessionSummary()).join('\n')).not.toContain('drift');
    expect(statusLine(sessionSummary({ drift: CALM }), 'x')).toMatch(/ {2}drift 1\.1$/);
    expect(statusLine(sessionSummary({ drift: DRIFTED }), 'x')).toMatch(/ {2}drift 5\.5: recalibrate$/);
    expect(statusLine(sessionSummary(), 'x')).not.toContain('drift');
  });

  it('says what to do, in a way that the decoder allows', () => {
    expect(driftRemedy(model, 'm.safetensors', undefined)).toBe(
      'add --calibrate 60 --auto-promote, or betz calibrate --model m.safetensors with data of today',
    );
    expect(driftRemedy(model, 'm', 'rejected')).toMatch(/^add --calibrate/);
    for (const underWay of ['collecting', 'fitting', 'evaluating'] as const)
      expect(driftRemedy(model, 'm', underWay), 'it is being done').toBeUndefined();
    expect(driftRemedy(model, 'm', 'proposed')).toMatch(/has a better decoder ready$/);
    expect(driftRemedy(model, undefined, undefined)).toMatch(/start it anew/);
    const closed = randomModel(wiener, shape, {}, 1);
    expect(driftRemedy(closed, 'm', undefined)).toBe('betz calibrate --decoder wiener, with data of today');
    expect(driftRemedy(quantiseModel(model), 'm', undefined)).toMatch(/^calibrate the float32 model/);
  });

  it('says that a model keeps no reference, and nothing of one that does', () => {
    expect(driftReferenceLines(model)).toEqual([
      'no drift reference, which takes 20 s of data and 8 channels that vary: sessions with this model do not watch for drift',
    ]);
    expect(driftReferenceLines({ ...model, drift: {} as DriftReference })).toEqual([]);
  });
});
