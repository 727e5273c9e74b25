/** Neurons with an adaptive threshold: twin of assembly/alif.ts. What is saved is rounded to float32 at each step. */
import type { AlifKernels } from '../exports/alif.ts';
import { spike, surrogate as surrogateAt } from './spikes.ts';
import { forEachChannel, savedIndex } from './streams.ts';

/** @param memory all of the kernel memory */
export function alifReference(memory: Float32Array): AlifKernels {
  const words = new Int32Array(memory.buffer);

  return {
    alifScanForward(
      sPtr,
      uPtr,
      aPtr,
      yPtr,
      lnVthPtr,
      lnRhoPtr,
      timeCount,
      batchCount,
      channelCount,
      decay,
      adaptation,
    ) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        const isPadding = channel >= channelCount;
        const gain = isPadding ? 0 : Math.exp(-memory[lnVthPtr / 4 + channel]);
        const keep = Math.exp(-Math.exp(isPadding ? 0 : -memory[lnRhoPtr / 4 + channel]));
        let u = 0;
        let a = 0;
        for (let t = 0; t < timeCount; t++) {
          const at = (t * batchCount + b) * channelCount + channel;
          const saved = savedIndex(t, b, channel, timeCount, channelCount);
          u = Math.fround(decay * u + (isPadding ? 0 : gain * memory[yPtr / 4 + at]));
          memory[uPtr / 4 + saved] = u;
          memory[aPtr / 4 + saved] = a;
          const s = spike(u, Math.fround(1 + adaptation * a));
          if (!isPadding) memory[sPtr / 4 + at] = s;
          if (s === 1) u = 0;
          a = Math.fround(keep * a + s);
        }
      });
    },

    alifScanBackward(
      dyPtr,
      dlnVthPtr,
      dlnRhoPtr,
      dsPtr,
      uPtr,
      aPtr,
      lnVthPtr,
      lnRhoPtr,
      timeCount,
      batchCount,
      channelCount,
      decay,
      adaptation,
      surrogate,
      sharpness,
      accumulate,
    ) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        if (channel >= channelCount) return;
        const gain = Math.exp(-memory[lnVthPtr / 4 + channel]);
        const rho = Math.exp(memory[lnRhoPtr / 4 + channel]);
        const keep = Math.exp(-1 / rho);
        const saved = (ptr: number, t: number): number =>
          memory[ptr / 4 + savedIndex(t, b, channel, timeCount, channelCount)];
        const thresholdAt = (t: number): number => Math.fround(1 + adaptation * saved(aPtr, t));
        const kept = (t: number): number => (t < 0 || saved(uPtr, t) >= thresholdAt(t) ? 0 : saved(uPtr, t));
        let [g, alpha, product, dlnRho] = [0, 0, 0, 0];
        for (let t = timeCount - 1; t >= 0; t--) {
          const at = (t * batchCount + b) * channelCount + channel;
          const u = saved(uPtr, t);
          const slope = surrogateAt(u - thresholdAt(t), surrogate, sharpness);
          const e = (memory[dsPtr / 4 + at] + alpha) * slope;
          g = e + (u >= thresholdAt(t) ? 0 : decay * g);
          const value = gain * g;
          memory[dyPtr / 4 + at] = accumulate === 0 ? value : memory[dyPtr / 4 + at] + value;
          product += g * (u - decay * kept(t - 1));
          dlnRho += (alpha * saved(aPtr, t) * keep) / rho;
          alpha = keep * alpha - adaptation * e;
        }
        memory[dlnVthPtr / 4 + channel] -= product;
        memory[dlnRhoPtr / 4 + channel] += dlnRho;
      });
    },

    alifStep(listPtr, uPtr, aPtr, yPtr, keepPtr, channelCount, decay, adaptation) {
      let count = 0;
      let isFaulty = false;
      for (let channel = 0; channel < channelCount; channel++) {
        const a = memory[aPtr / 4 + channel];
        const u = Math.fround(decay * memory[uPtr / 4 + channel] + memory[yPtr / 4 + channel]);
        const fires = u >= Math.fround(1 + adaptation * a);
        if (fires) words[listPtr / 4 + count++] = channel;
        memory[uPtr / 4 + channel] = fires ? 0 : u;
        memory[aPtr / 4 + channel] = memory[keepPtr / 4 + channel] * a + (fires ? 1 : 0);
        isFaulty ||= Number.isNaN(u);
      }
      return isFaulty ? -1 : count;
    },
  };
}
