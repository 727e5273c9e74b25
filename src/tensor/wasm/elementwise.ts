/** Sums, products and activation functions, element by element. */
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordAdd(recorder: Recorder, aTensor: Tensor, bTensor: Tensor): Tensor {
  const { exports: k } = recorder.kernels;
  const [a, b] = recorder.pair(aTensor, bTensor);
  const y = recorder.create(a.shape, true);
  const bindBackward = (): (() => void) => {
    const starts = [a, b].map((tensor) => ({ tensor, isAdding: claimGradient(tensor) }));
    return () => {
      for (const { tensor, isAdding } of starts) {
        if (tensor.gradientPtr === 0) continue;
        if (isAdding === 0) k.zero(tensor.gradientPtr, tensor.count);
        k.accumulate(tensor.gradientPtr, y.gradientPtr, tensor.count);
      }
    };
  };
  recorder.push({
    forward: () => {
      k.add(y.ptr, a.ptr, b.ptr, y.count);
    },
    bindBackward,
  });
  return y;
}

export function recordMultiply(recorder: Recorder, aTensor: Tensor, bTensor: Tensor): Tensor {
  const { exports: k } = recorder.kernels;
  const [a, b] = recorder.pair(aTensor, bTensor);
  const y = recorder.create(a.shape, true);
  const bindBackward = (): (() => void) => {
    const starts = [
      { tensor: a, factor: b, isAdding: claimGradient(a) },
      { tensor: b, factor: a, isAdding: claimGradient(b) },
    ];
    return () => {
      for (const { tensor, factor, isAdding } of starts) {
        if (tensor.gradientPtr === 0) continue;
        if (isAdding === 0) k.zero(tensor.gradientPtr, tensor.count);
        k.multiplyAdd(tensor.gradientPtr, y.gradientPtr, factor.ptr, tensor.count);
      }
    };
  };
  recorder.push({
    forward: () => {
      k.multiply(y.ptr, a.ptr, b.ptr, y.count);
    },
    bindBackward,
  });
  return y;
}

type Unary = 'sigmoid' | 'tanh' | 'silu' | 'gelu' | 'softplus' | 'squaredRelu';

/** What the slope of an activation is computed from: its result, or its argument. */
const SLOPE_FROM: Readonly<Record<Unary, 'result' | 'argument'>> = {
  sigmoid: 'result',
  tanh: 'result',
  silu: 'argument',
  gelu: 'argument',
  softplus: 'argument',
  squaredRelu: 'argument',
};

export function recordActivation(recorder: Recorder, xTensor: Tensor, name: Unary): Tensor {
  const { exports: k } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const y = recorder.create(x.shape, true);
  const source = SLOPE_FROM[name] === 'result' ? y : x;
  const bindBackward = (): (() => void) => {
    const isAdding = claimGradient(x);
    return () => {
      if (isAdding === 0) k.zero(x.gradientPtr, x.count);
      k[`${name}Backward`](x.gradientPtr, y.gradientPtr, source.ptr, x.count);
    };
  };
  recorder.push({
    forward: () => {
      k[name](y.ptr, x.ptr, x.count);
    },
    bindBackward: x.gradientPtr === 0 ? undefined : bindBackward,
  });
  return y;
}
