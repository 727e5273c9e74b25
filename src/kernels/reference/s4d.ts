/** Diagonal state space models: twin of assembly/s4d.ts. */
import type { S4dKernels } from '../exports/s4d.ts';
import { forEachChannel } from './streams.ts';

/** @param memory all of the kernel memory */
export function s4dReference(memory: Float32Array): S4dKernels {
  /** Place of part 0 to 3 (a real, a imaginary, c real, c imaginary) of a state. */
  const place = (ptr: number, channel: number, n: number, stateCount: number, part: number): number =>
    ptr / 4 + ((Math.floor(channel / 4) * stateCount + n) * 4 + part) * 4 + (channel % 4);
  const partsOf = (ptr: number, channel: number, n: number, stateCount: number): number[] =>
    [0, 1, 2, 3].map((part) => memory[place(ptr, channel, n, stateCount, part)]);

  return {
    s4dScanForward(yPtr, uPtr, coefficientsPtr, dPtr, timeCount, batchCount, channelCount, stateCount) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        if (channel >= channelCount) return;
        const y = new Float64Array(timeCount);
        const at = (t: number): number => (t * batchCount + b) * channelCount + channel;
        for (let n = 0; n < stateCount; n++) {
          const [aReal, aImag, cReal, cImag] = partsOf(coefficientsPtr, channel, n, stateCount);
          let [hReal, hImag] = [0, 0];
          for (let t = 0; t < timeCount; t++) {
            [hReal, hImag] = [
              aReal * hReal - aImag * hImag + memory[uPtr / 4 + at(t)],
              aReal * hImag + aImag * hReal,
            ];
            y[t] += cReal * hReal - cImag * hImag;
          }
        }
        for (let t = 0; t < timeCount; t++)
          memory[yPtr / 4 + at(t)] = y[t] + memory[dPtr / 4 + channel] * memory[uPtr / 4 + at(t)];
      });
    },

    s4dScanBackward(
      duPtr,
      sumsPtr,
      ddPtr,
      dyPtr,
      uPtr,
      coefficientsPtr,
      dPtr,
      timeCount,
      batchCount,
      channelCount,
      stateCount,
      accumulate,
    ) {
      forEachChannel(batchCount, channelCount, (b, channel) => {
        if (channel >= channelCount) return;
        const at = (t: number): number => (t * batchCount + b) * channelCount + channel;
        const du = new Float64Array(timeCount);
        for (let n = 0; n < stateCount; n++) {
          const [aReal, aImag, cReal, cImag] = partsOf(coefficientsPtr, channel, n, stateCount);
          const sums = [0, 0, 0, 0];
          const states = [[0, 0]]; // h[t-1] of each t
          for (let t = 0; t < timeCount; t++) {
            const [real, imag] = states[t];
            const h = [aReal * real - aImag * imag + memory[uPtr / 4 + at(t)], aReal * imag + aImag * real];
            states.push(h);
            sums[2] += memory[dyPtr / 4 + at(t)] * h[0];
            sums[3] += memory[dyPtr / 4 + at(t)] * h[1];
          }
          let [vReal, vImag] = [0, 0];
          for (let t = timeCount - 1; t >= 0; t--) {
            [vReal, vImag] = [
              aReal * vReal - aImag * vImag + memory[dyPtr / 4 + at(t)],
              aReal * vImag + aImag * vReal,
            ];
            du[t] += cReal * vReal - cImag * vImag;
            const [real, imag] = states[t];
            sums[0] += vReal * real - vImag * imag;
            sums[1] += vReal * imag + vImag * real;
          }
          sums.forEach((sum, part) => {
            memory[place(sumsPtr, channel, n, stateCount, part)] += sum;
          });
        }
        for (let t = 0; t < timeCount; t++) {
          const dy = memory[dyPtr / 4 + at(t)];
          memory[ddPtr / 4 + channel] += dy * memory[uPtr / 4 + at(t)];
          const value = du[t] + memory[dPtr / 4 + channel] * dy;
          const to = duPtr / 4 + at(t);
          memory[to] = accumulate === 0 ? value : memory[to] + value;
        }
      });
    },

    s4dStep(yPtr, hPtr, uPtr, coefficientsPtr, dPtr, channelCount, stateCount) {
      for (let channel = 0; channel < channelCount; channel++) {
        const u = memory[uPtr / 4 + channel];
        let y = memory[dPtr / 4 + channel] * u;
        for (let n = 0; n < stateCount; n++) {
          const [aReal, aImag, cReal, cImag] = partsOf(coefficientsPtr, channel, n, stateCount);
          const h = hPtr / 4 + (Math.floor(channel / 4) * stateCount + n) * 8 + (channel % 4);
          const real = aReal * memory[h] - aImag * memory[h + 4] + u;
          memory[h + 4] = aReal * memory[h + 4] + aImag * memory[h];
          memory[h] = real;
          y += cReal * memory[h] - cImag * memory[h + 4];
        }
        memory[yPtr / 4 + channel] = y;
      }
    },
  };
}
