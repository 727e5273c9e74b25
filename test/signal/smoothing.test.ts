import { describe, expect, it } from 'vitest';
import { smoothFeatures } from '../../src/calibration/feature-matrix.ts';
import { Rng } from '../../src/core/rng.ts';
import { Smoothing } from '../../src/signal/smoothing.ts';
import { itObeysStageLaws } from '../compliance/stage.ts';
import { drawRows, runWhole } from '../support/block-stream.ts';

describe('Smoothing', () => {
  itObeysStageLaws(() => new Smoothing(0.7));

  it('follows y = a y + (1 - a) x from zero, and starts anew at a join', () => {
    const shape = { channelCount: 1, truthCount: 0, maxRows: 5, rowMs: 10 };
    const rows = drawRows(new Rng(1), shape, 5).map((row, i) => ({ ...row, samples: [[4, 0, 8, 4, 4][i]] }));
    rows[3].isJoin = 1;
    const stage = new Smoothing(0.5);
    const smoothed = runWhole(stage, shape, stage.prepare(shape), rows);
    expect(smoothed.map((row) => row.samples[0])).toEqual([2, 1, 4.5, 2, 3]);
  });

  it('passes a row that is not finite on, and goes on behind it as if it had not been there', () => {
    const shape = { channelCount: 2, truthCount: 0, maxRows: 4, rowMs: 10 };
    const samples = [
      [4, 4],
      [2, Number.NaN],
      [6, Infinity],
      [4, 8],
    ];
    const rows = drawRows(new Rng(1), shape, 4).map((row, i) => ({ ...row, samples: samples[i] }));
    const stage = new Smoothing(0.5);
    const smoothed = runWhole(stage, shape, stage.prepare(shape), rows).map((row) => row.samples);
    expect(smoothed).toEqual([[2, 2], samples[1], samples[2], [3, 5]]);
  });

  it('equals the smoothing of a whole recording bit for bit', () => {
    const shape = { channelCount: 7, truthCount: 2, maxRows: 200, rowMs: 10 };
    const rows = drawRows(new Rng(2), shape, 200);
    rows[90].isJoin = 1;
    const stage = new Smoothing(0.83);
    const streamed = runWhole(stage, shape, stage.prepare(shape), rows).flatMap((row) => row.samples);
    const features = Float32Array.from(rows.flatMap((row) => row.samples));
    const segments = [
      { startBin: 0, endBin: 90 },
      { startBin: 90, endBin: 200 },
    ];
    expect(streamed).toEqual([...smoothFeatures(features, 7, segments, 0.83)]);
  });

  it('refuses factors outside [0, 1)', () => {
    expect(() => new Smoothing(1)).toThrow(RangeError);
    expect(() => new Smoothing(Number.NaN)).toThrow(RangeError);
  });
});
