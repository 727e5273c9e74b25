/** Banded attention with rotary positions, in plain loops: twin of assembly/attention.ts and assembly/attention-step.ts. */
import type { AttentionKernels } from '../exports/attention.ts';

/** @param memory all of the kernel memory */
export function attentionReference(memory: Float32Array): AttentionKernels {
  /** x[width] turned by the angles of a position (direction 1), or turned back (-1). x and table are indices. */
  function turned(x: number, table: number, width: number, direction: 1 | -1): Float64Array {
    return turnedValues(memory.subarray(x, x + width), table, direction);
  }

  function turnedValues(x: ArrayLike<number>, table: number, direction: 1 | -1): Float64Array {
    const width = x.length;
    return Float64Array.from(x, (value, i) => {
      const partner = x[i % 2 === 0 ? i + 1 : i - 1];
      return value * memory[table + i] + direction * partner * memory[table + width + i];
    });
  }

  return {
    bandedAttention(
      outPtr,
      probabilitiesPtr,
      qkvPtr,
      rotaryPtr,
      timeCount,
      batchCount,
      headCount,
      headWidth,
      windowBins,
    ) {
      const width = headCount * headWidth;
      const blocks = blocksOf(probabilitiesPtr / 4, timeCount, headCount, windowBins);
      for (const { b, h, query, first, last, at } of blocks(batchCount)) {
        const rowOf = (t: number): number => qkvPtr / 4 + (t * batchCount + b) * 3 * width + h * headWidth;
        const table = (t: number): number => rotaryPtr / 4 + t * 2 * headWidth;
        for (let t = query; t < query + 8; t++) {
          const column = at + (t - query);
          for (let j = first; j <= last; j++) memory[column + 8 * (j - first)] = 0;
          if (t >= timeCount) continue;
          const q = turned(rowOf(t), table(t), headWidth, 1);
          const start = Math.max(0, t - windowBins + 1);
          const scores: number[] = [];
          for (let j = start; j <= t; j++) {
            scores.push(dot(q, turned(rowOf(j) + width, table(j), headWidth, 1)) / Math.sqrt(headWidth));
          }
          const p = softmax(scores);
          const out = outPtr / 4 + (t * batchCount + b) * width + h * headWidth;
          for (let i = 0; i < headWidth; i++) {
            let sum = 0;
            for (let j = start; j <= t; j++) sum += p[j - start] * memory[rowOf(j) + 2 * width + i];
            memory[out + i] = sum;
          }
          for (let j = start; j <= t; j++) memory[column + 8 * (j - first)] = p[j - start];
        }
      }
    },

    bandedAttentionBackward(
      dqkvPtr,
      doutPtr,
      probabilitiesPtr,
      qkvPtr,
      rotaryPtr,
      timeCount,
      batchCount,
      headCount,
      headWidth,
      windowBins,
    ) {
      const width = headCount * headWidth;
      const scale = 1 / Math.sqrt(headWidth);
      // In float64, by the turned q and k; turned back and stored at the end.
      const gradients = new Float64Array(timeCount * batchCount * 3 * width);
      const rowOf = (t: number, b: number, h: number): number =>
        (t * batchCount + b) * 3 * width + h * headWidth;
      const table = (t: number): number => rotaryPtr / 4 + t * 2 * headWidth;
      const blocks = blocksOf(probabilitiesPtr / 4, timeCount, headCount, windowBins);
      for (const { b, h, query, first, at } of blocks(batchCount)) {
        for (let t = query; t < Math.min(timeCount, query + 8); t++) {
          const dout = doutPtr / 4 + (t * batchCount + b) * width + h * headWidth;
          const start = Math.max(0, t - windowBins + 1);
          const p: number[] = [];
          const dp: number[] = [];
          for (let j = start; j <= t; j++) {
            const v = qkvPtr / 4 + rowOf(j, b, h) + 2 * width;
            p.push(memory[at + 8 * (j - first) + (t - query)]);
            dp.push(dot(memory.subarray(dout, dout + headWidth), memory.subarray(v, v + headWidth)));
          }
          const mean = dot(p, dp);
          const q = turned(qkvPtr / 4 + rowOf(t, b, h), table(t), headWidth, 1);
          for (let j = start; j <= t; j++) {
            const k = turned(qkvPtr / 4 + rowOf(j, b, h) + width, table(j), headWidth, 1);
            const ds = p[j - start] * (dp[j - start] - mean) * scale;
            for (let i = 0; i < headWidth; i++) {
              gradients[rowOf(t, b, h) + i] += ds * k[i];
              gradients[rowOf(j, b, h) + width + i] += ds * q[i];
              gradients[rowOf(j, b, h) + 2 * width + i] += p[j - start] * memory[dout + i];
            }
          }
        }
      }
      const dqkv = dqkvPtr / 4;
      for (let t = 0; t < timeCount; t++) {
        for (let at = t * batchCount * 3 * width; at < (t + 1) * batchCount * 3 * width; at += headWidth) {
          const gradient = gradients.subarray(at, at + headWidth);
          const isValue = at % (3 * width) >= 2 * width;
          memory.set(isValue ? gradient : turnedValues(gradient, table(t), -1), dqkv + at);
        }
      }
    },

    attentionStep(outPtr, ringPtr, qkvPtr, rotaryPtr, headCount, headWidth, windowBins, earlierCount) {
      const width = headCount * headWidth;
      const row = Math.ceil(headWidth / 4) * 4;
      const slot = earlierCount % windowBins;
      const filled = Math.min(earlierCount + 1, windowBins);
      const table = (position: number): number => rotaryPtr / 4 + position * 2 * headWidth;
      for (let h = 0; h < headCount; h++) {
        const query = qkvPtr / 4 + h * headWidth;
        const keys = ringPtr / 4 + h * 2 * windowBins * row;
        const values = keys + windowBins * row;
        memory.set(turned(query + width, table(slot), headWidth, 1), keys + slot * row);
        memory.copyWithin(values + slot * row, query + 2 * width, query + 2 * width + headWidth);
        const scores = Array.from({ length: filled }, (_, j) => {
          const q = turned(query, table(j <= slot ? slot : slot + windowBins), headWidth, 1);
          const k = keys + j * row;
          return dot(q, memory.subarray(k, k + headWidth)) / Math.sqrt(headWidth);
        });
        const p = softmax(scores);
        for (let i = 0; i < headWidth; i++) {
          let sum = 0;
          for (let j = 0; j < filled; j++) sum += p[j] * memory[values + j * row + i];
          memory[outPtr / 4 + h * headWidth + i] = sum;
        }
      }
    },
  };
}

/** A block of eight queries of one head of one batch row, and where its probabilities [keys][8] stand. */
interface Block {
  b: number;
  h: number;
  /** First query. */
  query: number;
  /** First and last key. */
  first: number;
  last: number;
  at: number;
}

function blocksOf(
  probabilities: number,
  timeCount: number,
  headCount: number,
  windowBins: number,
): (batchCount: number) => Block[] {
  const blockCount = Math.ceil(timeCount / 8);
  const span = Math.min(8 * blockCount, Math.floor((windowBins + 10) / 4) * 4);
  return (batchCount) =>
    Array.from({ length: batchCount * headCount * blockCount }, (_, index) => {
      const query = 8 * (index % blockCount);
      return {
        b: Math.floor(index / (headCount * blockCount)),
        h: Math.floor(index / blockCount) % headCount,
        query,
        first: Math.floor(Math.max(0, query - windowBins + 1) / 4) * 4,
        last: query + 7,
        at: probabilities + index * span * 8,
      };
    });
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function softmax(scores: readonly number[]): number[] {
  const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
