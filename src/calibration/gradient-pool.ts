/**
 * The threads of a training step. The gradient is summed in the order of the threads, so the same seed and thread
 * count give the same bits.
 */
import type { DecoderKind, Tensors } from '../decoders/decoder.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { GradientShard } from './gradient-shard.ts';
import type { StepPlan, TrainingData } from './step-plan.ts';

export interface GradientPool {
  readonly threadCount: number;
  /**
   * The loss and gradient of one batch.
   * @param starts first bins of the batch's windows
   * @param gradient written
   */
  run(step: number, parameters: Float32Array, starts: Int32Array, gradient: Float32Array): number;
  close(): void;
}

/** Everything in the calling thread: for hosts without workers or shared memory, and for one-core machines. */
export function createLocalPool(
  kernels: Kernels,
  kind: DecoderKind,
  plan: StepPlan,
  data: readonly TrainingData[],
  fixed?: Tensors,
): GradientPool {
  const shard = new GradientShard(kernels, kind, plan, data, { start: 0, count: plan.batchCount }, fixed);
  return {
    threadCount: 1,
    run: (step, parameters, starts, gradient) => shard.run(step, parameters, starts, gradient),
    close: () => undefined,
  };
}
