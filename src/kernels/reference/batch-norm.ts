/** Normalisation over rows: twin of assembly/batch-norm.ts. */
import type { BatchNormKernels } from '../exports/batch-norm.ts';

/** @param memory all of the kernel memory */
export function batchNormReference(memory: Float32Array): BatchNormKernels {
  const mean = (rows: number, value: (row: number) => number): number => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += value(row);
    return sum / rows;
  };

  return {
    batchNorm(yPtr, statsPtr, xPtr, gainPtr, biasPtr, rows, cols, epsilon) {
      for (let c = 0; c < cols; c++) {
        const x = (row: number): number => memory[xPtr / 4 + row * cols + c];
        const centre = mean(rows, x);
        const variance = mean(rows, (row) => (x(row) - centre) ** 2);
        memory[statsPtr / 4 + c] = centre;
        memory[statsPtr / 4 + cols + c] = variance;
        const scale = memory[gainPtr / 4 + c] / Math.sqrt(variance + epsilon);
        for (let row = 0; row < rows; row++)
          memory[yPtr / 4 + row * cols + c] = scale * (x(row) - centre) + memory[biasPtr / 4 + c];
      }
    },

    batchNormBackward(
      dxPtr,
      dgainPtr,
      dbiasPtr,
      dyPtr,
      xPtr,
      statsPtr,
      gainPtr,
      rows,
      cols,
      epsilon,
      accumulate,
    ) {
      for (let c = 0; c < cols; c++) {
        const rstd = 1 / Math.sqrt(memory[statsPtr / 4 + cols + c] + epsilon);
        const dy = (row: number): number => memory[dyPtr / 4 + row * cols + c];
        const n = (row: number): number =>
          (memory[xPtr / 4 + row * cols + c] - memory[statsPtr / 4 + c]) * rstd;
        const dyMean = mean(rows, dy);
        const dynMean = mean(rows, (row) => dy(row) * n(row));
        memory[dgainPtr / 4 + c] += rows === 0 ? 0 : rows * dynMean;
        memory[dbiasPtr / 4 + c] += rows === 0 ? 0 : rows * dyMean;
        for (let row = 0; row < rows; row++) {
          const value = memory[gainPtr / 4 + c] * rstd * (dy(row) - dyMean - n(row) * dynMean);
          const to = dxPtr / 4 + row * cols + c;
          memory[to] = accumulate === 0 ? value : memory[to] + value;
        }
      }
    },

    columnAffine(yPtr, xPtr, scalePtr, offsetPtr, rows, cols) {
      for (let i = 0; i < rows * cols; i++) {
        const c = i % cols;
        memory[yPtr / 4 + i] = memory[scalePtr / 4 + c] * memory[xPtr / 4 + i] + memory[offsetPtr / 4 + c];
      }
    },
  };
}
