/** Gated linear unit. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordGlu(recorder: Recorder, xTensor: Tensor): Tensor {
  const { exports: k } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const width = x.shape.at(-1) ?? 0;
  assert(width > 0 && width % 2 === 0, 'glu: an even number of features');
  const cols = width / 2;
  const rows = x.count / width;
  const y = recorder.create([...x.shape.slice(0, -1), cols], true);
  const bindBackward = (): (() => void) => {
    const isAdding = claimGradient(x);
    return () => {
      k.gluBackward(x.gradientPtr, y.gradientPtr, x.ptr, rows, cols, isAdding);
    };
  };
  recorder.push({
    forward: () => {
      k.glu(y.ptr, x.ptr, rows, cols);
    },
    bindBackward: x.gradientPtr === 0 ? undefined : bindBackward,
  });
  return y;
}
