import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Recording } from '../../src/core/recording.ts';
import type { MatlabArray } from '../../src/recording/matlab-array.ts';
import { openMatlabFile } from '../../src/recording/matlab-v5.ts';
import { binRecording } from '../../src/recording/bin-recording.ts';
import { openRecording } from '../../src/recording/open-recording.ts';
import { readStevensonRecording } from '../../src/recording/stevenson-recording.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { doubles, writeMat } from '../support/recording-mat-writer.ts';
import { stevensonVariables, withValue } from '../support/recording-stevenson.ts';

function read(variables: Record<string, MatlabArray>): Recording {
  return readStevensonRecording(openMatlabFile(writeMat(variables, { isCompressed: true })), 'small');
}

describe('a small recording in this layout', () => {
  const recording = read(stevensonVariables());

  it('has its counts as one row for each bin', () => {
    expect(recording.channels).toEqual([1, 2, 3].map((i) => ({ label: `unit ${i}`, unit: 'count' })));
    expect(recording.spikes).toEqual({
      kind: 'counts',
      binMs: 50,
      binCount: 6,
      values: Float32Array.of(0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52),
    });
  });

  it('has velocity and position in x and y at the centre of each bin, z left out', () => {
    const [velocity, position] = recording.behaviour;
    expect(velocity).toMatchObject({ name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' });
    expect(Array.from(velocity.values.subarray(0, 4))).toEqual([0.5, 0.625, 0.875, 1]);
    expect(position).toMatchObject({ name: 'handPosition', labels: ['x', 'y'], unit: 'm' });
    expect(Array.from(position.values.subarray(0, 4))).toEqual([-2, -1.875, -1.625, -1.5]);
    expect(Array.from(velocity.timesS, (s) => Math.round(s * 1000))).toEqual([25, 75, 125, 175, 225, 275]);
  });

  it('has a target only where there is one', () => {
    const target = recording.behaviour[2];
    expect(target).toMatchObject({ name: 'targetPosition', unit: 'm' });
    expect(Array.from(target.timesS, (s) => Math.round(s * 1000))).toEqual([75, 125, 175, 225, 275]);
    expect(Array.from(target.values.subarray(0, 4))).toEqual([0.75, 1, 1.5, 1.75]);
  });

  it('has trials that last until the next begins', () => {
    expect(recording.trials.map((trial) => [trial.startS, trial.endS, trial.target])).toEqual([
      [0.05, 0.2, [0.1, 0.2]],
      [0.2, expect.closeTo(0.3, 9), [0.3, 0.4]],
    ]);
    expect(recording.joinsS).toEqual([]);
  });

  it('keeps z where something moved along it', () => {
    const variables = withValue('handPos', 3, 4, 0.25);
    const { behaviour, trials } = read(variables);
    expect(behaviour.map((signal) => signal.labels)).toEqual(Array(3).fill(['x', 'y', 'z']));
    expect(behaviour[1].values[3 * 3 + 2]).toBe(0.25);
    expect(trials[0].target).toEqual([0.1, 0.2, 0]);
  });

  it('has a join where time jumps', () => {
    const time = doubles([1, 6], [0, 0.05, 0.1, 7, 7.05, 7.02]);
    expect(read({ ...stevensonVariables(), time }).joinsS).toEqual([3 * 0.05, 5 * 0.05]);
  });

  it('needs neither time, target, startBins nor targets', () => {
    const { spikes, timeBase, handVel, handPos } = stevensonVariables();
    const bare = read({ spikes, timeBase, handVel, handPos });
    expect([bare.behaviour.length, bare.trials, bare.joinsS]).toEqual([2, [], []]);
  });
});

describe('bad variables', () => {
  it.each([
    ['handVel', 2, 4, NaN, 'handVel(2,4) = NaN'],
    ['handVel', 1, 1, Infinity, 'handVel(1,1) = Infinity'],
    ['handPos', 1, 6, -Infinity, 'handPos(1,6) = -Infinity'],
    ['spikes', 3, 2, -1, 'spikes(3,2) = -1'],
    ['spikes', 1, 2, NaN, 'spikes(1,2) = NaN'],
    ['spikes', 1, 2, 0.5, 'spikes(1,2) = 0.5'],
    ['target', 1, 3, Infinity, 'target(1,3) = Infinity'],
    ['target', 1, 3, NaN, 'target(1,3) = NaN'],
    ['time', 1, 3, NaN, 'time(1,3) = NaN'],
    ['timeBase', 1, 1, 0, 'timeBase(1,1) = 0'],
    ['startBins', 1, 1, 0, 'startBins(1,1) = 0'],
    ['startBins', 1, 2, 7, 'startBins(1,2) = 7'],
    ['startBins', 1, 2, 2, 'startBins(1,2) = 2'],
    ['targets', 2, 2, NaN, 'targets(2,2) = NaN'],
  ])('%s(%i,%i) = %d is named', (name, row, column, value, place) => {
    const error = betzErrorOf(() => read(withValue(name, row, column, value)));
    expect(error).toMatchObject({ code: 'LOG_VALUE_INVALID', value: place });
    expect(error.message).toContain(place);
  });

  it.each([
    ['handVel', doubles([3, 5], new Float64Array(15)), '3 x 5'],
    ['handPos', doubles([6, 3], new Float64Array(18)), '6 x 3'],
    ['handVel', doubles([1, 6], new Float64Array(6)), '1 x 6'],
    ['target', doubles([3, 7], new Float64Array(21)), '3 x 7'],
    ['targets', doubles([3, 3], new Float64Array(9)), '3 x 3'],
    ['time', doubles([1, 5], new Float64Array(5)), '1 x 5'],
    ['startBins', doubles([2, 2], [1, 2, 3, 4]), '2 x 2'],
    ['timeBase', doubles([1, 2], [1, 2]), '1 x 2'],
    ['spikes', doubles([3, 0], []), '3 x 0'],
    ['spikes', doubles([3, 2, 2], new Float64Array(12)), '3 x 2 x 2'],
  ])('%s of the wrong shape is named with its shape', (name, array, shape) => {
    const error = betzErrorOf(() => read({ ...stevensonVariables(), [name]: array }));
    expect(error).toMatchObject({ code: 'LOG_VARIABLE_SHAPE', value: shape });
    expect(error.message).toContain(`'${name}' is ${shape}; expected`);
  });

  it.each([
    ['text', { kind: 'char', dims: [1, 2], rows: ['ab'] }, 'char'],
    ['a sparse matrix', { kind: 'unsupported', className: 'sparse', dims: [3, 6] }, 'sparse'],
    ['complex', { ...doubles([1, 1], [1]), imaginary: Float64Array.of(1) }, 'complex'],
  ] as [string, MatlabArray, string][])('spikes as %s are refused', (_what, spikes, value) => {
    const error = betzErrorOf(() => read({ ...stevensonVariables(), spikes }));
    expect(error).toMatchObject({ code: 'LOG_VARIABLE_TYPE', value });
  });

  it('a missing variable is named beside those that are there', () => {
    const { handVel, ...others } = stevensonVariables();
    expect(handVel).toBeDefined();
    const error = betzErrorOf(() => read(others));
    expect(error).toMatchObject({ code: 'LOG_VARIABLE_MISSING', value: 'handVel' });
    expect(error.tip).toContain('spikes, timeBase');
  });
});

/** Millions of numbers are compared as bytes: the matcher would take seconds. */
const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

const REAL = '../shared/data/stevenson-v2/StevensonV2.mat';

describe.skipIf(!existsSync(REAL))('StevensonV2.mat (needs ../shared/data)', () => {
  it('is read whole, with the known facts', () => {
    const recording = openRecording(REAL);
    expect(recording.name).toBe('StevensonV2');
    expect(recording.channels).toHaveLength(196);
    if (recording.spikes.kind !== 'counts') throw new Error('expected counts');
    const { binMs, binCount, values } = recording.spikes;
    expect([binMs, binCount]).toEqual([50, 15_536]);
    const totals = new Float64Array(196);
    values.forEach((count, i) => (totals[i % 196] += count));
    expect(totals.reduce((a, b) => a + b)).toBe(2_353_564);
    expect(Array.from(totals.entries()).filter(([, total]) => total === 0)).toEqual([[122, 0]]);
    expect(Array.from(values.subarray(0, 1))).toEqual([1]);

    expect(recording.behaviour.map((s) => [s.name, s.labels.join(), s.unit, s.timesS.length])).toEqual([
      ['handVelocity', 'x,y', 'm/s', 15_536],
      ['handPosition', 'x,y', 'm', 15_536],
      ['targetPosition', 'x,y', 'm', 8_336],
    ]);
    expect(recording.behaviour[0].values[0]).toBeCloseTo(-0.0112006, 8);
    // Sums as scipy and numpy give them.
    const sumOf = (signal: number, axis: number): number =>
      recording.behaviour[signal].values.reduce((sum, value, i) => (i % 2 === axis ? sum + value : sum), 0);
    expect([sumOf(0, 0), sumOf(0, 1)]).toEqual([
      expect.closeTo(1.13710811, 5),
      expect.closeTo(1.24348502, 5),
    ]);
    expect([sumOf(1, 0), sumOf(1, 1)]).toEqual([
      expect.closeTo(-186.75118, 4),
      expect.closeTo(-4697.56035, 4),
    ]);
    expect(recording.trials).toHaveLength(180);
    expect(recording.trials[0].startS).toBeCloseTo(34 * 0.05, 9);
    expect(recording.trials[0].target?.[0]).toBeCloseTo(-0.07081432, 8);
    expect(recording.joinsS).toEqual([]);
  });

  it('bins to itself, and to wider bins without losing a spike', () => {
    const recording = openRecording(REAL);
    if (recording.spikes.kind !== 'counts') throw new Error('expected counts');
    const same = binRecording(recording);
    expect(same).toMatchObject({ binMs: 50, binCount: 15_536, segments: [{ startBin: 0, endBin: 15_536 }] });
    expect(Buffer.compare(bytesOf(same.features), bytesOf(recording.spikes.values))).toBe(0);
    expect(same.target.name).toBe('handVelocity');
    expect(Buffer.compare(bytesOf(same.target.values), bytesOf(recording.behaviour[0].values))).toBe(0);
    const wider = binRecording(recording, { binMs: 200, targetName: 'handPosition' });
    expect(wider.binCount).toBe(3884);
    expect(wider.features.reduce((a, b) => a + b)).toBe(2_353_564);
  });
});
