/** y = x W^T + b and its gradients, each one packed matrix product. */
import { assert } from '../../core/errors.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient, panelCount } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordLinear(
  recorder: Recorder,
  xTensor: Tensor,
  weightTensor: Tensor,
  biasTensor?: Tensor,
): Tensor {
  const { exports: k } = recorder.kernels;
  const x = recorder.recorded(xTensor);
  const weight = recorder.recorded(weightTensor);
  const bias = biasTensor === undefined ? undefined : recorder.recorded(biasTensor);
  const [outCount, inCount] = weight.shape;
  const rows = x.count / inCount;
  assert(
    x.shape.at(-1) === inCount,
    `linear: x ends in ${String(x.shape.at(-1))}, the weight takes ${inCount}`,
  );
  assert(bias === undefined || bias.count === outCount, 'linear: one bias per output');
  const y = recorder.create([...x.shape.slice(0, -1), outCount], true); // [..., O]
  const { scratch, packed } = recorder;
  packed.request(panelCount(inCount, outCount));
  packed.request(panelCount(rows, inCount));
  packed.request(panelCount(outCount, inCount));
  const forward = (): void => {
    k.packPanels(packed.ptr, weight.ptr, 1, inCount, inCount, outCount); // W^T [I, O]
    if (bias !== undefined) k.fillRows(y.ptr, bias.ptr, rows, outCount);
    const isAdding = bias === undefined ? 0 : 1;
    k.gemm(y.ptr, outCount, x.ptr, inCount, 1, packed.ptr, rows, outCount, inCount, isAdding, scratch.ptr);
  };
  const bindBackward = (): (() => void) => {
    const addWeight = claimGradient(weight);
    const addBias = bias === undefined ? 0 : claimGradient(bias);
    const addX = claimGradient(x);
    return () => {
      if (weight.gradientPtr !== 0) {
        // dW [O, I] = dy^T [O, rows] x [rows, I]
        k.packPanels(packed.ptr, x.ptr, inCount, 1, rows, inCount);
        k.gemm(
          weight.gradientPtr,
          inCount,
          y.gradientPtr,
          1,
          outCount,
          packed.ptr,
          outCount,
          inCount,
          rows,
          addWeight,
          scratch.ptr,
        );
      }
      if (bias !== undefined && bias.gradientPtr !== 0) {
        if (addBias === 0) k.zero(bias.gradientPtr, outCount);
        k.columnSums(bias.gradientPtr, y.gradientPtr, rows, outCount);
      }
      if (x.gradientPtr !== 0) {
        // dx [rows, I] = dy [rows, O] W [O, I]
        k.packPanels(packed.ptr, weight.ptr, inCount, 1, outCount, inCount);
        k.gemm(
          x.gradientPtr,
          inCount,
          y.gradientPtr,
          outCount,
          1,
          packed.ptr,
          rows,
          inCount,
          outCount,
          addX,
          scratch.ptr,
        );
      }
    };
  };
  recorder.push({ forward, bindBackward });
  return y;
}
