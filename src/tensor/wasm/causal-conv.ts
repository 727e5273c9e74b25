/** Causal depthwise convolution over time. */
import { assert } from '../../core/errors.ts';
import { causalConvScratchCount } from '../../kernels/exports/causal-conv.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordCausalConv(
  recorder: Recorder,
  xTensor: Tensor,
  weightTensor: Tensor,
  biasTensor: Tensor,
): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const weight = recorder.recorded(weightTensor);
  const bias = recorder.recorded(biasTensor);
  const [timeCount, batchCount, channelCount] = x.shape;
  const tapCount = weight.count / channelCount;
  assert(
    weight.shape.join() === `${channelCount},1,${tapCount}` && bias.count === channelCount,
    'causalConv: weight is [F, 1, K] and bias [F]',
  );
  const y = recorder.create(x.shape, true);
  const { scratch } = recorder;
  scratch.request(causalConvScratchCount(channelCount, tapCount));
  const unusedPtr = x.gradientPtr === 0 ? arena.allocate(x.count) : 0; // x is data: its gradient goes nowhere
  const forward = (): void => {
    k.causalConv(
      y.ptr,
      x.ptr,
      weight.ptr,
      bias.ptr,
      timeCount,
      batchCount,
      channelCount,
      tapCount,
      scratch.ptr,
    );
  };
  const bindBackward = (): (() => void) => {
    const fresh = [x, weight, bias].filter(
      (tensor) => claimGradient(tensor) === 0 && tensor.gradientPtr !== 0,
    );
    const dxPtr = x.gradientPtr === 0 ? unusedPtr : x.gradientPtr;
    return () => {
      for (const { gradientPtr, count } of fresh) k.zero(gradientPtr, count);
      k.causalConvBackward(
        dxPtr,
        weight.gradientPtr,
        bias.gradientPtr,
        y.gradientPtr,
        x.ptr,
        weight.ptr,
        timeCount,
        batchCount,
        channelCount,
        tapCount,
        scratch.ptr,
      );
    };
  };
  recorder.push({ forward, bindBackward });
  return y;
}
