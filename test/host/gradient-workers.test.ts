import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { GradientPool } from '../../src/calibration/gradient-pool.ts';
import { createLocalPool } from '../../src/calibration/gradient-pool.ts';
import { layoutParameters } from '../../src/calibration/step-plan.ts';
import type { StepPlan, TrainingData } from '../../src/calibration/step-plan.ts';
import { Rng } from '../../src/core/rng.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { compiledUrl } from '../../src/host/compiled.ts';
import { CONTROL } from '../../src/host/gradient-protocol.ts';
import { createGradientPool, defaultThreadCount } from '../../src/host/gradient-workers.ts';
import type { GradientPoolOptions } from '../../src/host/gradient-workers.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { AdamW } from '../../src/tensor/optimiser.ts';
import { expectClose } from '../support/cases.ts';
import { betzErrorOf, betzErrorOfAsync } from '../support/recording-errors.ts';
import { runningWorkerCount, workerScript, workersEnd } from '../support/workers.ts';

const BINS = 80;
const SHAPE = { inputCount: 7, outputCount: 2 };
const PLAN: StepPlan = {
  kind: 'gru',
  config: gru.configSchema.parse({ hiddenCount: 6, layerCount: 2 }),
  shape: SHAPE,
  windowBins: 12,
  batchCount: 7, // threads get unequal parts
  warmUpBins: 2,
  seed: 5,
};
const rng = new Rng(1);
const DATA: TrainingData = {
  features: Float32Array.from({ length: BINS * SHAPE.inputCount }, () => rng.normal()),
  targets: Float32Array.from({ length: BINS * SHAPE.outputCount }, () => rng.normal()),
};
const STARTS = Int32Array.from({ length: PLAN.batchCount }, () => rng.integer(BINS - PLAN.windowBins));

function initialParameters(plan = PLAN): Float32Array {
  const layout = layoutParameters(gru.parameters(plan.config, plan.shape));
  const flat = new Float32Array(layout.count);
  const tensors = gru.initialise(plan.config, plan.shape, new Rng(2));
  for (const { name, offset } of layout.entries) flat.set(tensors[name].data, offset);
  return flat;
}

async function withPool<T>(
  options: GradientPoolOptions,
  use: (pool: GradientPool) => T | Promise<T>,
  plan = PLAN,
): Promise<T> {
  const pool = await createGradientPool(gru, plan, [DATA], options);
  try {
    return await use(pool);
  } finally {
    pool.close();
    await workersEnd();
  }
}

/** Loss and gradient of one step. */
function stepOf(
  threadCount: number,
  plan = PLAN,
  step = 1,
): Promise<{ loss: number; gradient: Float32Array }> {
  return withPool(
    { threadCount },
    (pool) => {
      const parameters = initialParameters(plan);
      const gradient = new Float32Array(parameters.length);
      return { loss: pool.run(step, parameters, STARTS, gradient), gradient };
    },
    plan,
  );
}

/** Parameters after some steps of training. */
function trained(threadCount: number): Promise<Float32Array> {
  return withPool({ threadCount }, (pool) => {
    const optimiser = new AdamW(loadKernels({ memoryBytes: 1 << 20 }), initialParameters().length);
    optimiser.parameters.set(initialParameters());
    for (let step = 1; step <= 8; step++) {
      pool.run(step, optimiser.parameters, STARTS, optimiser.gradients);
      optimiser.step(1e-2);
    }
    return optimiser.parameters.slice();
  });
}

afterEach(async () => {
  vi.unstubAllGlobals();
  await workersEnd();
  expect(runningWorkerCount()).toBe(0);
});

describe('gradient pool over threads', () => {
  it.each([1, 2, 3])('trains to the same bits every time with %i threads', async (threadCount) => {
    const first = await trained(threadCount);
    expect(first).not.toEqual(initialParameters());
    expect(await trained(threadCount)).toEqual(first);
  });

  it.each([2, 3, 7])(
    'gives the loss and gradient of one thread with %i, to rounding',
    async (threadCount) => {
      const one = await stepOf(1);
      const several = await stepOf(threadCount);
      expect(Math.abs(several.loss - one.loss)).toBeLessThan(1e-6 * one.loss);
      const norm = Math.sqrt(one.gradient.reduce((sum, g) => sum + g * g, 0));
      expectClose(several.gradient, one.gradient, () => 1e-6 * norm);
    },
  );

  it('drops the same inputs whatever the thread count, and others in the next step', async () => {
    const config = gru.configSchema.parse({ hiddenCount: 6, inputDropout: 0.9 });
    const plan = { ...PLAN, config };
    const one = await stepOf(1, plan);
    const three = await stepOf(3, plan);
    // Input weights get a gradient only from what is kept: a single other mask would show far above rounding.
    expectClose(three.gradient, one.gradient, () => 1e-6);
    const next = await stepOf(1, plan, 2);
    expect(Math.abs(next.loss - one.loss)).toBeGreaterThan(1e-3);
  });

  it('is the local pool for one thread, bit for bit', async () => {
    const local = createLocalPool(loadKernels({ memoryBytes: 16 << 20 }), gru, PLAN, [DATA]);
    const gradient = new Float32Array(initialParameters().length);
    const loss = local.run(1, initialParameters(), STARTS, gradient);
    expect(await stepOf(1)).toEqual({ loss, gradient });
  });

  it('uses no more threads than the batch has rows, and by default one per core up to 8', async () => {
    const two = { ...PLAN, batchCount: 2 };
    expect(await withPool({ threadCount: 16 }, (pool) => pool.threadCount, two)).toBe(2);
    expect(await withPool({ threadCount: 0 }, (pool) => pool.threadCount)).toBe(1);
    expect(defaultThreadCount()).toBeGreaterThanOrEqual(1);
    expect(defaultThreadCount()).toBeLessThanOrEqual(8);
    const pool = await createCalibrationHost(2).makePool(gru, PLAN, [DATA]);
    expect(pool.threadCount).toBe(2);
    pool.close();
  });
});

describe('a host that cannot have threads', () => {
  it('runs everything in the calling thread where there is no shared memory', async () => {
    const expected = await stepOf(1);
    vi.stubGlobal('SharedArrayBuffer', undefined);
    expect(await withPool({ threadCount: 3 }, (pool) => pool.threadCount)).toBe(1);
    expect(await stepOf(3)).toEqual(expected);
  });

  it('runs everything in the calling thread where workers are not permitted', async () => {
    const permission = { has: (scope: string) => scope !== 'worker' };
    Object.defineProperty(process, 'permission', { value: permission, configurable: true });
    try {
      expect(await withPool({ threadCount: 3 }, (pool) => pool.threadCount)).toBe(1);
    } finally {
      Reflect.deleteProperty(process, 'permission');
    }
  });
});

describe('a training thread that dies', () => {
  /** Is ready, and does what `ending` says when the first step is asked for. */
  const helper = (ending: string): URL =>
    workerScript(`
      import { parentPort, workerData } from 'node:worker_threads';
      import { CONTROL } from ${JSON.stringify(compiledUrl('host/gradient-protocol.js').href)};
      const { control } = workerData.shared;
      parentPort.postMessage('ready');
      Atomics.wait(control, CONTROL.requested, 0);
      ${ending}
    `);

  function run(pool: GradientPool): void {
    const parameters = initialParameters();
    pool.run(1, parameters, STARTS, new Float32Array(parameters.length));
  }

  it.each([
    ['throws', "throw new Error('no memory')", 'no memory'],
    ['throws nothing', 'throw null', 'null'],
    ['exits', 'process.exit(3)', 'exit code 3'],
  ])('before it is ready: CAL_THREAD_FAILED when it %s, and the others end', async (_how, code, value) => {
    // Only the second helper is bad.
    const bad = workerScript(`
      import { parentPort, workerData } from 'node:worker_threads';
      if (workerData.part.start > 2) { ${code} }
      parentPort.postMessage('ready');
      Atomics.wait(workerData.shared.control, 0, 0);
    `);
    const options = { threadCount: 3, workerUrl: bad };
    const error = await betzErrorOfAsync(() => createGradientPool(gru, PLAN, [DATA], options));
    expect(error).toMatchObject({ code: 'CAL_THREAD_FAILED', value });
  });

  it('in a step: CAL_THREAD_FAILED at once when it can say so', async () => {
    const failing = helper(`
      Atomics.store(control, CONTROL.hasFailed, 1);
      Atomics.add(control, CONTROL.finished, 1);
      Atomics.notify(control, CONTROL.finished);
    `);
    await withPool({ threadCount: 3, workerUrl: failing }, (pool) => {
      const error = betzErrorOf(() => {
        run(pool);
      });
      expect(error.code).toBe('CAL_THREAD_FAILED');
    });
  });

  it('in a step: CAL_THREAD_LOST when it says nothing', async () => {
    const silent = helper('for (;;);');
    await withPool({ threadCount: 2, workerUrl: silent, stepTimeoutMs: 20 }, (pool) => {
      const error = betzErrorOf(() => {
        run(pool);
      });
      expect(error).toMatchObject({ code: 'CAL_THREAD_LOST', value: '20 ms' });
    });
  });

  it('between two steps: CAL_THREAD_FAILED without any wait', async () => {
    const options = {
      threadCount: 2,
      workerUrl: workerScript("(await import('node:worker_threads')).parentPort.postMessage('ready')"),
    };
    const pool = await createGradientPool(gru, PLAN, [DATA], options);
    await workersEnd();
    const error = betzErrorOf(() => {
      run(pool);
    });
    expect(error.code).toBe('CAL_THREAD_FAILED');
  });

  it('is not how our own helper fails: it says so, and sleeps until the pool is closed', async () => {
    const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
    const control = new Int32Array(shared(CONTROL.count * 4));
    const request = (): void => {
      Atomics.add(control, CONTROL.requested, 1);
      Atomics.notify(control, CONTROL.requested);
    };
    const worker = new Worker(compiledUrl('host/gradient-worker.js'), {
      workerData: {
        plan: PLAN,
        part: { start: 0, count: 2 },
        variant: 'simd',
        data: DATA,
        shared: { control, parameters: initialParameters(), starts: STARTS },
        gradient: new Float32Array(shared(4)), // too short for the result
        loss: new Float64Array(shared(8)),
      },
    });
    await once(worker, 'message');
    request();
    Atomics.wait(control, CONTROL.finished, 0, 20_000);
    expect([control[CONTROL.hasFailed], control[CONTROL.finished]]).toEqual([1, 1]);
    expect(runningWorkerCount()).toBe(1);
    control[CONTROL.isClosed] = 1;
    request();
  });
});
