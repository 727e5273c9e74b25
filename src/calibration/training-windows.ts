/** Which stretches of a recording a batch is made of: windows of equal length that contain no join. */
import { assert, BetzError } from '../core/errors.ts';
import type { Rng } from '../core/rng.ts';
import type { Segment } from '../core/recording.ts';
import type { BinRange } from './splits.ts';

/** Below this a recurrent decoder sees no history worth learning. */
const WINDOW_BINS_MIN = 8;
/** A window is shortened until segments that hold it have this share of the bins. */
const COVERAGE_MIN = 0.8;

/** The segments' parts inside `range`. */
export function clipSegments(segments: readonly Segment[], range: BinRange): Segment[] {
  return segments
    .map(({ startBin, endBin }) => ({
      startBin: Math.max(startBin, range.startBin),
      endBin: Math.min(endBin, range.endBin),
    }))
    .filter(({ startBin, endBin }) => endBin > startBin);
}

/**
 * The length of windows: what is wanted, or less where the recording is made of short trials.
 * @param roomBins what segments have to hold beside a window
 * @throws BetzError CAL_SEGMENTS_TOO_SHORT
 */
export function windowBinsFor(segments: readonly Segment[], windowBinsWanted: number, roomBins = 0): number {
  const lengths = segments.map(lengthOf);
  const binTotal = lengths.reduce((sum, length) => sum + length, 0);
  let windowBins = windowBinsWanted;
  const coverage = (): number =>
    lengths.reduce((sum, length) => sum + (length >= windowBins + roomBins ? length : 0), 0) / binTotal;
  while (windowBins > WINDOW_BINS_MIN && !(coverage() >= COVERAGE_MIN)) windowBins--;
  if (coverage() > 0) return windowBins;
  throw new BetzError('CAL_SEGMENTS_TOO_SHORT', 'no stretch of the recording is long enough to train on', {
    value: `${Math.max(0, ...lengths)} bins without a join at most`,
    tip: `A recurrent decoder needs stretches of ${WINDOW_BINS_MIN + roomBins} bins or more: use kalman or wiener, or longer trials.`,
  });
}

/** Draws the windows of a batch. */
export interface BatchSampler {
  /** Fills `starts` with first bins. */
  sample(rng: Rng, starts: Int32Array): void;
}

export class WindowSampler implements BatchSampler {
  private readonly firstBins: number[] = [];
  private readonly startCounts: number[] = [];
  private startTotal = 0;

  /** @param windowBins at most the length of the longest segment */
  constructor(segments: readonly Segment[], windowBins: number) {
    for (const segment of segments) {
      const startCount = lengthOf(segment) - windowBins + 1;
      if (startCount <= 0) continue;
      this.firstBins.push(segment.startBin);
      this.startCounts.push(startCount);
      this.startTotal += startCount;
    }
    assert(this.startTotal > 0, 'no segment is as long as a window');
  }

  /** Fills `starts` with first bins, every possible window equally likely. */
  sample(rng: Rng, starts: Int32Array): void {
    for (let i = 0; i < starts.length; i++) {
      let offset = rng.integer(this.startTotal);
      let segment = 0;
      while (offset >= this.startCounts[segment]) {
        offset -= this.startCounts[segment];
        segment++;
      }
      starts[i] = this.firstBins[segment] + offset;
    }
  }
}

function lengthOf({ startBin, endBin }: Segment): number {
  return endBin - startBin;
}
