/** Leaky integrate-and-fire neurons: twin of assembly/lif.ts. Membranes are rounded to float32 at each step. */
import type { LifKernels } from '../exports/lif.ts';
import { spike, surrogate as surrogateAt } from './spikes.ts';
import { forEachChannel, savedIndex } from './streams.ts';

/** @param memory all of the kernel memory */
export function lifReference(memory: Float32Array): LifKernels {
  const words = new Int32Array(memory.buffer);
  const kept = (u: number): number => (u >= 1 ? 0 : u);

  return {
    lifScanForward(sPtr, uPtr, yPtr, lnVthPtr, timeCount, batchCount, channelCount, decay) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        let u = 0;
        for (let t = 0; t < timeCount; t++) {
          const at = (t * batchCount + b) * channelCount + channel;
          const isPadding = channel >= channelCount;
          const drive = isPadding ? 0 : Math.exp(-memory[lnVthPtr / 4 + channel]) * memory[yPtr / 4 + at];
          u = Math.fround(decay * u + drive);
          memory[uPtr / 4 + savedIndex(t, b, channel, timeCount, channelCount)] = u;
          if (!isPadding) memory[sPtr / 4 + at] = spike(u, 1);
          u = kept(u);
        }
      });
    },

    lifScanBackward(
      dyPtr,
      dlnVthPtr,
      dsPtr,
      uPtr,
      lnVthPtr,
      timeCount,
      batchCount,
      channelCount,
      decay,
      surrogate,
      sharpness,
      accumulate,
    ) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        if (channel >= channelCount) return;
        const gain = Math.exp(-memory[lnVthPtr / 4 + channel]);
        const membrane = (t: number): number =>
          t < 0 ? 0 : memory[uPtr / 4 + savedIndex(t, b, channel, timeCount, channelCount)];
        let g = 0;
        let product = 0;
        for (let t = timeCount - 1; t >= 0; t--) {
          const at = (t * batchCount + b) * channelCount + channel;
          const u = membrane(t);
          const slope = surrogateAt(u - 1, surrogate, sharpness);
          g = memory[dsPtr / 4 + at] * slope + (u >= 1 ? 0 : decay * g);
          const value = gain * g;
          memory[dyPtr / 4 + at] = accumulate === 0 ? value : memory[dyPtr / 4 + at] + value;
          product += g * (u - decay * kept(membrane(t - 1)));
        }
        memory[dlnVthPtr / 4 + channel] -= product;
      });
    },

    lifStep(listPtr, uPtr, yPtr, channelCount, decay) {
      let count = 0;
      let isFaulty = false;
      for (let channel = 0; channel < channelCount; channel++) {
        const u = Math.fround(decay * memory[uPtr / 4 + channel] + memory[yPtr / 4 + channel]);
        if (u >= 1) words[listPtr / 4 + count++] = channel;
        memory[uPtr / 4 + channel] = kept(u);
        isFaulty ||= Number.isNaN(u);
      }
      return isFaulty ? -1 : count;
    },
  };
}
