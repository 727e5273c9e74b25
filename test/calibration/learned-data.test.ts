import { describe, expect, it } from 'vitest';
import { learnedBinCount, learnedData } from '../../src/calibration/learned-data.ts';
import { onlySegments } from '../../src/calibration/session/ridge-baseline.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { randomModel } from '../support/decoder-models.ts';
import { simulatedSession } from '../support/session-days.ts';

const DAY = simulatedSession(0, 20);
const OTHER = simulatedSession(1, 20);
const SHAPE = { inputCount: 20, outputCount: 2 };

function modelOf(provenance: Model['provenance']): Model {
  return { ...randomModel(findDecoderKind('wiener'), SHAPE, {}, 1), provenance };
}

function firstBins(recording: BinnedRecording, endBin: number): BinnedRecording {
  return onlySegments(recording, [{ startBin: 0, endBin }]);
}

describe('learned data', () => {
  it('are known again under another name, in part and as part of more, and others are not', () => {
    const model = modelOf(learnedData([OTHER, firstBins(DAY, 700)]));
    expect(learnedBinCount(model, { ...DAY, name: 'renamed' })).toBe(700);
    expect(learnedBinCount(model, firstBins(DAY, 400))).toBe(700);
    expect(learnedBinCount(model, OTHER)).toBe(OTHER.binCount);
    expect(learnedBinCount(model, { ...simulatedSession(2, 20), name: DAY.name })).toBe(0);
    expect(learnedBinCount(modelOf({ learnedFrom: 'nonsense', base: 3 }), DAY)).toBe(0);
  });

  it('end where learning ended', () => {
    expect(learnedData([DAY], 800).learnedFrom).toMatchObject([{ name: DAY.name, binCount: 800 }]);
    expect(learnedBinCount(modelOf(learnedData([DAY], 800)), DAY)).toBe(800);
  });

  it('are those of every model that this one came from, unless it began from scratch', () => {
    const base = { ...learnedData([DAY]), method: 'readout', base: learnedData([OTHER], 500) };
    const model = modelOf({ ...learnedData([firstBins(DAY, 500)]), method: 'full', base });
    expect(learnedBinCount(model, DAY)).toBe(DAY.binCount);
    expect(learnedBinCount(model, OTHER)).toBe(500);
    const longer = modelOf({
      ...learnedData([DAY]),
      method: 'full',
      base: learnedData([firstBins(DAY, 500)]),
    });
    expect(learnedBinCount(longer, DAY)).toBe(DAY.binCount);
    const fresh = modelOf({ ...learnedData([firstBins(DAY, 500)]), method: 'scratch', base });
    expect(learnedBinCount(fresh, DAY)).toBe(500);
    expect(learnedBinCount(fresh, OTHER)).toBe(0);
  });

  it('are not guessed from a start without spikes', () => {
    const silent = { ...DAY, features: new Float32Array(DAY.features.length) };
    expect(learnedData([silent]).learnedFrom).toEqual([]);
    expect(learnedBinCount(modelOf(learnedData([DAY])), silent)).toBe(0);
  });
});
