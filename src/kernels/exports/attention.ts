/**
 * Banded causal attention with rotary positions, over a sequence and one bin at a time. The calling convention is in
 * ../kernel-exports.ts.
 *
 * A head has an even width. rotary: a table [positions][2][headWidth], per position the cosines and then the sines of
 * its angles, each twice, the sines with signs - and + (`rotaryTable` of src/tensor/rotary.ts).
 */

const QUERIES = 8;

/** Keys of a block of eight queries at most: a band, the other queries, and up to three for alignment. */
function blockSpan(timeCount: number, windowBins: number): number {
  return Math.min(Math.ceil(timeCount / QUERIES) * QUERIES, Math.floor((windowBins + 10) / 4) * 4);
}

/** Floats of the probabilities that `bandedAttention` keeps. */
export function attentionProbabilityCount(
  timeCount: number,
  batchCount: number,
  headCount: number,
  windowBins: number,
): number {
  const blocks = batchCount * headCount * Math.ceil(timeCount / QUERIES);
  return blocks * blockSpan(timeCount, windowBins) * QUERIES;
}

/** Floats of scratch that `bandedAttention` and its backward pass need. */
export function attentionScratchCount(timeCount: number, headWidth: number, windowBins: number): number {
  const row = Math.ceil(headWidth / 8) * 8;
  const paddedTime = Math.ceil(timeCount / QUERIES) * QUERIES;
  return (4 * paddedTime + 4 * QUERIES) * row + blockSpan(timeCount, windowBins) * QUERIES;
}

/** Floats of the ring of `attentionStep`. */
export function attentionRingCount(headCount: number, headWidth: number, windowBins: number): number {
  return 2 * headCount * windowBins * ringRow(headWidth);
}

/** Floats of scratch that `attentionStep` needs. */
export function attentionStepScratchCount(headWidth: number, windowBins: number): number {
  return 2 * ringRow(headWidth) + Math.ceil(windowBins / 4) * 4;
}

function ringRow(headWidth: number): number {
  return Math.ceil(headWidth / 4) * 4;
}

export interface AttentionKernels {
  /**
   * out[T][B][E] <- attention of qkv[T][B][3E] (rows q, k, v, each heads x headWidth), bin t to bins t - window + 1 to t,
   * with positions 0 to T - 1 of rotary. probabilities (attentionProbabilityCount floats) <- weight of query 8 block + c on
   * key first + i at [B][heads][block][i][c], first = max(0, 8 block - window + 1) down to a multiple of 4, 0 outside the
   * band; i up to the block's last query, the rest is not written. scratch: attentionScratchCount floats.
   * NaN reaches every output whose band holds it, and perhaps others of the same batch row and head; infinity too, but for
   * a key that scores -infinity: it has no weight.
   */
  bandedAttention(
    outPtr: number,
    probabilitiesPtr: number,
    qkvPtr: number,
    rotaryPtr: number,
    timeCount: number,
    batchCount: number,
    headCount: number,
    headWidth: number,
    windowBins: number,
    scratchPtr: number,
  ): void;
  /** dqkv[T][B][3E] <- gradient by qkv, from dout[T][B][E] and the probabilities of the forward pass. scratch as there. */
  bandedAttentionBackward(
    dqkvPtr: number,
    doutPtr: number,
    probabilitiesPtr: number,
    qkvPtr: number,
    rotaryPtr: number,
    timeCount: number,
    batchCount: number,
    headCount: number,
    headWidth: number,
    windowBins: number,
    scratchPtr: number,
  ): void;
  /**
   * One bin: key and value of qkv[3E] go into slot earlierCount mod window of the ring, out[E] <- attention of its query
   * to all slots filled. ring: [heads][keys, then values][window][headWidth up to a multiple of 4], zeros at first
   * (attentionRingCount floats). rotary: 2 window positions. earlierCount: bins before this one; from `window` on, any
   * number from there on that is equal to it modulo window. scratch: attentionStepScratchCount floats.
   */
  attentionStep(
    outPtr: number,
    ringPtr: number,
    qkvPtr: number,
    rotaryPtr: number,
    headCount: number,
    headWidth: number,
    windowBins: number,
    earlierCount: number,
    scratchPtr: number,
  ): void;
}
