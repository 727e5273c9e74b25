import { describe, expect, it } from 'vitest';
import { fitDriftReference } from '../../../src/calibration/drift/drift-reference.ts';
import { describeDrift, withDriftReference } from '../../../src/calibration/drift/model-drift.ts';
import { smoothFeatures } from '../../../src/calibration/feature-matrix.ts';
import type { Model } from '../../../src/decoders/decoder.ts';
import { wiener } from '../../../src/decoders/wiener/index.ts';
import { randomModel } from '../../support/decoder-models.ts';
import { randomRecording } from '../../support/random-recording.ts';

const CHANNELS = 9;
const recording = randomRecording(1, { binCount: 900, channelCount: CHANNELS, segmentStarts: [0, 300] });
/** Of bins of 50 ms, features smoothed by 0.5. */
const model: Model = {
  ...randomModel(wiener, { inputCount: CHANNELS, outputCount: 2 }, {}, 1),
  binMs: recording.binMs,
};

describe('the drift reference of a model', () => {
  it('is of the data that it learned from, as its decoder gets them', () => {
    const range = { startBin: 100, endBin: 700 };
    const segments = [
      { startBin: 100, endBin: 300 },
      { startBin: 300, endBin: 700 },
    ];
    const smoothed = smoothFeatures(recording.features, CHANNELS, segments, 0.5);
    const expected = fitDriftReference(smoothed.subarray(100 * CHANNELS, 700 * CHANNELS), CHANNELS, 50);
    const { drift, ...rest } = withDriftReference(model, recording, range);
    expect(drift).toEqual(expected);
    expect(rest).toEqual(model);
    expect(withDriftReference(model, recording).drift).not.toEqual(expected);
    expect(describeDrift({ ...model, drift: expected })).toEqual({
      windowS: 3.75,
      blockCount: 4,
      threshold: 1.5 * expected.blockMax.index,
    });
  });

  it('is not that of another day where the data are too few', () => {
    const old = withDriftReference(model, recording);
    expect(withDriftReference(old, recording, { startBin: 0, endBin: 400 }).drift).toBeDefined();
    const short = withDriftReference(old, recording, { startBin: 0, endBin: 399 });
    expect(short).toEqual(model);
    expect(describeDrift(short)).toBeNull();
  });

  it('takes eight channels that vary', () => {
    const stuck = (count: number): number[] => [
      ...recording.features.map((value, i) => (i % CHANNELS < count ? 3 : value)),
    ];
    const takenOf = (count: number): Model =>
      withDriftReference(
        { ...model, features: { ...model.features, smoothing: 0 } },
        { ...recording, features: Float32Array.from(stuck(count)) },
      );
    expect(takenOf(1).drift?.variance[0]).toBe(0);
    expect(takenOf(2).drift).toBeUndefined();
  });
});
