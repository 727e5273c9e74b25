/** What follows spikes: twin of assembly/spike-events.ts. */
import type { SpikeEventKernels } from '../exports/spike-events.ts';
import { packedIndex } from './matvec.ts';

/** @param memory all of the kernel memory */
export function spikeEventsReference(memory: Float32Array): SpikeEventKernels {
  const words = new Int32Array(memory.buffer);
  return {
    matvecSpikes(yPtr, packedPtr, biasPtr, listPtr, spikeCount, rows, cols) {
      const [y, packed, bias, list] = [yPtr / 4, packedPtr / 4, biasPtr / 4, listPtr / 4];
      for (let row = 0; row < 24 * Math.ceil(rows / 24); row++) {
        let sum = memory[bias + row];
        for (let i = 0; i < spikeCount; i++) sum += memory[packed + packedIndex(row, words[list + i], cols)];
        memory[y + row] = sum;
      }
    },

    spikeRates(ratesPtr, sPtr, timeCount, batchCount, channelCount) {
      for (let b = 0; b < batchCount; b++) {
        let sum = 0;
        for (let t = 0; t < timeCount; t++) {
          const row = sPtr / 4 + (t * batchCount + b) * channelCount;
          for (let channel = 0; channel < channelCount; channel++) sum += memory[row + channel];
        }
        memory[ratesPtr / 4 + b] = sum / (timeCount * channelCount);
      }
    },

    addToRows(dsPtr, slopesPtr, timeCount, batchCount, channelCount) {
      const count = timeCount * batchCount * channelCount;
      for (let i = 0; i < count; i++) {
        memory[dsPtr / 4 + i] += memory[slopesPtr / 4 + (Math.floor(i / channelCount) % batchCount)];
      }
    },
  };
}
