import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdOutBlocks } from '../../../src/calibration/session/held-out-blocks.ts';
import type { BinnedRecording } from '../../../src/core/recording.ts';
import { forEachCase } from '../../support/cases.ts';
import { randomRecording } from '../../support/random-recording.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';

function cutIn(lengths: readonly number[], binMs = 20): BinnedRecording {
  let binCount = 0;
  const segmentStarts = lengths.map((length) => (binCount += length) - length);
  return randomRecording(1, { binCount, channelCount: 1, binMs, segmentStarts });
}

describe('holdOutBlocks', () => {
  it('covers every bin once, and never bridges a join', () => {
    forEachCase(
      fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 6, maxLength: 30 }),
      100,
      (lengths) => {
        const recording = cutIn([400, ...lengths]);
        const { fit, heldOut } = holdOutBlocks(recording);
        const blocks = [...fit, ...heldOut].sort((a, b) => a.startBin - b.startBin);
        let bin = 0;
        for (const { startBin, endBin } of blocks) {
          expect(startBin).toBe(bin);
          expect(endBin).toBeGreaterThan(startBin);
          expect(
            recording.segments.some((segment) => segment.startBin <= startBin && endBin <= segment.endBin),
          ).toBe(true);
          bin = endBin;
        }
        expect(bin).toBe(recording.binCount);
        expect(heldOut.length).toBeGreaterThan(0);
      },
    );
  });

  it('holds out a fifth, in stretches of seconds with data on both sides', () => {
    const { fit, heldOut } = holdOutBlocks(cutIn([3000])); // 60 s: blocks of 3 s
    expect(heldOut).toEqual(
      [2, 7, 12, 17].map((block) => ({ startBin: block * 150, endBin: (block + 1) * 150 })),
    );
    expect(fit).toHaveLength(5);
    expect(fit[0]).toEqual({ startBin: 0, endBin: 300 });
    expect(fit[4].endBin).toBe(3000);
    const long = holdOutBlocks(cutIn([60_000])).heldOut; // 1200 s: 10 s are the most
    expect(long[0].endBin - long[0].startBin).toBe(500);
    const short = holdOutBlocks(cutIn([400])).heldOut; // 8 s: 1 s is the least
    expect(short[0].endBin - short[0].startBin).toBe(50);
  });

  it('refuses what is too little to hold anything out of', () => {
    expect(betzErrorOf(() => holdOutBlocks(cutIn([399])))).toMatchObject({
      code: 'CAL_SESSION_TOO_SHORT',
      value: 7.98, // seconds, as one asks for them
    });
    expect(() => holdOutBlocks(cutIn([400]))).not.toThrow();
    // Seconds enough, but all in a few short stretches of wide bins.
    expect(betzErrorOf(() => holdOutBlocks(cutIn([1, 1, 1, 1], 3000))).code).toBe('CAL_SESSION_TOO_SHORT');
  });
});
