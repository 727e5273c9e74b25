/** The I/O thread of a session: opens the source, says what it is, and lets it write into the ring until it ends. */
import { workerData } from 'node:worker_threads';
import { createSource } from '../acquisition/source-registry.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { REAL_TIME_PRIORITY, requestRealTime } from './real-time-scheduling.ts';
import { SessionMemory } from './session-memory.ts';
import { ThrottledChunkRing } from './throttled-chunk-ring.ts';
import type { SourceMessage, SourceWorkerData } from './worker-messages.ts';
import { WorkerPort } from './worker-port.ts';

const { kind, config } = workerData as SourceWorkerData;
const clock = new MonotonicClock();
const port = new WorkerPort<SourceMessage>();

await port.serve(async () => {
  const source = createSource(kind, config, { clock });
  try {
    port.post({ kind: 'opened', stream: await source.open() });
    const command = await port.nextCommand();
    if (command.kind === 'close') return;
    const { plan, buffers } = command;
    const memory = new SessionMemory(plan, buffers);
    const ring = plan.isPaced
      ? memory.chunks
      : new ThrottledChunkRing(plan.chunks, buffers.chunks, memory.records, plan.framesPerBin);
    if (plan.isRealTime) requestRealTime(REAL_TIME_PRIORITY.source);
    await source.start(ring, memory.stop, (event) => {
      port.post({ kind: 'event', event, timeNs: clock.nowNs() });
    });
    port.post({ kind: 'ended', account: source.account() });
  } finally {
    await source.close();
  }
});
