/**
 * Banded causal multi-head attention over a sequence with rotary positions (rotary.ts), forward and backward.
 *   q, k turned by their time;  s(t, j) = q_t . k_j / sqrt(width) for t - window < j <= t
 *   p(t, .) = softmax of s over the band, with max subtraction;  out_t = sum over j of p(t, j) v_j
 * Backward, from dout:
 *   dv_j = sum over t of p(t, j) dout_t;   dp(t, j) = dout_t . v_j;   ds = p (dp - sum over j of p dp)
 *   dq_t = sum over j of ds(t, j) k_j / sqrt(width);   dk_j = sum over t of ds(t, j) q_t / sqrt(width);  then turned back.
 *
 * Method: one head of one batch row at a time, its rows gathered in scratch; queries in blocks of eight, one query per
 * lane of two vectors, so that the softmax needs no sum across lanes. Whatever a block needs is a product of small
 * matrices in tiles of 4 x 8. Keys of a block run from `firstKey` (a multiple of 4) to its last query; those outside of a
 * query's band get a probability of 0.
 */
import {
  LANES_BYTES, QUERIES, bandSoftmax, copyPanelColumn, copyRow, firstKey, softmaxBackward, spanOf, tile, transposeToPanel,
} from './attention-block';
import { rotateRow } from './rotary';

export function bandedAttention(
  outPtr: usize,
  probabilitiesPtr: usize,
  qkvPtr: usize,
  rotaryPtr: usize,
  timeCount: i32,
  batchCount: i32,
  headCount: i32,
  headWidth: i32,
  windowBins: i32,
  scratchPtr: usize,
): void {
  const width = <usize>headWidth << 2;
  const row = (<usize>headWidth + 7) >> 3 << 5; // a row in scratch: up to a multiple of eight features
  const paddedTime = (<usize>timeCount + 7) & ~7;
  const outRow = <usize>headCount * width;
  const qkvRow = 3 * outRow;
  const keys = scratchPtr; // [paddedTime][row]
  const values = keys + paddedTime * row; // [paddedTime][row]
  const queries = values + paddedTime * row; // [8][row]
  const panel = queries + 8 * row; // queries turned, [row][8]
  const outPanel = panel + 8 * row; // [row][8]
  const blockBytes = <usize>spanOf(timeCount, windowBins) * LANES_BYTES;
  const scale = <f32>1 / sqrt<f32>(<f32>headWidth);
  memory.fill(scratchPtr, 0, outPanel - scratchPtr); // padding stays 0
  let p = probabilitiesPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let h = 0; h < headCount; h++) {
      const headOffset = <usize>h * width;
      for (let t = 0; t < timeCount; t++) {
        const qkv = qkvPtr + (<usize>t * <usize>batchCount + <usize>b) * qkvRow + headOffset;
        rotateRow(keys + <usize>t * row, qkv + outRow, rotaryPtr + <usize>t * 2 * width, width, 1, 1);
        copyRow(values + <usize>t * row, qkv + 2 * outRow, width);
      }
      for (let query = 0; query < timeCount; query += QUERIES) {
        const first = firstKey(query, windowBins);
        const count = query + QUERIES - first;
        const end = min(QUERIES, timeCount - query);
        for (let c = 0; c < QUERIES; c++) {
          const at = queries + <usize>c * row;
          const t = <usize>(query + c);
          if (c < end) {
            const qkv = qkvPtr + (t * <usize>batchCount + <usize>b) * qkvRow + headOffset;
            rotateRow(at, qkv, rotaryPtr + t * 2 * width, width, 1, scale);
          } else memory.fill(at, 0, row);
        }
        transposeToPanel(panel, queries, row);
        const blockKeys = keys + <usize>first * row;
        for (let j: usize = 0; j < <usize>count; j += 4) {
          tile(p + j * LANES_BYTES, LANES_BYTES, blockKeys + j * row, row, 4, panel, LANES_BYTES, headWidth, false);
        }
        bandSoftmax(p, query, first, count, timeCount, windowBins);
        const blockValues = values + <usize>first * row;
        for (let i: usize = 0; i < width; i += 16) {
          tile(outPanel + i * 8, LANES_BYTES, blockValues + i, 4, row, p, LANES_BYTES, count, false);
        }
        for (let c = 0; c < end; c++) {
          const out = outPtr + (<usize>(query + c) * <usize>batchCount + <usize>b) * outRow + headOffset;
          copyPanelColumn(out, outPanel, <usize>c, width);
        }
        p += blockBytes;
      }
    }
  }
}

export function bandedAttentionBackward(
  dqkvPtr: usize,
  doutPtr: usize,
  probabilitiesPtr: usize,
  qkvPtr: usize,
  rotaryPtr: usize,
  timeCount: i32,
  batchCount: i32,
  headCount: i32,
  headWidth: i32,
  windowBins: i32,
  scratchPtr: usize,
): void {
  const width = <usize>headWidth << 2;
  const row = (<usize>headWidth + 7) >> 3 << 5;
  const paddedTime = (<usize>timeCount + 7) & ~7;
  const outRow = <usize>headCount * width;
  const qkvRow = 3 * outRow;
  const keys = scratchPtr; // [paddedTime][row], as are the next three
  const values = keys + paddedTime * row;
  const dkeys = values + paddedTime * row;
  const dvalues = dkeys + paddedTime * row;
  const queries = dvalues + paddedTime * row; // [8][row]
  const douts = queries + 8 * row; // [8][row]
  const panel = douts + 8 * row; // douts, [row][8]
  const dqueryPanel = panel + 8 * row; // [row][8]
  const ds = dqueryPanel + 8 * row; // [span][8]
  const blockBytes = <usize>spanOf(timeCount, windowBins) * LANES_BYTES;
  const scale = <f32>1 / sqrt<f32>(<f32>headWidth);
  memory.fill(scratchPtr, 0, panel - scratchPtr);
  let p = probabilitiesPtr;
  for (let b = 0; b < batchCount; b++) {
    for (let h = 0; h < headCount; h++) {
      const headOffset = <usize>h * width;
      memory.fill(dkeys, 0, 2 * paddedTime * row);
      for (let t = 0; t < timeCount; t++) {
        const qkv = qkvPtr + (<usize>t * <usize>batchCount + <usize>b) * qkvRow + headOffset;
        rotateRow(keys + <usize>t * row, qkv + outRow, rotaryPtr + <usize>t * 2 * width, width, 1, 1);
        copyRow(values + <usize>t * row, qkv + 2 * outRow, width);
      }
      for (let query = 0; query < timeCount; query += QUERIES) {
        const first = firstKey(query, windowBins);
        const count = query + QUERIES - first;
        const end = min(QUERIES, timeCount - query);
        for (let c = 0; c < QUERIES; c++) {
          const at = <usize>c * row;
          const t = <usize>(query + c);
          if (c < end) {
            const rowIndex = t * <usize>batchCount + <usize>b;
            rotateRow(queries + at, qkvPtr + rowIndex * qkvRow + headOffset, rotaryPtr + t * 2 * width, width, 1, scale);
            copyRow(douts + at, doutPtr + rowIndex * outRow + headOffset, width);
          } else {
            memory.fill(queries + at, 0, row);
            memory.fill(douts + at, 0, row);
          }
        }
        transposeToPanel(panel, douts, row);
        const at = <usize>first * row;
        for (let j: usize = 0; j < <usize>count; j += 4) {
          tile(ds + j * LANES_BYTES, LANES_BYTES, values + at + j * row, row, 4, panel, LANES_BYTES, headWidth, false);
        }
        softmaxBackward(ds, p, count);
        for (let i: usize = 0; i < width; i += 16) {
          tile(dqueryPanel + i * 8, LANES_BYTES, keys + at + i, 4, row, ds, LANES_BYTES, count, false);
        }
        for (let j: usize = 0; j < <usize>count; j += 4) {
          const pRows = p + j * LANES_BYTES;
          const dsRows = ds + j * LANES_BYTES;
          const to = at + j * row;
          for (let i: usize = 0; i < row; i += 32) {
            tile(dvalues + to + i, row, pRows, LANES_BYTES, 4, douts + i, row, QUERIES, true);
            tile(dkeys + to + i, row, dsRows, LANES_BYTES, 4, queries + i, row, QUERIES, true);
          }
        }
        // The rows of the queries are no longer needed: they take the gradients, to be turned back.
        for (let c = 0; c < end; c++) {
          const t = <usize>(query + c);
          copyPanelColumn(queries, dqueryPanel, <usize>c, width);
          const dqkv = dqkvPtr + (t * <usize>batchCount + <usize>b) * qkvRow + headOffset;
          rotateRow(dqkv, queries, rotaryPtr + t * 2 * width, width, -1, scale);
        }
        p += blockBytes;
      }
      for (let t = 0; t < timeCount; t++) {
        const dqkv = dqkvPtr + (<usize>t * <usize>batchCount + <usize>b) * qkvRow + headOffset;
        rotateRow(dqkv + outRow, dkeys + <usize>t * row, rotaryPtr + <usize>t * 2 * width, width, -1, 1);
        copyRow(dqkv + 2 * outRow, dvalues + <usize>t * row, width);
      }
    }
  }
}
