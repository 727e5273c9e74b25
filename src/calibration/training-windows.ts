/** Which stretches of a recording a batch is made of: windows of equal length that contain no join. */
import { BetzError } from '../core/errors.ts';
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

export class WindowSampler {
  /** At most the length asked for; shorter when the recording is made of short trials. */
  readonly windowBins: number;
  private readonly firstBins: number[] = [];
  private readonly startCounts: number[] = [];
  private startTotal = 0;

  /** @throws BetzError CAL_SEGMENTS_TOO_SHORT */
  constructor(segments: readonly Segment[], windowBinsWanted: number) {
    const lengths = segments.map(({ startBin, endBin }) => endBin - startBin);
    const binTotal = lengths.reduce((sum, length) => sum + length, 0);
    let windowBins = windowBinsWanted;
    const coverage = (): number =>
      lengths.reduce((sum, length) => sum + (length >= windowBins ? length : 0), 0) / binTotal;
    while (windowBins > WINDOW_BINS_MIN && !(coverage() >= COVERAGE_MIN)) windowBins--;
    if (!(coverage() > 0)) {
      throw new BetzError(
        'CAL_SEGMENTS_TOO_SHORT',
        'no stretch of the recording is long enough to train on',
        {
          value: `${Math.max(0, ...lengths)} bins without a join at most`,
          tip: `A recurrent decoder needs stretches of ${WINDOW_BINS_MIN} bins or more: use kalman or wiener, or longer trials.`,
        },
      );
    }
    this.windowBins = windowBins;
    segments.forEach(({ startBin }, index) => {
      if (lengths[index] < windowBins) return;
      this.firstBins.push(startBin);
      this.startCounts.push(lengths[index] - windowBins + 1);
      this.startTotal += lengths[index] - windowBins + 1;
    });
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
