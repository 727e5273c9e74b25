/** A block of features of every row. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordSlice(recorder: Recorder, xTensor: Tensor, start: number, count: number): Tensor {
  const { exports: k } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const width = x.shape.at(-1) ?? 0;
  assert(start >= 0 && count > 0 && start + count <= width, 'slice: a block of the features');
  const rows = x.count / width;
  const y = recorder.create([...x.shape.slice(0, -1), count], true);
  const offset = 4 * start;
  const bindBackward = (): (() => void) => {
    const isAdding = claimGradient(x);
    return () => {
      if (isAdding === 0) k.zero(x.gradientPtr, x.count);
      k.addColumns(x.gradientPtr + offset, width, y.gradientPtr, count, rows, count);
    };
  };
  recorder.push({
    forward: () => {
      k.copyColumns(y.ptr, count, x.ptr + offset, width, rows, count);
    },
    bindBackward: x.gradientPtr === 0 ? undefined : bindBackward,
  });
  return y;
}
