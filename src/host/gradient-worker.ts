/** A helper thread of training: sleeps until a step is asked for, runs its part of the batch, and says so. */
import { parentPort, workerData } from 'node:worker_threads';
import { GradientShard } from '../calibration/gradient-shard.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { TRAINING_MEMORY_BYTES } from '../kernels/kernels.ts';
import { CONTROL } from './gradient-protocol.ts';
import type { GradientWorkerData } from './gradient-protocol.ts';
import { loadKernels } from './load-kernels.ts';

const { plan, part, variant, data, fixed, shared, gradient, loss } = workerData as GradientWorkerData;
const { control, parameters, starts } = shared;
const kernels = loadKernels({ variant, memoryBytes: TRAINING_MEMORY_BYTES });
const shard = new GradientShard(kernels, findDecoderKind(plan.kind), plan, data, part, fixed);

parentPort?.postMessage('ready');
let done = 0;
for (;;) {
  Atomics.wait(control, CONTROL.requested, done);
  if (Atomics.load(control, CONTROL.isClosed) === 1) break;
  done = Atomics.load(control, CONTROL.requested);
  try {
    loss[0] = shard.run(control[CONTROL.step], parameters, starts, gradient);
  } catch {
    Atomics.store(control, CONTROL.hasFailed, 1); // the main thread is asleep and would hear of no error
  }
  Atomics.add(control, CONTROL.finished, 1);
  Atomics.notify(control, CONTROL.finished);
}
