/** The recurrence of RWKV-4 over time. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { RecordedTensor, Recorder } from './recorder.ts';

export function recordWkvScan(
  recorder: Recorder,
  keyTensor: Tensor,
  valueTensor: Tensor,
  decayTensor: Tensor,
  firstTensor: Tensor,
): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const [key, value] = recorder.pair(keyTensor, valueTensor);
  const decay = recorder.recorded(decayTensor);
  const first = recorder.recorded(firstTensor);
  const [timeCount, batchCount, count] = key.shape;
  assert(
    decay.shape.join() === `${count}` && first.shape.join() === `${count}`,
    'wkvScan: one decay and one first weight per feature',
  );
  const y = recorder.create(key.shape, true);
  const statesPtr = arena.allocate((timeCount + 1) * batchCount * 3 * count);
  const { scratch } = recorder;
  scratch.request(2 * count * (1 + batchCount));
  const forward = (): void => {
    k.wkvScanForward(
      y.ptr,
      statesPtr,
      key.ptr,
      value.ptr,
      decay.ptr,
      first.ptr,
      timeCount,
      batchCount,
      count,
      scratch.ptr,
    );
  };
  const bindBackward = (): (() => void) => {
    const dKey = claimWritten(recorder, key);
    const dValue = claimWritten(recorder, value);
    const addDecay = claimGradient(decay);
    const addFirst = claimGradient(first);
    return () => {
      if (addDecay === 0) k.zero(decay.gradientPtr, count);
      if (addFirst === 0) k.zero(first.gradientPtr, count);
      k.wkvScanBackward(
        dKey.ptr,
        dValue.ptr,
        decay.gradientPtr,
        first.gradientPtr,
        y.gradientPtr,
        statesPtr,
        key.ptr,
        value.ptr,
        decay.ptr,
        first.ptr,
        timeCount,
        batchCount,
        count,
        scratch.ptr,
      );
      dKey.finish();
      dValue.finish();
    };
  };
  recorder.push({ forward, bindBackward });
  return y;
}

/** Where a kernel that writes, and does not add, puts the gradient by a tensor; `finish` adds it to what is there. */
function claimWritten(recorder: Recorder, tensor: RecordedTensor): { ptr: number; finish: () => void } {
  const { exports: k, arena } = recorder.kernels;
  const isAdding = claimGradient(tensor) === 1;
  const { gradientPtr, count } = tensor;
  if (!isAdding && gradientPtr !== 0) return { ptr: gradientPtr, finish: () => undefined };
  const ptr = arena.allocate(count);
  const finish = (): void => {
    if (gradientPtr !== 0) k.accumulate(gradientPtr, ptr, count);
  };
  return { ptr, finish };
}
