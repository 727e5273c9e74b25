/** A step mixed with the one before it. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordShiftMix(recorder: Recorder, xTensor: Tensor, muTensor: Tensor): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const mu = recorder.recorded(muTensor);
  const [timeCount, batchCount, count] = x.shape;
  assert(mu.shape.join() === `${count}`, 'shiftMix: one share per feature');
  const y = recorder.create(x.shape, true);
  const unusedPtr = x.gradientPtr === 0 ? arena.allocate(x.count) : 0; // x is data: its gradient goes nowhere
  const bindBackward = (): (() => void) => {
    const addX = claimGradient(x);
    const addMu = claimGradient(mu);
    const dxPtr = x.gradientPtr === 0 ? unusedPtr : x.gradientPtr;
    return () => {
      if (addMu === 0) k.zero(mu.gradientPtr, count);
      k.shiftMixBackward(
        dxPtr,
        mu.gradientPtr,
        y.gradientPtr,
        x.ptr,
        mu.ptr,
        timeCount,
        batchCount,
        count,
        addX,
      );
    };
  };
  recorder.push({
    forward: () => {
      k.shiftMix(y.ptr, x.ptr, mu.ptr, timeCount, batchCount, count);
    },
    bindBackward,
  });
  return y;
}
