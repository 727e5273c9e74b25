/** Causal depthwise convolution: twin of assembly/causal-conv.ts. */
import type { CausalConvKernels } from '../exports/causal-conv.ts';

/** @param memory all of the kernel memory */
export function causalConvReference(memory: Float32Array): CausalConvKernels {
  return {
    causalConv(yPtr, xPtr, weightPtr, biasPtr, timeCount, batchCount, channelCount, tapCount) {
      const [y, x, weight, bias] = [yPtr / 4, xPtr / 4, weightPtr / 4, biasPtr / 4];
      const rowCount = batchCount * channelCount;
      for (let t = 0; t < timeCount; t++) {
        for (let row = 0; row < rowCount; row++) {
          const c = row % channelCount;
          let sum = memory[bias + c];
          for (let k = Math.max(0, tapCount - 1 - t); k < tapCount; k++) {
            sum += memory[weight + c * tapCount + k] * memory[x + (t - tapCount + 1 + k) * rowCount + row];
          }
          memory[y + t * rowCount + row] = sum;
        }
      }
    },

    causalConvBackward(
      dxPtr,
      dWeightPtr,
      dBiasPtr,
      dyPtr,
      xPtr,
      weightPtr,
      timeCount,
      batchCount,
      channelCount,
      tapCount,
    ) {
      const [dx, dWeight, dBias] = [dxPtr / 4, dWeightPtr / 4, dBiasPtr / 4];
      const [dy, x, weight] = [dyPtr / 4, xPtr / 4, weightPtr / 4];
      const rowCount = batchCount * channelCount;
      for (let t = 0; t < timeCount; t++) {
        for (let row = 0; row < rowCount; row++) {
          const c = row % channelCount;
          const gradient = memory[dy + t * rowCount + row];
          memory[dBias + c] += gradient;
          for (let k = Math.max(0, tapCount - 1 - t); k < tapCount; k++) {
            const source = (t - tapCount + 1 + k) * rowCount + row;
            memory[dx + source] += memory[weight + c * tapCount + k] * gradient;
            memory[dWeight + c * tapCount + k] += gradient * memory[x + source];
          }
        }
      }
    },

    causalConvStep(yPtr, historyPtr, xPtr, tapsPtr, biasPtr, channelCount, tapCount) {
      const [y, history, x, taps, bias] = [yPtr / 4, historyPtr / 4, xPtr / 4, tapsPtr / 4, biasPtr / 4];
      for (let c = 0; c < channelCount; c++) {
        let sum = memory[bias + c] + memory[taps + (tapCount - 1) * channelCount + c] * memory[x + c];
        for (let k = 0; k < tapCount - 1; k++) {
          const at = k * channelCount + c;
          sum += memory[taps + at] * memory[history + at];
          memory[history + at] = k === tapCount - 2 ? memory[x + c] : memory[history + at + channelCount];
        }
        memory[y + c] = sum;
      }
    },
  };
}
