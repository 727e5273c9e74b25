/**
 * Data-parallel training over worker threads. Each thread has kernels and memory of its own; only parameters,
 * window starts and gradients are shared (a copy of 1 MB each way per step, about 0.1 ms), so nothing can race.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { createLocalPool } from '../calibration/gradient-pool.ts';
import type { GradientPool } from '../calibration/gradient-pool.ts';
import { GradientShard, splitBatch } from '../calibration/gradient-shard.ts';
import { layoutParameters, learnedParameters } from '../calibration/step-plan.ts';
import type { StepPlan, TrainingData } from '../calibration/step-plan.ts';
import { BetzError } from '../core/errors.ts';
import type { DecoderKind, Tensors } from '../decoders/decoder.ts';
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

export interface GradientPoolOptions {
  /** 1 runs everything in the calling thread. Default: one per core. */
  threadCount?: number;
  variant?: KernelVariant;
  /** Another helper file than our own, and another patience with it, to test what happens when one dies. */
  workerUrl?: URL;
  stepTimeoutMs?: number;
}

export function defaultThreadCount(): number {
  return Math.min(THREADS_MAX, availableParallelism());
}

/**
 * Where there are no threads or no shared memory, everything runs in the calling thread, whatever was asked for.
 * @throws BetzError CAL_THREAD_FAILED, CFG_MEMORY_EXHAUSTED
 */
export async function createGradientPool(
  kind: DecoderKind,
  plan: StepPlan,
  data: readonly TrainingData[],
  options: GradientPoolOptions = {},
  fixed: Tensors = {},
): Promise<GradientPool> {
  const kernels = loadKernels({ ...options, memoryBytes: TRAINING_MEMORY_BYTES });
  const threadCount = hasThreads() ? (options.threadCount ?? defaultThreadCount()) : 1;
  const usedCount = Math.max(1, Math.min(threadCount, plan.batchCount));
  if (usedCount === 1) return createLocalPool(kernels, kind, plan, data, fixed);
  const parameterCount = layoutParameters(learnedParameters(kind, plan)).count;
  const shared: SharedStep = {
    control: new Int32Array(new SharedArrayBuffer(CONTROL.count * 4)),
    parameters: new Float32Array(new SharedArrayBuffer(parameterCount * 4)),
    starts: new Int32Array(new SharedArrayBuffer(plan.batchCount * 4)),
  };
  const sharedData = data.map((session) => ({
    ...session,
    features: toShared(session.features),
    targets: toShared(session.targets),
  }));
  const [ownPart, ...helperParts] = splitBatch(plan.batchCount, usedCount);
  // Before the helpers, so that none is left over when the memory does not suffice.
  const shard = new GradientShard(kernels, kind, plan, sharedData, ownPart, fixed);
  const { workerUrl = compiledUrl('host/gradient-worker.js'), stepTimeoutMs = STEP_TIMEOUT_MS } = options;
  const helpers = helperParts.map((part) => {
    const gradient = new Float32Array(new SharedArrayBuffer(parameterCount * 4));
    const loss = new Float64Array(new SharedArrayBuffer(8));
    return new Helper(workerUrl, {
      plan,
      part,
      variant: kernels.variant,
      data: sharedData,
      fixed,
      shared,
      gradient,
      loss,
    });
  });
  const pool = new ThreadedPool(shard, shared, helpers, stepTimeoutMs);
  const starts = await Promise.allSettled(helpers.map((helper) => helper.ready));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed === undefined) return pool;
  pool.close();
  throw failed.reason;
}

/** Node can be told to run without either: --experimental-permission, --no-harmony-sharedarraybuffer. */
function hasThreads(): boolean {
  const { permission } = process as { permission?: NodeJS.ProcessPermission };
  return typeof SharedArrayBuffer === 'function' && permission?.has('worker') !== false;
}

class Helper {
  /** Rejects with CAL_THREAD_FAILED when it cannot start. */
  readonly ready: Promise<void>;
  readonly gradient: Float32Array;
  readonly loss: Float64Array;
  isGone = false;
  private readonly worker: Worker;

  constructor(url: URL, workerData: GradientWorkerData) {
    this.gradient = workerData.gradient;
    this.loss = workerData.loss;
    this.worker = new Worker(url, { workerData });
    this.ready = new Promise((resolve, reject) => {
      this.worker.once('message', () => {
        this.worker.unref(); // a sleeping helper does not keep the process alive
        resolve();
      });
      this.worker.once('error', (cause: unknown) => {
        this.isGone = true;
        reject(
          threadFailed('could not start', cause instanceof Error ? cause.message : String(cause), cause),
        );
      });
      this.worker.once('exit', (code) => {
        this.isGone = true;
        reject(threadFailed('could not start', `exit code ${code}`));
      });
    });
  }

  terminate(): void {
    void this.worker.terminate();
  }
}

class ThreadedPool implements GradientPool {
  readonly threadCount: number;
  private readonly shard: GradientShard;
  private readonly shared: SharedStep;
  private readonly helpers: readonly Helper[];
  private readonly stepTimeoutMs: number;

  constructor(shard: GradientShard, shared: SharedStep, helpers: readonly Helper[], stepTimeoutMs: number) {
    this.threadCount = helpers.length + 1;
    this.shard = shard;
    this.shared = shared;
    this.helpers = helpers;
    this.stepTimeoutMs = stepTimeoutMs;
  }

  /** @throws BetzError CAL_THREAD_FAILED, CAL_THREAD_LOST */
  run(step: number, parameters: Float32Array, starts: Int32Array, gradient: Float32Array): number {
    // One that died between two steps is known of; waiting for it would take the whole patience.
    if (this.helpers.some((helper) => helper.isGone)) throw threadFailed('ended between two steps', step);
    const { control } = this.shared;
    this.shared.parameters.set(parameters);
    this.shared.starts.set(starts);
    control[CONTROL.step] = step;
    Atomics.store(control, CONTROL.finished, 0);
    Atomics.add(control, CONTROL.requested, 1);
    Atomics.notify(control, CONTROL.requested);
    let loss = this.shard.run(step, parameters, starts, gradient);
    this.waitForHelpers(step);
    for (const helper of this.helpers) {
      loss += helper.loss[0];
      for (let i = 0; i < gradient.length; i++) gradient[i] += helper.gradient[i];
    }
    return loss;
  }

  /** Helpers that sleep, or come to the end of their step, end by themselves: to end one that throws can crash Node. */
  close(): void {
    const { control } = this.shared;
    Atomics.store(control, CONTROL.isClosed, 1);
    Atomics.add(control, CONTROL.requested, 1);
    Atomics.notify(control, CONTROL.requested);
  }

  private waitForHelpers(step: number): void {
    const { control } = this.shared;
    const timeoutMs = this.stepTimeoutMs;
    for (;;) {
      const finished = Atomics.load(control, CONTROL.finished);
      if (Atomics.load(control, CONTROL.hasFailed) === 1) throw threadFailed('failed in a step', step);
      if (finished === this.helpers.length) return;
      if (Atomics.wait(control, CONTROL.finished, finished, timeoutMs) === 'timed-out') {
        for (const helper of this.helpers) helper.terminate(); // one hangs, and would not hear that the pool is closed
        throw new BetzError('CAL_THREAD_LOST', 'a training thread did not finish its step', {
          value: `${timeoutMs} ms`,
          tip: 'Run with --threads 1; if that works, the machine has too little memory for more threads.',
        });
      }
    }
  }
}

function threadFailed(how: string, value: unknown, cause?: unknown): BetzError {
  return new BetzError('CAL_THREAD_FAILED', `a training thread ${how}`, {
    value,
    tip: 'Run with --threads 1.',
    cause,
  });
}

function toShared(values: Float32Array): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return shared;
}
