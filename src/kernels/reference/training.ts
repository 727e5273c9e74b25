/** Dropout, loss and optimiser: twin of assembly/training.ts. */
import { hash32 } from '../../core/rng.ts';
import type { TrainingKernels } from '../exports/training.ts';

/** @param memory all of the kernel memory */
export function trainingReference(memory: Float32Array): TrainingKernels {
  return {
    dropout(yPtr, xPtr, rows, cols, firstIndex, indexStride, seed, step, keepBelow, scale, accumulate) {
      const [y, x] = [yPtr / 4, xPtr / 4];
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < cols; j++) {
          const isKept = hash32(seed, step, firstIndex + i * indexStride + j) < keepBelow >>> 0;
          const at = i * cols + j;
          // A dropped element is 0 whatever it was, also NaN.
          const value = isKept ? memory[x + at] * Math.fround(scale) : 0;
          memory[y + at] = accumulate === 0 ? value : memory[y + at] + value;
        }
      }
    },

    squaredError(dpPtr, pPtr, yPtr, weightPtr, timeCount, rowCount, scale) {
      const [dp, p, y, weights] = [dpPtr / 4, pPtr / 4, yPtr / 4, weightPtr / 4];
      let loss = 0;
      for (let t = 0; t < timeCount; t++) {
        const weight = scale * memory[weights + t];
        for (let at = t * rowCount; at < (t + 1) * rowCount; at++) {
          const error = memory[p + at] - memory[y + at];
          memory[dp + at] = 2 * weight * error;
          loss += weight * error * error;
        }
      }
      return loss;
    },

    adamw(
      parameterPtr,
      gradientPtr,
      firstMomentPtr,
      secondMomentPtr,
      count,
      learningRate,
      beta1,
      beta2,
      epsilon,
      weightDecay,
      correction1,
      correction2,
      gradientScale,
    ) {
      const [parameters, gradients] = [parameterPtr / 4, gradientPtr / 4];
      const [firstMoments, secondMoments] = [firstMomentPtr / 4, secondMomentPtr / 4];
      for (let i = 0; i < count; i++) {
        const gradient = memory[gradients + i] * gradientScale;
        const m = beta1 * memory[firstMoments + i] + (1 - beta1) * gradient;
        const v = beta2 * memory[secondMoments + i] + (1 - beta2) * gradient * gradient;
        const direction = m / correction1 / (Math.sqrt(v / correction2) + epsilon);
        memory[firstMoments + i] = m;
        memory[secondMoments + i] = v;
        memory[parameters + i] -= learningRate * (weightDecay * memory[parameters + i] + direction);
      }
    },
  };
}
