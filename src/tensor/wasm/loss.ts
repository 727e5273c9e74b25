/** Losses. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordSquaredError(
  recorder: Recorder,
  predictionTensor: Tensor,
  targetTensor: Tensor,
  weightTensor: Tensor,
): Tensor {
  const { exports: k, arena } = recorder.kernels;
  const prediction = recorder.recorded(predictionTensor);
  const target = recorder.recorded(targetTensor);
  const weight = recorder.recorded(weightTensor);
  const [timeCount, batchCount, outCount] = prediction.shape;
  assert(target.count === prediction.count, 'squaredError: prediction and target have one shape');
  assert(weight.count === timeCount, 'squaredError: one weight per time step');
  let lossValue = 0;
  const loss = recorder.createScalar(() => lossValue);
  const weights = arena.float32(weight.ptr, timeCount);
  const globalBatch = recorder.options.batch?.globalCount ?? batchCount;
  const dpPtr = arena.allocate(prediction.count);
  const forward = (): void => {
    let weightSum = 0;
    for (let t = 0; t < timeCount; t++) weightSum += weights[t];
    const scale = 1 / (globalBatch * outCount * weightSum);
    lossValue = k.squaredError(
      dpPtr,
      prediction.ptr,
      target.ptr,
      weight.ptr,
      timeCount,
      batchCount * outCount,
      scale,
    );
  };
  const bindBackward = (): (() => void) => {
    const isAdding = claimGradient(prediction);
    return () => {
      if (isAdding === 0) k.zero(prediction.gradientPtr, prediction.count);
      k.accumulate(prediction.gradientPtr, dpPtr, prediction.count);
    };
  };
  recorder.push({ forward, bindBackward: prediction.gradientPtr === 0 ? undefined : bindBackward });
  return loss;
}
