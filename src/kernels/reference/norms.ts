/** Layer norm and RMS norm: twin of assembly/norms.ts. */
import type { NormKernels } from '../exports/norms.ts';

/** @param memory all of the kernel memory */
export function normsReference(memory: Float32Array): NormKernels {
  /** One row of the backward pass of either norm. */
  const backwardRow = (
    row: { dx: number; dy: number; x: number; dgain: number; dbias: number | undefined; gain: number },
    cols: number,
    mean: number,
    rstd: number,
    accumulate: number,
  ): void => {
    const { dx, dy, x, dgain, dbias, gain } = row;
    let gMean = 0;
    let gnMean = 0;
    for (let c = 0; c < cols; c++) {
      const n = (memory[x + c] - mean) * rstd;
      const g = memory[dy + c] * memory[gain + c];
      memory[dgain + c] += memory[dy + c] * n;
      if (dbias !== undefined) {
        memory[dbias + c] += memory[dy + c];
        gMean += g / cols;
      }
      gnMean += (g * n) / cols;
    }
    for (let c = 0; c < cols; c++) {
      const n = (memory[x + c] - mean) * rstd;
      const value = rstd * (memory[dy + c] * memory[gain + c] - gMean - n * gnMean);
      memory[dx + c] = accumulate === 0 ? value : memory[dx + c] + value;
    }
  };
  return {
    layerNorm(yPtr, statsPtr, xPtr, gainPtr, biasPtr, rows, cols, epsilon) {
      const [gain, bias, stats] = [gainPtr / 4, biasPtr / 4, statsPtr / 4];
      for (let r = 0; r < rows; r++) {
        const [y, x] = [yPtr / 4 + r * cols, xPtr / 4 + r * cols];
        let mean = 0;
        for (let c = 0; c < cols; c++) mean += memory[x + c] / cols;
        let variance = 0;
        for (let c = 0; c < cols; c++) variance += (memory[x + c] - mean) ** 2 / cols;
        const rstd = 1 / Math.sqrt(variance + epsilon);
        memory[stats + 2 * r] = mean;
        memory[stats + 2 * r + 1] = rstd;
        for (let c = 0; c < cols; c++) {
          memory[y + c] = (memory[x + c] - mean) * rstd * memory[gain + c] + memory[bias + c];
        }
      }
    },

    layerNormBackward(dxPtr, dgainPtr, dbiasPtr, dyPtr, xPtr, statsPtr, gainPtr, rows, cols, accumulate) {
      for (let r = 0; r < rows; r++) {
        const row = {
          dx: dxPtr / 4 + r * cols,
          dy: dyPtr / 4 + r * cols,
          x: xPtr / 4 + r * cols,
          dgain: dgainPtr / 4,
          dbias: dbiasPtr / 4,
          gain: gainPtr / 4,
        };
        const stats = statsPtr / 4 + 2 * r;
        backwardRow(row, cols, memory[stats], memory[stats + 1], accumulate);
      }
    },

    rmsNorm(yPtr, statsPtr, xPtr, gainPtr, rows, cols, epsilon) {
      const [gain, stats] = [gainPtr / 4, statsPtr / 4];
      for (let r = 0; r < rows; r++) {
        const [y, x] = [yPtr / 4 + r * cols, xPtr / 4 + r * cols];
        let square = 0;
        for (let c = 0; c < cols; c++) square += memory[x + c] ** 2 / cols;
        const rstd = 1 / Math.sqrt(square + epsilon);
        memory[stats + r] = rstd;
        for (let c = 0; c < cols; c++) memory[y + c] = memory[x + c] * rstd * memory[gain + c];
      }
    },

    rmsNormBackward(dxPtr, dgainPtr, dyPtr, xPtr, statsPtr, gainPtr, rows, cols, accumulate) {
      for (let r = 0; r < rows; r++) {
        const row = {
          dx: dxPtr / 4 + r * cols,
          dy: dyPtr / 4 + r * cols,
          x: xPtr / 4 + r * cols,
          dgain: dgainPtr / 4,
          dbias: undefined,
          gain: gainPtr / 4,
        };
        backwardRow(row, cols, 0, memory[statsPtr / 4 + r], accumulate);
      }
    },
  };
}
