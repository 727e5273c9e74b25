/** Integer leaky integrate-and-fire neurons: twin of assembly/ilif.ts. Membranes are rounded to float32 at each step. */
import type { IlifKernels } from '../exports/ilif.ts';
import { forEachChannel, savedIndex } from './streams.ts';

/** How often a neuron fires: 0 to levelCount. */
export function firings(u: number, levelCount: number): number {
  return Math.floor(Math.fround(Math.max(0, Math.min(u, levelCount)) + 0.5));
}

/** @param memory all of the kernel memory */
export function ilifReference(memory: Float32Array): IlifKernels {
  const words = new Int32Array(memory.buffer);

  return {
    ilifScanForward(sPtr, uPtr, yPtr, lnVthPtr, timeCount, batchCount, channelCount, decay, levelCount) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        const isPadding = channel >= channelCount;
        const gain = isPadding ? 0 : Math.exp(-memory[lnVthPtr / 4 + channel]);
        let u = 0;
        for (let t = 0; t < timeCount; t++) {
          const at = (t * batchCount + b) * channelCount + channel;
          u = Math.fround(decay * u + (isPadding ? 0 : gain * memory[yPtr / 4 + at]));
          memory[uPtr / 4 + savedIndex(t, b, channel, timeCount, channelCount)] = u;
          const k = firings(u, levelCount);
          if (!isPadding) memory[sPtr / 4 + at] = k / levelCount;
          u = Math.fround(u - k);
        }
      });
    },

    ilifScanBackward(
      dyPtr,
      dlnVthPtr,
      dsPtr,
      uPtr,
      lnVthPtr,
      timeCount,
      batchCount,
      channelCount,
      decay,
      levelCount,
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
          const isOpen = u >= 0 && u <= levelCount;
          g = decay * g + (isOpen ? memory[dsPtr / 4 + at] / levelCount : 0);
          const value = gain * g;
          memory[dyPtr / 4 + at] = accumulate === 0 ? value : memory[dyPtr / 4 + at] + value;
          const before = membrane(t - 1);
          product += g * (u - decay * (before - firings(before, levelCount)));
        }
        memory[dlnVthPtr / 4 + channel] -= product;
      });
    },

    ilifStep(listPtr, uPtr, yPtr, channelCount, decay, levelCount) {
      let count = 0;
      let isFaulty = false;
      for (let group = 0; group < channelCount; group += 4) {
        const us = [0, 1, 2, 3].map((lane) =>
          Math.fround(decay * memory[uPtr / 4 + group + lane] + memory[yPtr / 4 + group + lane]),
        );
        isFaulty ||= us.some(Number.isNaN);
        for (let level = 0; level < levelCount; level++) {
          us.forEach((u, lane) => {
            if (!(Math.fround(u + 0.5) >= 1)) return;
            words[listPtr / 4 + count++] = group + lane;
            us[lane] = Math.fround(u - 1);
          });
        }
        memory.set(us, uPtr / 4 + group);
      }
      return isFaulty ? -1 : count;
    },
  };
}
