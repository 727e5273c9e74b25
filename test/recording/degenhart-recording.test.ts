import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Recording } from '../../src/core/recording.ts';
import { binRecording } from '../../src/recording/bin-recording.ts';
import { readDegenhartRecording } from '../../src/recording/degenhart-recording.ts';
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { openMatlabFile } from '../../src/recording/matlab-v5.ts';
import { openRecording } from '../../src/recording/open-recording.ts';
import { degenhartVariables, withField } from '../support/recording-degenhart.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { doubles, writeMat } from '../support/recording-mat-writer.ts';

const read = (variables: Record<string, MatlabArray>): Recording =>
  readDegenhartRecording(openMatlabFile(writeMat(variables, { isCompressed: true })), 'small');
const valuesOf = (recording: Recording, name: string): number[] =>
  Array.from(recording.behaviour.find((signal) => signal.name === name)?.values ?? []);

describe('a small recording of closed-loop trials', () => {
  const recording = read(degenhartVariables());

  it('has the counts of good electrodes, under their numbers, of the trials that have counts', () => {
    expect(recording.channels.map(({ label }) => label)).toEqual([
      'electrode 1',
      'electrode 2',
      'electrode 4',
    ]);
    expect(recording.spikes).toEqual({
      kind: 'counts',
      binMs: 45,
      binCount: 5,
      values: Float32Array.of(1, 2, 4, 11, 12, 14, 21, 22, 24, 5, 6, 8, 0, 0, 0),
    });
  });

  it('has trials with what they are, when the cursor is let go, and joins between them', () => {
    const times = (...bins: number[]): unknown[] =>
      bins.map((bin): unknown => expect.closeTo(bin * 0.045, 12));
    expect(
      recording.trials.map(({ startS, movementS, endS, target, label }) => [
        [startS, movementS, endS],
        target,
        label,
      ]),
    ).toEqual([
      [times(0, 1, 3), [3, 4], 'baselineEvaluation'],
      [times(3, 3, 5), [-1, 2], 'stabilization'],
    ]);
    expect(recording.joinsS).toEqual([expect.closeTo(0.135, 12)]);
  });

  it('takes the cursor at the start of a bin; one that is not known yet is where it was first seen', () => {
    expect(valuesOf(recording, 'cursorPosition')).toEqual([0, 0, 0, 0, 3, 0, -1, 2, -1, 2]);
    expect(valuesOf(recording, 'decodedVelocity')).toEqual([9, 8, 20, 0, 40, 60, 1, 3, 2, 4]);
  });

  it('points from there to the target, and nowhere on it', () => {
    const f = Math.fround;
    expect(valuesOf(recording, 'targetDirection')).toEqual([
      f(0.6),
      f(0.8),
      f(0.6),
      f(0.8),
      0,
      1,
      0,
      0,
      0,
      0,
    ]);
  });

  it('is never asked to decode what was decoded, unless by name; segments are the trials', () => {
    const error = betzErrorOf(() => binRecording(recording));
    expect(error.code).toBe('LOG_TARGET_UNKNOWN');
    expect(error.tip).toContain('targetDirection');
    const { segments, target } = binRecording(recording, { targetName: 'decodedVelocity' });
    expect(segments).toEqual([
      { startBin: 0, endBin: 3 },
      { startBin: 3, endBin: 5 },
    ]);
    expect(Array.from(target.values)).toEqual(valuesOf(recording, 'decodedVelocity'));
  });
});

describe('bad variables', () => {
  it.each([
    ['binCounts', doubles([3, 4], [1, 11, -1, 2, 12, 22, 3, 13, 23, 4, 14, 24]), 'LOG_VALUE_INVALID'],
    ['refPos', doubles([4, 2], [NaN, NaN, 3, 3, NaN, 0, 0, 4]), 'LOG_VALUE_INVALID'],
    ['refPos', doubles([3, 2], [0, 0, 0, 0, 0, 0]), 'LOG_VARIABLE_SHAPE'],
    ['decodedVl', doubles([3, 2], [9, 20, Infinity, 8, 0, 60]), 'LOG_VALUE_INVALID'],
    ['tgtPos', doubles([1, 3], [1, 2, 3]), 'LOG_VARIABLE_SHAPE'],
    ['moveBin', doubles([1, 1], [4]), 'LOG_VALUE_INVALID'],
    ['moveBin', doubles([1, 2], [1, 1]), 'LOG_VARIABLE_SHAPE'],
    ['type', doubles([1, 1], [4]), 'LOG_VARIABLE_TYPE'],
  ])('%s of a trial: %o', (field, value, code) => {
    const error = betzErrorOf(() => read(withField('trialData', field, value, 1)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`trialData(2).${field}`);
  });

  it('a field that is missing, electrodes outside the array, no counts at all, no struct', () => {
    expect(betzErrorOf(() => read(withField('trialData', 'decodedVl', undefined)))).toMatchObject({
      code: 'LOG_VARIABLE_MISSING',
      value: 'decodedVl',
    });
    const outside = { ...degenhartVariables(), goodElectrodes: doubles([1, 1], [5]) };
    expect(betzErrorOf(() => read(outside)).code).toBe('LOG_VALUE_INVALID');
    const { trialData } = degenhartVariables();
    if (trialData.kind !== 'struct') throw new Error('expected a struct');
    const first = { ...trialData, dims: [1, 1], cells: trialData.cells.slice(0, 6) };
    expect(betzErrorOf(() => read({ ...degenhartVariables(), trialData: first })).code).toBe(
      'LOG_RECORDING_TOO_SHORT',
    );
    const numbers = { ...degenhartVariables(), trialData: doubles([1, 1], [1]) };
    expect(betzErrorOf(() => read(numbers)).code).toBe('LOG_VARIABLE_TYPE');
  });
});

const REAL = '../shared/data/degenhart-stabilizer/20160325.mat';

describe.skipIf(!existsSync(REAL))('20160325.mat (needs ../shared/data)', () => {
  it('is read whole, with the known facts', () => {
    const recording = openRecording(REAL);
    expect(recording.channels).toHaveLength(93);
    if (recording.spikes.kind !== 'counts') throw new Error('expected counts');
    expect([recording.spikes.binMs, recording.spikes.binCount]).toEqual([45, 38_015]);
    expect(recording.trials).toHaveLength(1252);
    expect(recording.joinsS).toHaveLength(1251);
    const labelled = (label: string): number => recording.trials.filter((t) => t.label === label).length;
    expect([labelled('baselineEvaluation'), labelled('stabilizationEvaluation')]).toEqual([518, 135]);
    for (const { values } of recording.behaviour) expect(values.every(Number.isFinite)).toBe(true);
    const binned = binRecording(recording, { targetName: 'targetDirection' });
    expect([binned.binCount, binned.segments.length]).toEqual([38_015, 1252]);
    for (let i = 0; i < binned.target.values.length; i += 2000) {
      expect(Math.hypot(binned.target.values[i], binned.target.values[i + 1])).toBeCloseTo(1, 5);
    }
  });
});
