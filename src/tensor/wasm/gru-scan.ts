/** A GRU layer over time. */
import { assert } from '../../core/errors.ts';
import { GEMM_SCRATCH_COUNT } from '../../kernels/exports/gemm.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient, panelCount } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordGruScan(
  recorder: Recorder,
  gateInputTensor: Tensor,
  weightTensor: Tensor,
  biasTensor: Tensor,
): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const gi = recorder.recorded(gateInputTensor);
  const weight = recorder.recorded(weightTensor);
  const bias = recorder.recorded(biasTensor);
  const [timeCount, batchCount, gateCount] = gi.shape;
  const hiddenCount = gateCount / 3;
  assert(
    weight.shape[0] === gateCount && weight.shape[1] === hiddenCount && bias.count === gateCount,
    'gruScan: weight is [3H, H] and bias [3H]',
  );
  const stateCount = batchCount * hiddenCount;
  const rows = timeCount * batchCount;
  // h[0] is the zero state; the result is h[1..T].
  const statesPtr = arena.allocate((timeCount + 1) * stateCount);
  const gatesPtr = arena.allocate(4 * timeCount * stateCount); // r, z, n, W_hn h + b_hn
  const dghPtr = arena.allocate(3 * timeCount * stateCount); // gradient by W_hh h + b_hh
  const h = recorder.create([timeCount, batchCount, hiddenCount], true, statesPtr + stateCount * 4);
  const { scratch, packed } = recorder;
  packed.request(panelCount(hiddenCount, gateCount));
  packed.request(panelCount(gateCount, hiddenCount));
  packed.request(panelCount(rows, hiddenCount));
  scratch.request(GEMM_SCRATCH_COUNT + 3 * stateCount);
  const forward = (): void => {
    k.packPanels(packed.ptr, weight.ptr, 1, hiddenCount, hiddenCount, gateCount); // W_hh^T [H, 3H]
    k.gruScanForward(
      statesPtr,
      gatesPtr,
      gi.ptr,
      packed.ptr,
      bias.ptr,
      timeCount,
      batchCount,
      hiddenCount,
      scratch.ptr,
    );
  };
  const bindBackward = (): (() => void) => {
    const addGateInput = claimGradient(gi);
    const addWeight = claimGradient(weight);
    const addBias = claimGradient(bias);
    const dgiPtr =
      addGateInput === 0 && gi.gradientPtr !== 0
        ? gi.gradientPtr
        : arena.allocate(3 * timeCount * stateCount);
    return () => {
      k.packPanels(packed.ptr, weight.ptr, hiddenCount, 1, gateCount, hiddenCount); // W_hh [3H, H]
      k.gruScanBackward(
        dgiPtr,
        dghPtr,
        h.gradientPtr,
        statesPtr,
        gatesPtr,
        packed.ptr,
        timeCount,
        batchCount,
        hiddenCount,
        scratch.ptr,
      );
      if (gi.gradientPtr !== 0 && dgiPtr !== gi.gradientPtr) k.accumulate(gi.gradientPtr, dgiPtr, gi.count);
      if (addBias === 0) k.zero(bias.gradientPtr, gateCount);
      k.columnSums(bias.gradientPtr, dghPtr, rows, gateCount);
      if (weight.gradientPtr === 0) return;
      // dW_hh [3H, H] = dgh^T [3H, T B] h[0..T-1] [T B, H]
      k.packPanels(packed.ptr, statesPtr, hiddenCount, 1, rows, hiddenCount);
      k.gemm(
        weight.gradientPtr,
        hiddenCount,
        dghPtr,
        1,
        gateCount,
        packed.ptr,
        gateCount,
        hiddenCount,
        rows,
        addWeight,
        scratch.ptr,
      );
    };
  };
  recorder.push({ forward, bindBackward });
  return h;
}
