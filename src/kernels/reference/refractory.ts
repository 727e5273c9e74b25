/** Neurons with a refractory trace: twin of assembly/refractory.ts. Membranes are rounded to float32 at each step. */
import type { RefractoryKernels } from '../exports/refractory.ts';
import { spike, surrogate as surrogateAt } from './spikes.ts';
import { forEachChannel, savedIndex } from './streams.ts';

/** @param memory all of the kernel memory */
export function refractoryReference(memory: Float32Array): RefractoryKernels {
  const words = new Int32Array(memory.buffer);

  return {
    refractoryScanForward(
      sPtr,
      uPtr,
      yPtr,
      lnVthPtr,
      lnMagnitudePtr,
      timeCount,
      batchCount,
      channelCount,
      decay,
      traceDecay,
    ) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        const isPadding = channel >= channelCount;
        const gain = isPadding ? 0 : Math.exp(-memory[lnVthPtr / 4 + channel]);
        const magnitude = isPadding ? 0 : Math.exp(memory[lnMagnitudePtr / 4 + channel]);
        let u = 0;
        let r = 0;
        for (let t = 0; t < timeCount; t++) {
          const at = (t * batchCount + b) * channelCount + channel;
          const drive = isPadding ? 0 : gain * memory[yPtr / 4 + at];
          u = Math.fround(decay * u + drive - magnitude * r);
          memory[uPtr / 4 + savedIndex(t, b, channel, timeCount, channelCount)] = u;
          const s = spike(u, 1);
          if (!isPadding) memory[sPtr / 4 + at] = s;
          r = traceDecay * r + s;
        }
      });
    },

    refractoryScanBackward(
      dyPtr,
      dlnVthPtr,
      dlnMagnitudePtr,
      dsPtr,
      uPtr,
      lnVthPtr,
      lnMagnitudePtr,
      timeCount,
      batchCount,
      channelCount,
      decay,
      traceDecay,
      surrogate,
      sharpness,
      accumulate,
    ) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        if (channel >= channelCount) return;
        const gain = Math.exp(-memory[lnVthPtr / 4 + channel]);
        const magnitude = Math.exp(memory[lnMagnitudePtr / 4 + channel]);
        const membrane = (t: number): number =>
          t < 0 ? 0 : memory[uPtr / 4 + savedIndex(t, b, channel, timeCount, channelCount)];
        const gs = new Float64Array(timeCount + 1);
        for (let t = timeCount - 1; t >= 0; t--) {
          const at = (t * batchCount + b) * channelCount + channel;
          const slope = surrogateAt(membrane(t) - 1, surrogate, sharpness);
          gs[t] = memory[dsPtr / 4 + at] * slope + decay * gs[t + 1];
          const value = gain * gs[t];
          memory[dyPtr / 4 + at] = accumulate === 0 ? value : memory[dyPtr / 4 + at] + value;
        }
        let [r, drives, traces] = [0, 0, 0];
        for (let t = 0; t < timeCount; t++) {
          const drive = membrane(t) - decay * membrane(t - 1) + magnitude * r;
          drives += gs[t] * drive;
          traces += gs[t] * magnitude * r;
          r = traceDecay * r + spike(membrane(t), 1);
        }
        memory[dlnVthPtr / 4 + channel] -= drives;
        memory[dlnMagnitudePtr / 4 + channel] -= traces;
      });
    },

    refractoryStep(listPtr, uPtr, rPtr, yPtr, magnitudePtr, channelCount, decay, traceDecay) {
      let count = 0;
      let isFaulty = false;
      for (let channel = 0; channel < channelCount; channel++) {
        const r = memory[rPtr / 4 + channel];
        const drive = memory[yPtr / 4 + channel] - memory[magnitudePtr / 4 + channel] * r;
        const u = Math.fround(decay * memory[uPtr / 4 + channel] + drive);
        if (u >= 1) words[listPtr / 4 + count++] = channel;
        memory[uPtr / 4 + channel] = u;
        memory[rPtr / 4 + channel] = traceDecay * r + (u >= 1 ? 1 : 0);
        isFaulty ||= Number.isNaN(u);
      }
      return isFaulty ? -1 : count;
    },
  };
}
