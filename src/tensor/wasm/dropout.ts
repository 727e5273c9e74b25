/** Dropout with masks that do not depend on how the batch is split. */
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordDropout(recorder: Recorder, xTensor: Tensor, rate: number, salt: number): Tensor {
  if (rate === 0) return xTensor;
  const { exports: k } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const [timeCount, batchCount, featureCount] = x.shape;
  const y = recorder.create(x.shape, x.gradientPtr !== 0);
  const { batch } = recorder.options;
  const rowLength = batchCount * featureCount;
  const firstIndex = (batch?.start ?? 0) * featureCount;
  const indexStride = (batch?.globalCount ?? batchCount) * featureCount;
  const seed = (recorder.options.seed + salt) >>> 0;
  const keepBelow = keepThreshold(rate);
  const scale = 1 / (1 - rate);
  const apply = (yPtr: number, xPtr: number, isAdding: number): void => {
    k.dropout(
      yPtr,
      xPtr,
      timeCount,
      rowLength,
      firstIndex,
      indexStride,
      seed,
      recorder.step,
      keepBelow,
      scale,
      isAdding,
    );
  };
  const forward = (): void => {
    if (recorder.isTraining) apply(y.ptr, x.ptr, 0);
    else k.fillRows(y.ptr, x.ptr, 1, x.count); // one row: a copy
  };
  const bindBackward = (): (() => void) => {
    const addX = claimGradient(x);
    return () => {
      apply(x.gradientPtr, y.gradientPtr, addX);
    };
  };
  recorder.push({ forward, bindBackward: x.gradientPtr === 0 ? undefined : bindBackward });
  return y;
}

/** Elements whose 32-bit hash is below this are kept. */
function keepThreshold(rate: number): number {
  return Math.min(0xffffffff, Math.round((1 - rate) * 4294967296));
}
