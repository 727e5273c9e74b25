/** Sequences side by side in one batch: for every time step the rows of one tensor after those of another. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordJoinBatch(recorder: Recorder, tensors: readonly Tensor[]): Tensor {
  const { exports: k } = recorder.kernels;
  const parts = tensors.map((tensor) => recorder.recorded(tensor));
  const [timeCount, , width] = parts[0].shape;
  assert(
    parts.every(({ shape }) => shape.length === 3 && shape[0] === timeCount && shape[2] === width),
    'joinBatch: sequences of one length and width',
  );
  const batchCount = parts.reduce((sum, { shape }) => sum + shape[1], 0);
  const y = recorder.create([timeCount, batchCount, width], true); // [T, B, F], B the sum of all
  const stride = batchCount * width;
  let offset = 0; // bytes into a time step
  const places = parts.map((part) => {
    const place = { part, offset, cols: part.shape[1] * width };
    offset += 4 * place.cols;
    return place;
  });
  const bindBackward = (): (() => void) => {
    const claims = places.map((place) => ({ ...place, isAdding: claimGradient(place.part) }));
    return () => {
      for (const { part, offset: at, cols, isAdding } of claims) {
        if (part.gradientPtr === 0) continue;
        if (isAdding === 0)
          k.copyColumns(part.gradientPtr, cols, y.gradientPtr + at, stride, timeCount, cols);
        else k.addColumns(part.gradientPtr, cols, y.gradientPtr + at, stride, timeCount, cols);
      }
    };
  };
  recorder.push({
    forward: () => {
      for (const { part, offset: at, cols } of places) {
        k.copyColumns(y.ptr + at, stride, part.ptr, cols, timeCount, cols);
      }
    },
    bindBackward: parts.some(({ gradientPtr }) => gradientPtr !== 0) ? bindBackward : undefined,
  });
  return y;
}
