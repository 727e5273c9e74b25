/**
 * The sums that a regression on the last n bins needs, without ever building its wide design matrix.
 *
 * Row t of the design X holds z[t], z[t-1], ..., z[t-n+1] (a bin before its segment's start counts as zero). The block of
 * X^T X for lags (i, j) is S_ij = sum_t z[t-i] z[t-j]^T, and shifting both lags by one drops one term and gains one per
 * segment:   S_(i+1)(j+1) = S_ij - z[e-1-i] z[e-1-j]^T + z[s-1-i] z[s-1-j]^T   for rows s..e-1.
 * So only the n blocks (0, j) cost a pass over the data: n C^2 T multiplications instead of n^2 C^2 T / 2.
 */
import type { Segment } from '../core/recording.ts';
import type { BinRange } from './splits.ts';
import type { Steps } from './steps.ts';

/** Z-scored features, column-major: channels[c * binCount + t]. */
export interface LaggedDesign {
  channels: Float64Array;
  channelCount: number;
  binCount: number;
  lagCount: number;
  segments: readonly Segment[];
}

/** Bins that a pass goes over at a time, so that a few hundred channels of them stay in the cache. */
const CHUNK_BINS = 512;

/**
 * X^T X over the rows of a range, [n C x n C] row-major, columns ordered by lag, then channel. Bins before the range
 * count where they belong to the same segment. A step for each lag.
 */
export function* laggedGram(design: LaggedDesign, range: BinRange): Steps<Float64Array> {
  const { channels, channelCount: C, binCount, lagCount } = design;
  const size = C * lagCount;
  const gram = new Float64Array(size * size);
  const parts = rowsBySegment(design.segments, range);
  for (let lag = 0; lag < lagCount; lag++) {
    for (const part of parts) {
      for (let bin = Math.max(part.startBin, part.segmentStart + lag); bin < part.endBin; bin += CHUNK_BINS) {
        accumulateBlock(
          gram,
          size,
          lag * C,
          channels,
          binCount,
          C,
          bin,
          Math.min(bin + CHUNK_BINS, part.endBin),
          lag,
        );
      }
    }
    yield;
  }
  for (let j = 1; j < lagCount; j++) {
    for (let i = 1; i <= j; i++) shiftBlock(gram, size, design, parts, i, j);
  }
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < row; column++) gram[row * size + column] = gram[column * size + row];
  }
  return gram;
}

/** X^T y over the rows of a range for each output: [outputCount][n C]. @param outputs column-major [outputCount][binCount] */
export function laggedCross(
  design: LaggedDesign,
  outputs: Float64Array,
  outputCount: number,
  range: BinRange,
): Float64Array[] {
  const { channels, channelCount: C, binCount, lagCount, segments } = design;
  const parts = rowsBySegment(segments, range);
  return Array.from({ length: outputCount }, (_, output) => {
    const cross = new Float64Array(C * lagCount);
    for (const { startBin, endBin, segmentStart } of parts) {
      for (let lag = 0; lag < lagCount; lag++) {
        const firstBin = Math.max(startBin, segmentStart + lag);
        for (let channel = 0; channel < C; channel++) {
          let sum = 0;
          for (let bin = firstBin; bin < endBin; bin++) {
            sum += channels[channel * binCount + bin - lag] * outputs[output * binCount + bin];
          }
          cross[lag * C + channel] += sum;
        }
      }
    }
    return cross;
  });
}

/** Column sums of X over the rows of a range, [n C]. */
export function laggedSums(design: LaggedDesign, range: BinRange): Float64Array {
  const { channels, channelCount: C, binCount, lagCount, segments } = design;
  const sums = new Float64Array(C * lagCount);
  for (const { startBin, endBin, segmentStart } of rowsBySegment(segments, range)) {
    for (let lag = 0; lag < lagCount; lag++) {
      for (let channel = 0; channel < C; channel++) {
        let sum = 0;
        for (let bin = Math.max(startBin, segmentStart + lag); bin < endBin; bin++) {
          sum += channels[channel * binCount + bin - lag];
        }
        sums[lag * C + channel] += sum;
      }
    }
  }
  return sums;
}

/** X w over the rows of a range, for one output. @returns [range's bins] */
export function laggedProduct(design: LaggedDesign, weights: Float64Array, range: BinRange): Float64Array {
  const { channels, channelCount: C, binCount, lagCount, segments } = design;
  const product = new Float64Array(range.endBin - range.startBin);
  for (const { startBin, endBin, segmentStart } of rowsBySegment(segments, range)) {
    for (let lag = 0; lag < lagCount; lag++) {
      const firstBin = Math.max(startBin, segmentStart + lag);
      for (let channel = 0; channel < C; channel++) {
        const weight = weights[lag * C + channel];
        const offset = channel * binCount - lag;
        for (let bin = firstBin; bin < endBin; bin++)
          product[bin - range.startBin] += weight * channels[offset + bin];
      }
    }
  }
  return product;
}

interface SegmentRows extends BinRange {
  /** First bin of the segment that the rows lie in. */
  segmentStart: number;
}

function rowsBySegment(segments: readonly Segment[], range: BinRange): SegmentRows[] {
  return segments
    .map((segment) => ({
      segmentStart: segment.startBin,
      startBin: Math.max(segment.startBin, range.startBin),
      endBin: Math.min(segment.endBin, range.endBin),
    }))
    .filter(({ startBin, endBin }) => startBin < endBin);
}

/**
 * Block (0, lag) += sum over bins of z[t] z[t-lag]^T. Four channels by two at a time: eight sums stay in registers and
 * each loaded value is used several times.
 */
function accumulateBlock(
  gram: Float64Array,
  size: number,
  firstColumn: number,
  channels: Float64Array,
  binCount: number,
  C: number,
  startBin: number,
  endBin: number,
  lag: number,
): void {
  const last = C - 1;
  for (let a = 0; a < C; a += 4) {
    // Beyond the last channel, the last one is computed again and not stored.
    const a0 = a * binCount;
    const a1 = Math.min(a + 1, last) * binCount;
    const a2 = Math.min(a + 2, last) * binCount;
    const a3 = Math.min(a + 3, last) * binCount;
    for (let b = 0; b < C; b += 2) {
      const b0 = b * binCount - lag;
      const b1 = Math.min(b + 1, last) * binCount - lag;
      let s00 = 0;
      let s01 = 0;
      let s10 = 0;
      let s11 = 0;
      let s20 = 0;
      let s21 = 0;
      let s30 = 0;
      let s31 = 0;
      for (let t = startBin; t < endBin; t++) {
        const y0 = channels[b0 + t];
        const y1 = channels[b1 + t];
        const x0 = channels[a0 + t];
        const x1 = channels[a1 + t];
        s00 += x0 * y0;
        s01 += x0 * y1;
        s10 += x1 * y0;
        s11 += x1 * y1;
        const x2 = channels[a2 + t];
        const x3 = channels[a3 + t];
        s20 += x2 * y0;
        s21 += x2 * y1;
        s30 += x3 * y0;
        s31 += x3 * y1;
      }
      const hasSecond = b + 1 < C;
      addPair(gram, a * size + firstColumn + b, s00, s01, hasSecond);
      if (a + 1 < C) addPair(gram, (a + 1) * size + firstColumn + b, s10, s11, hasSecond);
      if (a + 2 < C) addPair(gram, (a + 2) * size + firstColumn + b, s20, s21, hasSecond);
      if (a + 3 < C) addPair(gram, (a + 3) * size + firstColumn + b, s30, s31, hasSecond);
    }
  }
}

function addPair(gram: Float64Array, index: number, first: number, second: number, hasSecond: boolean): void {
  gram[index] += first;
  if (hasSecond) gram[index + 1] += second;
}

/** Block (i, j) from block (i-1, j-1). */
function shiftBlock(
  gram: Float64Array,
  size: number,
  { channels, channelCount: C, binCount }: LaggedDesign,
  parts: readonly SegmentRows[],
  i: number,
  j: number,
): void {
  for (let a = 0; a < C; a++) {
    const from = ((i - 1) * C + a) * size + (j - 1) * C;
    const to = (i * C + a) * size + j * C;
    for (let b = 0; b < C; b++) gram[to + b] = gram[from + b];
  }
  // j >= i, so where the later lag's bin exists the other's does too.
  const rankOne = (edge: number, segmentStart: number, sign: number): void => {
    if (edge - j < segmentStart) return;
    for (let a = 0; a < C; a++) {
      const x = sign * channels[a * binCount + edge - i];
      const to = (i * C + a) * size + j * C;
      if (x !== 0) for (let b = 0; b < C; b++) gram[to + b] += x * channels[b * binCount + edge - j];
    }
  };
  for (const { startBin, endBin, segmentStart } of parts) {
    rankOne(endBin, segmentStart, -1); // edge - i = e - 1 - (i - 1)
    rankOne(startBin, segmentStart, 1);
  }
}
