/** Batch norm: by the statistics of the rows in training, by running ones otherwise. */
import { batchNormScratchCount } from '../../kernels/exports/batch-norm.ts';
import { assertBatchNormShapes } from '../batch-norm.ts';
import type { BatchNormTensors } from '../batch-norm.ts';
import { NORM_EPSILON } from '../engine.ts';
import type { Tensor } from '../engine.ts';
import { claimGradient } from './recorder.ts';
import type { Recorder } from './recorder.ts';

export function recordBatchNorm(recorder: Recorder, xTensor: Tensor, tensors: BatchNormTensors): Tensor {
  const { exports: k, arena } = recorder.kernels;
  assertBatchNormShapes(xTensor, tensors);
  const x = recorder.recorded(xTensor);
  const gain = recorder.recorded(tensors.gain);
  const bias = recorder.recorded(tensors.bias);
  const runningMean = recorder.recorded(tensors.runningMean);
  const runningVariance = recorder.recorded(tensors.runningVariance);
  const cols = x.shape[2];
  const rows = x.count / cols;
  const y = recorder.create(x.shape, true);
  const { scratch } = recorder;
  scratch.request(batchNormScratchCount(cols));
  const statsPtr = arena.allocate(2 * cols);
  const means = arena.float32(statsPtr, cols);
  const variances = arena.float32(statsPtr + 4 * cols, cols);
  const unusedPtr = x.gradientPtr === 0 ? arena.allocate(x.count) : 0; // x is data: its gradient goes nowhere
  const scalePtr = arena.allocate(2 * cols);
  const foldRunning = bindFold(recorder, scalePtr, tensors);
  const forward = (): void => {
    if (recorder.isTraining) {
      k.batchNorm(y.ptr, statsPtr, x.ptr, gain.ptr, bias.ptr, rows, cols, NORM_EPSILON, scratch.ptr);
    } else {
      foldRunning();
      k.columnAffine(y.ptr, x.ptr, scalePtr, scalePtr + 4 * cols, rows, cols);
    }
  };
  const share = x.shape[1] / (recorder.options.batch?.globalCount ?? x.shape[1]);
  const unbiased = rows > 1 ? rows / (rows - 1) : 1;
  const bindBackward = (): (() => void) => {
    const fresh = [gain, bias, runningMean, runningVariance].filter((tensor) => claimGradient(tensor) === 0);
    const addX = claimGradient(x);
    const meanShares = arena.float32(runningMean.gradientPtr, cols);
    const varianceShares = arena.float32(runningVariance.gradientPtr, cols);
    return () => {
      for (const tensor of fresh) k.zero(tensor.gradientPtr, tensor.count);
      k.batchNormBackward(
        x.gradientPtr === 0 ? unusedPtr : x.gradientPtr,
        gain.gradientPtr,
        bias.gradientPtr,
        y.gradientPtr,
        x.ptr,
        statsPtr,
        gain.ptr,
        rows,
        cols,
        NORM_EPSILON,
        addX,
        scratch.ptr,
      );
      for (let i = 0; i < cols; i++) {
        meanShares[i] += share * means[i];
        varianceShares[i] += share * unbiased * variances[i];
      }
    };
  };
  recorder.push({ forward, bindBackward });
  return y;
}

/** Running statistics, gain and bias as one scale and one offset per feature. */
function bindFold(recorder: Recorder, scalePtr: number, tensors: BatchNormTensors): () => void {
  const { arena } = recorder.kernels;
  const [gain, bias, mean, variance] = [
    tensors.gain,
    tensors.bias,
    tensors.runningMean,
    tensors.runningVariance,
  ].map((tensor) => {
    const { ptr, count } = recorder.recorded(tensor);
    return arena.float32(ptr, count);
  });
  const scales = arena.float32(scalePtr, gain.length);
  const offsets = arena.float32(scalePtr + 4 * gain.length, gain.length);
  return () => {
    for (let i = 0; i < gain.length; i++) {
      scales[i] = gain[i] / Math.sqrt(variance[i] + NORM_EPSILON);
      offsets[i] = bias[i] - scales[i] * mean[i];
    }
  };
}
