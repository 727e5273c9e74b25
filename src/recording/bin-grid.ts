/**
 * Where the bins of a recording lie. The grid starts anew at every join, so that no bin holds data from both
 * sides of one; what is left of a segment after its last whole bin is dropped.
 */
import type { Segment } from '../core/recording.ts';

export interface GridSegment extends Segment {
  /** When its first bin begins, in the recording's time. */
  startS: number;
  /** When the data of the segment end: at the next join, or with the recording. */
  dataEndS: number;
}

export interface BinGrid {
  binS: number;
  binCount: number;
  segments: readonly GridSegment[];
}

/**
 * A time this close before an edge counts as on the edge. Far more than what rounding does to a time in seconds,
 * far less than the sampling interval of any amplifier; the same for all bin widths, so that sums of narrow bins
 * are wide bins.
 */
export const EDGE_TOLERANCE_S = 1e-9;

/** @param alignS data come in steps of this width (a recording of counts); 0 where they can be cut anywhere */
export function makeBinGrid(
  durationS: number,
  joinsS: readonly number[],
  binS: number,
  alignS: number,
): BinGrid {
  const inner = joinsS.filter((joinS) => joinS > 0 && joinS < durationS);
  const cutsS = [0, ...inner.sort((a, b) => a - b), durationS];
  const segments: GridSegment[] = [];
  let binCount = 0;
  for (let i = 0; i + 1 < cutsS.length; i++) {
    const startS = alignS === 0 ? cutsS[i] : Math.ceil((cutsS[i] - EDGE_TOLERANCE_S) / alignS) * alignS;
    const dataEndS = cutsS[i + 1];
    const wholeBins = wholeSteps(dataEndS - startS, binS);
    if (wholeBins <= 0) continue;
    segments.push({ startBin: binCount, endBin: binCount + wholeBins, startS, dataEndS });
    binCount += wholeBins;
  }
  return { binS, binCount, segments };
}

/** How many whole steps fit: also the index of the step [start, end) that a time falls into. */
export function wholeSteps(spanS: number, stepS: number): number {
  return Math.floor((spanS + EDGE_TOLERANCE_S) / stepS);
}
