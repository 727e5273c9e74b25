import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { Binning } from '../../src/signal/binning.ts';
import { itObeysStageLaws } from '../compliance/stage.ts';
import { drawRows, runRecycled, runWhole } from '../support/block-stream.ts';
import type { Row } from '../support/block-stream.ts';

const SHAPE = { channelCount: 2, truthCount: 1, maxRows: 40, rowMs: 1 };

/** Rows with the given frame indexes; frame f has samples [f, 1] and truth [f]. */
function rowsAt(frames: readonly number[], joins: readonly number[] = []): Row[] {
  return frames.map((frame) => ({
    samples: [frame, 1],
    truth: [frame],
    firstFrame: frame,
    lastFrame: frame,
    scheduledNs: frame * 1e6,
    arrivalNs: frame * 1e6 + 5,
    isJoin: joins.includes(frame) ? 1 : 0,
  }));
}

function bin(rows: readonly Row[], framesPerBin: number) {
  const binning = new Binning(framesPerBin);
  const bins = runWhole(binning, SHAPE, binning.prepare(SHAPE), rows);
  return { binning, bins, spans: bins.map((row) => [row.firstFrame, row.lastFrame]) };
}

describe('Binning', () => {
  for (const framesPerBin of [1, 3, 10]) {
    describe(`of ${framesPerBin} frames`, () => {
      itObeysStageLaws(() => new Binning(framesPerBin));
    });
  }

  it('sums counts, averages the truth, and stamps a bin with its frames and its last frame', () => {
    const { bins } = bin(rowsAt([0, 1, 2, 3, 4, 5, 6]), 3);
    expect(bins).toEqual([
      {
        samples: [3, 3],
        truth: [1],
        firstFrame: 0,
        lastFrame: 2,
        scheduledNs: 2e6,
        arrivalNs: 2e6 + 5,
        isJoin: 0,
      },
      {
        samples: [12, 3],
        truth: [4],
        firstFrame: 3,
        lastFrame: 5,
        scheduledNs: 5e6,
        arrivalNs: 5e6 + 5,
        isJoin: 0,
      },
    ]);
  });

  it('starts its grid at the first frame, whatever its index', () => {
    expect(bin(rowsAt([7, 8, 9, 10]), 2).spans).toEqual([
      [7, 8],
      [9, 10],
    ]);
  });

  it('drops every bin that a gap touches and stays on the grid', () => {
    const { spans, binning } = bin(rowsAt([0, 1, 2, 3, /* 4 to 6 lost */ 7, 8, 9, 10, 11]), 3);
    expect(spans).toEqual([
      [0, 2],
      [9, 11],
    ]);
    expect(binning.dropped).toEqual({ gap: 3, join: 0, partialBin: 0 }); // 3, 7 and 8
  });

  it('drops nothing when whole bins were lost', () => {
    const { spans, binning } = bin(rowsAt([0, 1, /* 2 to 5 lost */ 6, 7]), 2);
    expect(spans).toEqual([
      [0, 1],
      [6, 7],
    ]);
    expect(binning.dropped.gap).toBe(0);
  });

  it('starts a new grid at a join and marks the first bin after it', () => {
    const { bins, spans, binning } = bin(rowsAt([0, 1, 2, 3, 4, 5, 6, 7], [4]), 3);
    expect(spans).toEqual([
      [0, 2],
      [4, 6],
    ]);
    expect(bins.map((row) => row.isJoin)).toEqual([0, 1]);
    expect(binning.dropped).toEqual({ gap: 0, join: 1, partialBin: 0 });
    binning.dropPartialBin();
    expect(binning.dropped.partialBin).toBe(1);
  });

  it('takes frame indexes that run backwards as a join', () => {
    const { bins } = bin(rowsAt([10, 11, 12, 3, 4]), 2);
    expect(bins.map((row) => [row.firstFrame, row.isJoin])).toEqual([
      [10, 0],
      [3, 1],
    ]);
  });

  it('says how many frames are missing to the next edge', () => {
    expect(bin(rowsAt([0, 1, 2, 3]), 3).binning.framesToEdge()).toBe(2);
    expect(bin(rowsAt([0, 1, 2]), 3).binning.framesToEdge()).toBe(3);
  });

  it('accounts for every frame: in = framesPerBin x bins + dropped', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 12 }),
        (seed, count, framesPerBin) => {
          const rng = new Rng(seed);
          const rows = drawRows(rng, SHAPE, count, { gap: 0.1, join: 0.05 });
          const binning = new Binning(framesPerBin);
          const bins = runRecycled(binning, SHAPE, binning.prepare(SHAPE), rows, rng);
          binning.dropPartialBin();
          const { gap, join, partialBin } = binning.dropped;
          expect(bins.length * framesPerBin + gap + join + partialBin).toBe(count);
        },
      ),
    );
  });

  it('refuses bins that are not a whole number of frames', () => {
    expect(() => new Binning(2.5)).toThrow(RangeError);
    expect(() => new Binning(0)).toThrow(RangeError);
  });
});
