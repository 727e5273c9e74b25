/**
 * Data-parallel training over worker threads. Each thread has kernels and memory of its own; only parameters,
 * window starts and gradients are shared (a copy of 1 MB each way per step, about 0.1 ms), so nothing can race.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { createLocalPool } from '../calibration/gradient-pool.ts';
import type { GradientPool } from '../calibration/gradient-pool.ts';
import { GradientShard, layoutParameters, splitBatch } from '../calibration/gradient-shard.ts';
import type { StepPlan, TrainingData } from '../calibration/gradient-shard.ts';
import { BetzError } from '../core/errors.ts';
import type { DecoderKind } from '../decoders/decoder.ts';
import { TRAINING_MEMORY_BYTES } from '../kernels/kernels.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import { compiledUrl } from './compiled.ts';
import { CONTROL } from './gradient-protocol.ts';
import type { GradientWorkerData, SharedStep } from './gradient-protocol.ts';
import { loadKernels } from './load-kernels.ts';

/** More threads than this share too little of a batch of 32 to pay. */
const THREADS_MAX = 8;
/** A step that takes longer than this has lost a thread. */
const STEP_TIMEOUT_MS = 120_000;

export function defaultThreadCount(): number {
  return Math.min(THREADS_MAX, availableParallelism());
}

/** `threadCount` 1 runs everything in the calling thread. */
export async function createGradientPool(
  kind: DecoderKind,
  plan: StepPlan,
  data: TrainingData,
  options: { threadCount?: number; variant?: KernelVariant } = {},
): Promise<GradientPool> {
  const kernels = loadKernels({ ...options, memoryBytes: TRAINING_MEMORY_BYTES });
  const threadCount = options.threadCount ?? defaultThreadCount();
  const usedCount = Math.max(1, Math.min(threadCount, plan.batchCount));
  if (usedCount === 1) return createLocalPool(kernels, kind, plan, data);
  const parameterCount = layoutParameters(kind.parameters(plan.config, plan.shape)).count;
  const shared: SharedStep = {
    control: new Int32Array(new SharedArrayBuffer(CONTROL.count * 4)),
    parameters: new Float32Array(new SharedArrayBuffer(parameterCount * 4)),
    starts: new Int32Array(new SharedArrayBuffer(plan.batchCount * 4)),
  };
  const sharedData = { features: toShared(data.features), targets: toShared(data.targets) };
  const [ownPart, ...helperParts] = splitBatch(plan.batchCount, usedCount);
  const helpers = await Promise.all(
    helperParts.map((part) => {
      const gradient = new Float32Array(new SharedArrayBuffer(parameterCount * 4));
      const loss = new Float64Array(new SharedArrayBuffer(8));
      return startHelper({ plan, part, variant: kernels.variant, data: sharedData, shared, gradient, loss });
    }),
  );
  const shard = new GradientShard(kernels, kind, plan, sharedData, ownPart);
  return new ThreadedPool(shard, shared, helpers);
}

interface Helper {
  worker: Worker;
  gradient: Float32Array;
  loss: Float64Array;
}

class ThreadedPool implements GradientPool {
  readonly threadCount: number;
  private readonly shard: GradientShard;
  private readonly shared: SharedStep;
  private readonly helpers: readonly Helper[];

  constructor(shard: GradientShard, shared: SharedStep, helpers: readonly Helper[]) {
    this.threadCount = helpers.length + 1;
    this.shard = shard;
    this.shared = shared;
    this.helpers = helpers;
  }

  run(step: number, parameters: Float32Array, starts: Int32Array, gradient: Float32Array): number {
    const { control } = this.shared;
    this.shared.parameters.set(parameters);
    this.shared.starts.set(starts);
    control[CONTROL.step] = step;
    Atomics.store(control, CONTROL.finished, 0);
    Atomics.add(control, CONTROL.requested, 1);
    Atomics.notify(control, CONTROL.requested);
    let loss = this.shard.run(step, parameters, starts, gradient);
    this.waitForHelpers();
    for (const helper of this.helpers) {
      loss += helper.loss[0];
      for (let i = 0; i < gradient.length; i++) gradient[i] += helper.gradient[i];
    }
    return loss;
  }

  close(): void {
    const { control } = this.shared;
    Atomics.store(control, CONTROL.isClosed, 1);
    Atomics.add(control, CONTROL.requested, 1);
    Atomics.notify(control, CONTROL.requested);
  }

  private waitForHelpers(): void {
    const { control } = this.shared;
    for (;;) {
      const finished = Atomics.load(control, CONTROL.finished);
      if (finished === this.helpers.length) return;
      if (Atomics.wait(control, CONTROL.finished, finished, STEP_TIMEOUT_MS) === 'timed-out') {
        for (const { worker } of this.helpers) void worker.terminate();
        throw new BetzError('CAL_THREAD_LOST', 'a training thread did not finish its step', {
          value: `${STEP_TIMEOUT_MS} ms`,
          tip: 'Run with --threads 1; if that works, the machine has too little memory for more threads.',
        });
      }
    }
  }
}

function startHelper(workerData: GradientWorkerData): Promise<Helper> {
  const { gradient, loss } = workerData;
  return new Promise((resolve, reject) => {
    const worker = new Worker(compiledUrl('host/gradient-worker.js'), { workerData });
    worker.once('message', () => {
      worker.unref(); // a sleeping helper does not keep the process alive
      resolve({ worker, gradient, loss });
    });
    worker.once('error', (cause) => {
      reject(
        new BetzError('CAL_THREAD_FAILED', 'a training thread could not start', {
          value: cause instanceof Error ? cause.message : String(cause),
          tip: 'Run with --threads 1.',
          cause,
        }),
      );
    });
  });
}

function toShared(values: Float32Array): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}
