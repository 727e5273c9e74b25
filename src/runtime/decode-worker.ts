/** The decode thread of a session: makes the decoder, rehearses, and runs the loop until the ring is closed. */
import { workerData } from 'node:worker_threads';
import type { Decoder } from '../decoders/decoder.ts';
import { decodeModel } from '../decoders/model-file.ts';
import { findDecoderKind } from '../decoders/registry.ts';
import { openState, sealState } from '../decoders/state-file.ts';
import type { StateOwner } from '../decoders/state-file.ts';
import { loadKernels } from '../host/load-kernels.ts';
import { MonotonicClock } from '../host/monotonic-clock.ts';
import { DecoderExchange } from './decoder-exchange.ts';
import { DecoderSlots, ROLLBACK_STEPS } from './decoder-slots.ts';
import { DecodeLoop } from './decode-loop.ts';
import { transferError } from './error-transfer.ts';
import { GarbageCounter } from './garbage-counter.ts';
import { REAL_TIME_PRIORITY, requestRealTime } from './real-time-scheduling.ts';
import { rehearse } from './rehearsal.ts';
import { createServingDecoder } from './serving-decoder.ts';
import { SessionMemory } from './session-memory.ts';
import type { DecodeMessage, DecodeWorkerData, Sealing } from './worker-messages.ts';
import { WorkerPort } from './worker-port.ts';
import { collectYoungGarbage } from './young-generation.ts';

const { modelBytes, wait, state, adaptations } = workerData as DecodeWorkerData;
const port = new WorkerPort<DecodeMessage>();

await port.serve(async () => {
  // Made while the source opens: the two threads start at the same time.
  const model = decodeModel(modelBytes);
  const kernels = loadKernels();
  const kind = findDecoderKind(model.kind);
  const memories = [kernels, ...Array.from({ length: ROLLBACK_STEPS }, () => loadKernels())];
  const ring = memories.map((memory) => ({
    decoder: createServingDecoder(model, memory, adaptations),
    arena: memory.arena,
  }));
  const image = ring[0].arena.contents();
  const exchange = new DecoderExchange(image.byteLength);
  exchange.image.set(image);
  const hash = state === undefined ? undefined : Buffer.from(state.modelHash, 'hex');
  const slots = new DecoderSlots(ring, exchange, hash);
  const clock = new MonotonicClock();
  const garbage = new GarbageCounter();
  const command = await port.nextCommand();
  if (command.kind === 'close') return;
  rehearse(command.plan, slots, model.features.smoothing, clock);
  if (state?.from !== undefined) openState(state.from, slots.decoder, { kind, ...state });
  const memory = new SessionMemory(command.plan, command.buffers);
  const loop = new DecodeLoop(memory, slots, model.features.smoothing, clock, wait);
  const isRealTime = command.plan.isRealTime && requestRealTime(REAL_TIME_PRIORITY.decode);
  collectYoungGarbage();
  port.post({ kind: 'ready', variant: kernels.variant, isRealTime, exchange: exchange.buffers });
  garbage.begin();
  loop.run();
  const garbageCollections = await garbage.end();
  const sealing =
    state === undefined
      ? {}
      : { sealing: sealed(slots.decoder, { kind, modelHash: Buffer.from(slots.modelHash).toString('hex') }) };
  port.post({ kind: 'ended', garbageCollections, ...sealing });
});

function sealed(decoder: Decoder, owner: StateOwner): Sealing {
  try {
    return { state: sealState(decoder, owner) };
  } catch (error) {
    return { error: transferError(error) };
  }
}
