import { describe, expect, it } from 'vitest';
import { windowMeans } from '../../src/calibration/window-means.ts';

describe('windowMeans', () => {
  it('averages every window of a segment, and none across two', () => {
    const features = Float32Array.of(1, 10, 3, 10, 5, 40, 7, 0, 100, 0, 200, 2, 300, 4);
    const segments = [
      { startBin: 0, endBin: 3 },
      { startBin: 3, endBin: 4 }, // shorter than a window
      { startBin: 4, endBin: 7 },
    ];
    expect(Array.from(windowMeans(features, 2, segments, 2))).toEqual([2, 10, 4, 25, 150, 1, 250, 3]);
    expect(windowMeans(features, 2, segments, 1)).toEqual(features);
    expect(windowMeans(features, 2, segments, 4)).toHaveLength(0);
  });
});
