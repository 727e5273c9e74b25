/** A diagonal state space model over time. */
import { s4dScratchCount } from '../../kernels/exports/s4d.ts';
import type { Tensor } from '../engine.ts';
import { addS4dGradients, assertS4dShapes, discretiseS4d, s4dCoefficientCount } from '../s4d.ts';
import type { S4dArrays, S4dTensors } from '../s4d.ts';
import { claimGradient } from './recorder.ts';
import type { RecordedTensor, Recorder } from './recorder.ts';

export function recordS4dScan(recorder: Recorder, uTensor: Tensor, tensors: S4dTensors): Tensor {
  const { exports: k, arena } = recorder.kernels;
  assertS4dShapes(uTensor, tensors);
  const u = recorder.recorded(uTensor);
  const logDt = recorder.recorded(tensors.logDt);
  const logAReal = recorder.recorded(tensors.logAReal);
  const aImag = recorder.recorded(tensors.aImag);
  const c = recorder.recorded(tensors.c);
  const d = recorder.recorded(tensors.d);
  const [timeCount, batchCount, channelCount] = u.shape;
  const stateCount = logAReal.shape[1];
  const y = recorder.create(u.shape, true);
  const { scratch } = recorder;
  scratch.request(s4dScratchCount(timeCount));
  const count = s4dCoefficientCount(channelCount, stateCount);
  const coefficientsPtr = arena.allocate(count);
  const sumsPtr = arena.allocate(count);
  const coefficients = arena.float32(coefficientsPtr, count);
  const sums = arena.float32(sumsPtr, count);
  const steps = new Float64Array(4 * logAReal.count);
  const unusedPtr = u.gradientPtr === 0 ? arena.allocate(u.count) : 0; // u is data: its gradient goes nowhere
  const view = (ptr: number, tensor: RecordedTensor): Float32Array => arena.float32(ptr, tensor.count);
  const learned = { logDt, logAReal, aImag, c };
  const arraysOf = (place: (tensor: RecordedTensor) => number): S4dArrays => ({
    logDt: view(place(logDt), logDt),
    logAReal: view(place(logAReal), logAReal),
    aImag: view(place(aImag), aImag),
    c: view(place(c), c),
  });
  const parameters = arraysOf(({ ptr }) => ptr);
  const forward = (): void => {
    discretiseS4d(coefficients, steps, parameters);
    k.s4dScanForward(
      y.ptr,
      u.ptr,
      coefficientsPtr,
      d.ptr,
      timeCount,
      batchCount,
      channelCount,
      stateCount,
      scratch.ptr,
    );
  };
  const bindBackward = (): (() => void) => {
    const fresh = [...Object.values(learned), d].filter((tensor) => claimGradient(tensor) === 0);
    const addU = claimGradient(u);
    const gradients = arraysOf(({ gradientPtr }) => gradientPtr);
    return () => {
      for (const tensor of fresh) k.zero(tensor.gradientPtr, tensor.count);
      k.zero(sumsPtr, count);
      k.s4dScanBackward(
        u.gradientPtr === 0 ? unusedPtr : u.gradientPtr,
        sumsPtr,
        d.gradientPtr,
        y.gradientPtr,
        u.ptr,
        coefficientsPtr,
        d.ptr,
        timeCount,
        batchCount,
        channelCount,
        stateCount,
        addU,
        scratch.ptr,
      );
      addS4dGradients(gradients, sums, steps, parameters);
    };
  };
  recorder.push({ forward, bindBackward });
  return y;
}
