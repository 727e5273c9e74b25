/** Layer norm and RMS norm. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { NORM_EPSILON } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordLayerNorm(
  recorder: Recorder,
  xTensor: Tensor,
  gainTensor: Tensor,
  biasTensor: Tensor,
): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const gain = recorder.recorded(gainTensor);
  const bias = recorder.recorded(biasTensor);
  const cols = x.shape.at(-1) ?? 0;
  assert(gain.count === cols && bias.count === cols, 'layerNorm: one gain and one bias per feature');
  const rows = x.count / cols;
  const y = recorder.create(x.shape, true);
  const statsPtr = arena.allocate(2 * rows);
  const unusedPtr = x.gradientPtr === 0 ? arena.allocate(x.count) : 0; // x is data: its gradient goes nowhere
  const bindBackward = (): (() => void) => {
    const addX = claimGradient(x);
    const addGain = claimGradient(gain);
    const addBias = claimGradient(bias);
    const dxPtr = x.gradientPtr === 0 ? unusedPtr : x.gradientPtr;
    return () => {
      if (addGain === 0) k.zero(gain.gradientPtr, cols);
      if (addBias === 0) k.zero(bias.gradientPtr, cols);
      k.layerNormBackward(
        dxPtr,
        gain.gradientPtr,
        bias.gradientPtr,
        y.gradientPtr,
        x.ptr,
        statsPtr,
        gain.ptr,
        rows,
        cols,
        addX,
      );
    };
  };
  recorder.push({
    forward: () => {
      k.layerNorm(y.ptr, statsPtr, x.ptr, gain.ptr, bias.ptr, rows, cols, NORM_EPSILON);
    },
    bindBackward,
  });
  return y;
}

export function recordRmsNorm(recorder: Recorder, xTensor: Tensor, gainTensor: Tensor): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const gain = recorder.recorded(gainTensor);
  const cols = x.shape.at(-1) ?? 0;
  assert(gain.count === cols, 'rmsNorm: one gain per feature');
  const rows = x.count / cols;
  const y = recorder.create(x.shape, true);
  const statsPtr = arena.allocate(rows);
  const unusedPtr = x.gradientPtr === 0 ? arena.allocate(x.count) : 0;
  const bindBackward = (): (() => void) => {
    const addX = claimGradient(x);
    const addGain = claimGradient(gain);
    const dxPtr = x.gradientPtr === 0 ? unusedPtr : x.gradientPtr;
    return () => {
      if (addGain === 0) k.zero(gain.gradientPtr, cols);
      k.rmsNormBackward(dxPtr, gain.gradientPtr, y.gradientPtr, x.ptr, statsPtr, gain.ptr, rows, cols, addX);
    };
  };
  recorder.push({
    forward: () => {
      k.rmsNorm(y.ptr, statsPtr, x.ptr, gain.ptr, rows, cols, NORM_EPSILON);
    },
    bindBackward,
  });
  return y;
}
