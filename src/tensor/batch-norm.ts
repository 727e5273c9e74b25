/**
 * Batch norm over time and batch (Ioffe and Szegedy 2015, arXiv 1502.03167), with PyTorch's conventions:
 *   y = gain (x - mean) / sqrt(variance + NORM_EPSILON) + bias
 * In training mean and variance are those of this program's rows, in an evaluation the running ones, which makes it an
 * affine map that a decoder folds. When the batch is split over threads, every part is normalised by its own statistics (as
 * PyTorch's batch norm on several devices), so parts do not add up to the whole exactly.
 *
 * The running statistics are parameters of `update: 'averaged'`: their place in the gradient holds the part's mean and
 * unbiased variance times its share of the batch, so that the sum over the parts is the batch's average.
 */
import { assert } from '../core/errors.ts';
import type { Tensor } from './tensor.ts';

/** All [F]. */
export interface BatchNormTensors {
  gain: Tensor;
  bias: Tensor;
  runningMean: Tensor;
  runningVariance: Tensor;
}

/** @throws when the tensors do not fit x [T, B, F] */
export function assertBatchNormShapes(x: Tensor, tensors: BatchNormTensors): void {
  const { gain, bias, runningMean, runningVariance } = tensors;
  assert(
    x.shape.length === 3 &&
      [gain, bias, runningMean, runningVariance].every(({ shape }) => shape.join() === `${x.shape[2]}`),
    'batchNorm: x is [T, B, F]; gain, bias and running statistics are [F]',
  );
}
