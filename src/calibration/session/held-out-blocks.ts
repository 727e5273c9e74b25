/**
 * Which part of a session's data a candidate is judged on: every fifth stretch of some seconds, held out as a whole. Single bins
 * would share their movement with their neighbours, and the end alone would say nothing about drift within the session.
 */
import { BetzError } from '../../core/errors.ts';
import type { BinnedRecording, Segment } from '../../core/recording.ts';

export interface HeldOutBlocks {
  /** What a candidate is fitted on; neighbours of one segment are one. */
  fit: readonly Segment[];
  /** What it is judged on. */
  heldOut: readonly Segment[];
}

/** One block in this many is held out, the third of each round first, so that there are data on both sides of it. */
const ROUND = 5;
const HELD_OUT_IN_ROUND = 2;
/** Blocks are a twentieth of the data, within these limits. */
const BLOCK_SHARE = 0.05;
const BLOCK_S_MIN = 1;
const BLOCK_S_MAX = 10;
/** Less says nothing about a decoder. */
export const SESSION_S_MIN = 8;

/** @throws BetzError CAL_SESSION_TOO_SHORT */
export function holdOutBlocks({ binCount, binMs, segments }: BinnedRecording): HeldOutBlocks {
  const seconds = (binCount * binMs) / 1000;
  const blockS = Math.min(BLOCK_S_MAX, Math.max(BLOCK_S_MIN, BLOCK_SHARE * seconds));
  const fit: Segment[] = [];
  const heldOut: Segment[] = [];
  let index = 0;
  for (const segment of segments) {
    let current: Segment | undefined;
    for (const block of cut(segment, Math.max(1, Math.round((blockS * 1000) / binMs)))) {
      if (index % ROUND === HELD_OUT_IN_ROUND) {
        heldOut.push(block);
        current = undefined;
      } else if (current === undefined) {
        current = { ...block };
        fit.push(current);
      } else {
        current.endBin = block.endBin; // of the same segment: a join is never bridged
      }
      index++;
    }
  }
  if (seconds < SESSION_S_MIN || index < ROUND) {
    throw new BetzError(
      'CAL_SESSION_TOO_SHORT',
      `${seconds.toFixed(1)} s are too little to calibrate a session on`,
      { value: seconds, tip: `Collect at least ${SESSION_S_MIN} s; 30 to 60 s are usual.` },
    );
  }
  return { fit, heldOut };
}

/** Blocks of about that length; what is left over makes them longer. */
function cut({ startBin, endBin }: Segment, blockBins: number): Segment[] {
  const count = Math.max(1, Math.floor((endBin - startBin) / blockBins));
  const edge = (i: number): number => startBin + Math.round((i * (endBin - startBin)) / count);
  return Array.from({ length: count }, (_, i) => ({ startBin: edge(i), endBin: edge(i + 1) }));
}
