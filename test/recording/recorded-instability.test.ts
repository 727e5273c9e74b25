import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { openMatlabFile } from '../../src/recording/matlab-v5.ts';
import {
  applyInstability,
  openRecordedInstability,
  readRecordedInstability,
} from '../../src/recording/recorded-instability.ts';
import type { RecordedInstability } from '../../src/recording/recorded-instability.ts';
import { degenhartVariables, withField } from '../support/recording-degenhart.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { doubles, writeMat } from '../support/recording-mat-writer.ts';

const read = (variables: Record<string, MatlabArray>): RecordedInstability =>
  readRecordedInstability(openMatlabFile(writeMat(variables)));
const LABELS = ['electrode 1', 'electrode 2', 'electrode 4'];

describe('the recorded instability', () => {
  it('is read by electrode, whatever the order of the map', () => {
    expect(read(degenhartVariables())).toEqual({
      channels: ['electrode 4', 'electrode 1'],
      sources: ['electrode 2', 'electrode 4'],
      offsets: [-0.5, 0.25],
      isSilent: [false, false],
    });
  });

  it('exchanges recorded counts, then adds, then silences; what it does not list stays', () => {
    const counts = Float32Array.of(1, 2, 3, 10, 20, 30);
    const instability = read(degenhartVariables());
    expect(Array.from(applyInstability(counts, LABELS, instability))).toEqual([
      3.25, 2, 1.5, 30.25, 20, 19.5,
    ]);
    const silenced = { ...instability, isSilent: [true, false] };
    expect(Array.from(applyInstability(counts, LABELS, silenced))).toEqual([3.25, 2, 0, 30.25, 20, 0]);
    expect(Array.from(counts)).toEqual([1, 2, 3, 10, 20, 30]);
  });

  it.each([
    ['offsets', doubles([1, 3], [1, 2, 3]), 'LOG_VARIABLE_SHAPE'],
    ['offsets', doubles([1, 2], [1, NaN]), 'LOG_VALUE_INVALID'],
    ['swapElectrodesMap', doubles([1, 2], [1, 2]), 'LOG_VARIABLE_SHAPE'],
    ['baseElectrodes', doubles([1, 2], [0, 1]), 'LOG_VALUE_INVALID'],
    ['silentChs', undefined, 'LOG_VARIABLE_MISSING'],
  ])('%s: bad parameters are named', (field, value, code) => {
    const error = betzErrorOf(() => read(withField('pertParams', field, value)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(field);
  });
});

const REAL = '../shared/data/degenhart-stabilizer/20160325.mat';

describe.skipIf(!existsSync(REAL))('the instability of 20160325.mat (needs ../shared/data)', () => {
  it('exchanges 10 channels, moves all of 75 and silences 5', () => {
    const { channels, sources, offsets, isSilent } = openRecordedInstability(REAL);
    expect(channels).toHaveLength(75);
    expect(sources.filter((source, i) => source !== channels[i])).toHaveLength(10);
    expect(sources[2]).toBe('electrode 92');
    expect(offsets[0]).toBeCloseTo(0.5124922, 6);
    expect(channels.filter((_, i) => isSilent[i])).toEqual([
      'electrode 21',
      'electrode 28',
      'electrode 33',
      'electrode 34',
      'electrode 72',
    ]);
  });
});
