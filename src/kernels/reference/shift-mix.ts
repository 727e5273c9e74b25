/** Token shift of RWKV: twin of assembly/shift-mix.ts, which has the equations. */
import type { ShiftMixKernels } from '../exports/shift-mix.ts';

/** @param memory all of the kernel memory */
export function shiftMixReference(memory: Float32Array): ShiftMixKernels {
  return {
    shiftMix(yPtr, xPtr, muPtr, timeCount, batchCount, count) {
      const [y, x, mu] = [yPtr / 4, xPtr / 4, muPtr / 4];
      const stepCount = batchCount * count;
      for (let at = 0; at < timeCount * stepCount; at++) {
        const previous = at < stepCount ? 0 : memory[x + at - stepCount];
        memory[y + at] = previous + memory[mu + (at % count)] * (memory[x + at] - previous);
      }
    },

    shiftMixBackward(dxPtr, dmuPtr, dyPtr, xPtr, muPtr, timeCount, batchCount, count, accumulate) {
      const [dx, dmu, dy, x, mu] = [dxPtr / 4, dmuPtr / 4, dyPtr / 4, xPtr / 4, muPtr / 4];
      const stepCount = batchCount * count;
      const total = timeCount * stepCount;
      const dmuSums = Float64Array.from(memory.subarray(dmu, dmu + count));
      for (let at = 0; at < total; at++) {
        const share = memory[mu + (at % count)];
        const previous = at < stepCount ? 0 : memory[x + at - stepCount];
        const dyNext = at + stepCount < total ? memory[dy + at + stepCount] : 0;
        const value = dyNext + share * (memory[dy + at] - dyNext);
        dmuSums[at % count] += memory[dy + at] * (memory[x + at] - previous);
        memory[dx + at] = accumulate === 0 ? value : memory[dx + at] + value;
      }
      memory.set(dmuSums, dmu);
    },

    shiftMixStep(yPtr, previousPtr, xPtr, muPtr, mixCount, count) {
      const [y, previous, x, mu] = [yPtr / 4, previousPtr / 4, xPtr / 4, muPtr / 4];
      for (let at = 0; at < mixCount * count; at++) {
        const before = memory[previous + (at % count)];
        memory[y + at] = before + memory[mu + at] * (memory[x + (at % count)] - before);
      }
      memory.copyWithin(previous, x, x + count);
    },
  };
}
