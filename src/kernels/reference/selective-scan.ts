/**
 * The selective state space of Mamba in plain loops: twin of assembly/selective-scan.ts, which has the equations. The
 * backward pass is the chain rule written out, one channel of one sequence at a time.
 */
import { CHANNEL_GROUP } from '../exports/selective-scan.ts';
import type { SelectiveScanKernels } from '../exports/selective-scan.ts';

/** @param memory all of the kernel memory */
export function selectiveScanReference(memory: Float32Array): SelectiveScanKernels {
  /** A of a channel [N], from packed decays. */
  const decaysOf = (decayPtr: number, channel: number, stateCount: number): Float64Array =>
    Float64Array.from(
      { length: stateCount },
      (_, n) => memory[decayPtr / 4 + laneIndex(channel, n, stateCount)] * Math.LN2,
    );

  return {
    packDecays(packedPtr, aLogPtr, channelCount, stateCount) {
      const paddedChannels = Math.ceil(channelCount / CHANNEL_GROUP) * CHANNEL_GROUP;
      for (let d = 0; d < paddedChannels; d++) {
        for (let n = 0; n < stateCount; n++) {
          const aLog = d < channelCount ? memory[aLogPtr / 4 + d * stateCount + n] : 0;
          memory[packedPtr / 4 + laneIndex(d, n, stateCount)] = -Math.exp(aLog) * Math.LOG2E;
        }
      }
    },

    selectiveScan(
      yPtr,
      xPtr,
      dtPtr,
      decayPtr,
      bPtr,
      cPtr,
      skipPtr,
      timeCount,
      batchCount,
      channelCount,
      stateCount,
    ) {
      for (let d = 0; d < channelCount; d++) {
        const decays = decaysOf(decayPtr, d, stateCount);
        const skip = memory[skipPtr / 4 + d];
        for (let row = 0; row < batchCount; row++) {
          const h = new Float64Array(stateCount);
          for (let t = 0; t < timeCount; t++) {
            const at = (t * batchCount + row) * channelCount + d;
            const [b, c] = [bPtr / 4, cPtr / 4].map((ptr) => ptr + (t * batchCount + row) * stateCount);
            const [x, dt] = [memory[xPtr / 4 + at], memory[dtPtr / 4 + at]];
            let y = skip * x;
            for (let n = 0; n < stateCount; n++) {
              h[n] = Math.exp(dt * decays[n]) * h[n] + dt * x * memory[b + n];
              y += memory[c + n] * h[n];
            }
            memory[yPtr / 4 + at] = y;
          }
        }
      }
    },

    selectiveScanBackward(
      dxPtr,
      ddtPtr,
      daLogPtr,
      dbPtr,
      dcPtr,
      dSkipPtr,
      dyPtr,
      xPtr,
      dtPtr,
      decayPtr,
      bPtr,
      cPtr,
      skipPtr,
      timeCount,
      batchCount,
      channelCount,
      stateCount,
    ) {
      // Gradients by B and C are sums over channels: kept in float64 until all channels are done.
      const db = new Float64Array(timeCount * batchCount * stateCount);
      const dc = new Float64Array(timeCount * batchCount * stateCount);
      for (let d = 0; d < channelCount; d++) {
        const decays = decaysOf(decayPtr, d, stateCount);
        const skip = memory[skipPtr / 4 + d];
        const da = new Float64Array(stateCount);
        let dSkip = 0;
        for (let row = 0; row < batchCount; row++) {
          const states = [new Float64Array(stateCount)]; // h before the first step, after the first, ...
          for (let t = 0; t < timeCount; t++) {
            const at = (t * batchCount + row) * channelCount + d;
            const [x, dt] = [memory[xPtr / 4 + at], memory[dtPtr / 4 + at]];
            const b = bPtr / 4 + (t * batchCount + row) * stateCount;
            states.push(states[t].map((h, n) => Math.exp(dt * decays[n]) * h + dt * x * memory[b + n]));
          }
          const carry = new Float64Array(stateCount); // gradient by h[t] that comes from later steps
          for (let t = timeCount - 1; t >= 0; t--) {
            const at = (t * batchCount + row) * channelCount + d;
            const [x, dt, dy] = [xPtr, dtPtr, dyPtr].map((ptr) => memory[ptr / 4 + at]);
            const stateAt = (t * batchCount + row) * stateCount;
            let dx = skip * dy;
            let ddt = 0;
            dSkip += dy * x;
            for (let n = 0; n < stateCount; n++) {
              const factor = Math.exp(dt * decays[n]);
              const dh = memory[cPtr / 4 + stateAt + n] * dy + carry[n];
              const dExponent = dh * states[t][n] * factor; // by dt A
              const b = memory[bPtr / 4 + stateAt + n];
              dx += dh * dt * b;
              ddt += dh * x * b + dExponent * decays[n];
              da[n] += dExponent * dt;
              db[stateAt + n] += dh * dt * x;
              dc[stateAt + n] += dy * states[t + 1][n];
              carry[n] = dh * factor;
            }
            memory[dxPtr / 4 + at] += dx;
            memory[ddtPtr / 4 + at] += ddt;
          }
        }
        for (let n = 0; n < stateCount; n++) memory[daLogPtr / 4 + d * stateCount + n] += da[n] * decays[n];
        memory[dSkipPtr / 4 + d] += dSkip;
      }
      db.forEach((value, i) => (memory[dbPtr / 4 + i] += value));
      dc.forEach((value, i) => (memory[dcPtr / 4 + i] += value));
    },

    selectiveStep(yPtr, hPtr, xPtr, dtPtr, decayPtr, bPtr, cPtr, skipPtr, channelCount, stateCount) {
      const paddedChannels = Math.ceil(channelCount / CHANNEL_GROUP) * CHANNEL_GROUP;
      for (let d = 0; d < paddedChannels; d++) {
        const [x, dt] = [memory[xPtr / 4 + d], memory[dtPtr / 4 + d]];
        const decays = decaysOf(decayPtr, d, stateCount);
        let y = memory[skipPtr / 4 + d] * x;
        for (let n = 0; n < stateCount; n++) {
          const h = hPtr / 4 + laneIndex(d, n, stateCount);
          const next = Math.exp(dt * decays[n]) * memory[h] + dt * x * memory[bPtr / 4 + n];
          memory[h] = next;
          y += memory[cPtr / 4 + n] * next;
        }
        memory[yPtr / 4 + d] = y;
      }
    },
  };
}

/** Place of (channel, state) in [ceil(channels/4)][N][4]. */
function laneIndex(channel: number, state: number, stateCount: number): number {
  const group = Math.floor(channel / CHANNEL_GROUP);
  return (group * stateCount + state) * CHANNEL_GROUP + (channel % CHANNEL_GROUP);
}
