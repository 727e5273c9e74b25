/** Recurrence of RWKV-4: twin of assembly/wkv.ts, which has the equations and why the backward pass may hold pp fixed. */
import type { WkvKernels } from '../exports/wkv.ts';
import { logistic } from './activations.ts';

/** In place of minus infinity. */
const EMPTY = -1e30;

/** exp(a - max(a, b)) and exp(b - max(a, b)) from a - b. */
function weights(difference: number): [number, number] {
  const smaller = Math.exp(-Math.abs(difference));
  return difference >= 0 ? [1, smaller] : [smaller, 1];
}

/** @param memory all of the kernel memory */
export function wkvReference(memory: Float32Array): WkvKernels {
  /** Channel at `state` (aa; bb and pp are `count` further each) by one step, into `next`. Returns wkv. */
  function advance(
    next: number,
    state: number,
    count: number,
    k: number,
    v: number,
    w: number,
    u: number,
  ): number {
    const [aa, bb, pp] = [memory[state], memory[state + count], memory[state + 2 * count]];
    const [e1, e2] = weights(pp - (u + k));
    const [f1, f2] = weights(pp + w - k);
    memory[next] = f1 * aa + f2 * v;
    memory[next + count] = f1 * bb + f2;
    memory[next + 2 * count] = pp + w >= k ? pp + w : k;
    return (e1 * aa + e2 * v) / (e1 * bb + e2);
  }

  return {
    wkvScanForward(yPtr, statesPtr, kPtr, vPtr, decayPtr, firstPtr, timeCount, batchCount, count) {
      const [y, states, k, v] = [yPtr / 4, statesPtr / 4, kPtr / 4, vPtr / 4];
      const [decay, first] = [decayPtr / 4, firstPtr / 4];
      for (let i = 0; i < batchCount * 3 * count; i++) {
        memory[states + i] = Math.floor(i / count) % 3 === 2 ? EMPTY : 0;
      }
      for (let row = 0; row < timeCount * batchCount; row++) {
        for (let i = 0; i < count; i++) {
          const at = row * count + i;
          const state = states + 3 * row * count + i;
          const w = -Math.exp(memory[decay + i]);
          const next = state + 3 * batchCount * count;
          memory[y + at] = advance(next, state, count, memory[k + at], memory[v + at], w, memory[first + i]);
        }
      }
    },

    wkvScanBackward(
      dkPtr,
      dvPtr,
      ddecayPtr,
      dfirstPtr,
      dyPtr,
      statesPtr,
      kPtr,
      vPtr,
      decayPtr,
      firstPtr,
      timeCount,
      batchCount,
      count,
    ) {
      const [dk, dv, dy, states] = [dkPtr / 4, dvPtr / 4, dyPtr / 4, statesPtr / 4];
      for (let i = 0; i < count; i++) {
        const w = -Math.exp(memory[decayPtr / 4 + i]);
        const u = memory[firstPtr / 4 + i];
        let dw = 0;
        let du = 0;
        for (let b = 0; b < batchCount; b++) {
          let daNext = 0; // gradients by aa and bb after the step
          let dbNext = 0;
          for (let t = timeCount - 1; t >= 0; t--) {
            const row = t * batchCount + b;
            const at = row * count + i;
            const state = states + 3 * row * count + i;
            const [aa, bb, pp] = [memory[state], memory[state + count], memory[state + 2 * count]];
            const [k, v] = [memory[kPtr / 4 + at], memory[vPtr / 4 + at]];
            const [e1, e2] = weights(pp - (u + k));
            const denominator = e1 * bb + e2;
            const wkv = (e1 * aa + e2 * v) / denominator;
            const dNumerator = memory[dy + at] / denominator;
            const dDenominator = -dNumerator * wkv;
            const dRead = e2 * (dNumerator * v + dDenominator); // by u + k
            const [f1, f2] = weights(pp + w - k);
            du += dRead;
            dw += f1 * (daNext * aa + dbNext * bb);
            memory[dk + at] = dRead + f2 * (daNext * v + dbNext);
            memory[dv + at] = e2 * dNumerator + f2 * daNext;
            daNext = f1 * daNext + e1 * dNumerator;
            dbNext = f1 * dbNext + e1 * dDenominator;
          }
        }
        memory[ddecayPtr / 4 + i] += dw * w;
        memory[dfirstPtr / 4 + i] += du;
      }
    },

    wkvStep(yPtr, statePtr, rPtr, kPtr, vPtr, wPtr, uPtr, count) {
      const [y, r, k, v, w, u] = [yPtr, rPtr, kPtr, vPtr, wPtr, uPtr].map((ptr) => ptr / 4);
      for (let i = 0; i < count; i++) {
        const state = statePtr / 4 + i;
        const gate = logistic(memory[r + i]);
        const wkv = advance(state, state, count, memory[k + i], memory[v + i], memory[w + i], memory[u + i]);
        memory[y + i] = gate * wkv;
      }
    },
  };
}
