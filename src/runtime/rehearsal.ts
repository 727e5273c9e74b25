/**
 * Brings the loop and the decoder to full speed before the first bin: compilers optimise what has run, and the first
 * calls are several times slower. The rehearsal has shared memory of its own, so that nothing of it is ever counted;
 * only the decoders are the real ones. They change places now and then, so that this is compiled too, and are reset.
 */
import { CHUNK_HEADER } from '../core/chunk-ring.ts';
import type { Clock } from '../core/clock.ts';
import { Rng } from '../core/rng.ts';
import { DecodeLoop } from './decode-loop.ts';
import type { DecoderSlots } from './decoder-slots.ts';
import { ArrivalWaiter, DEFAULT_WAIT } from './arrival-waiter.ts';
import { FrameSchedule } from './frame-schedule.ts';
import { SessionMemory } from './session-memory.ts';
import type { SessionPlan } from './session-memory.ts';

/** WebAssembly is optimised after 10 to 50 calls ... */
const BINS_MIN = 200;
/** ... and JavaScript, which in the meantime allocates at every sum, after a few thousand; but time is limited. */
const BINS_MAX = 5000;
const TIME_MAX_NS = 200e6;
/** In bins, so that the way to start anew is compiled too: in chunks, a bin of many would never be complete. */
const JOIN_EVERY = 20;
/** In bins: of promotions, each to the model that is in service. */
const SWAP_EVERY = 50;
/** Waiting is rehearsed with bins so close to each other that it takes 10 ms in all. */
const WAITS = 500;
const WAIT_US = 20;

export function rehearse(plan: SessionPlan, slots: DecoderSlots, smoothing: number, clock: Clock): void {
  const memory = new SessionMemory({
    ...plan,
    chunks: { ...plan.chunks, slotCount: 2 },
    records: { ...plan.records },
  });
  const loop = new DecodeLoop(memory, slots, smoothing, clock, DEFAULT_WAIT);
  const frameCount = Math.min(plan.chunks.maxFramesPerChunk, plan.framesPerBin);
  const chunksPerBin = plan.framesPerBin / frameCount;
  const chunksPerJoin = JOIN_EVERY * Math.ceil(chunksPerBin);
  const chunksPerSwap = SWAP_EVERY * Math.ceil(chunksPerBin);
  const startNs = clock.nowNs();
  const rng = new Rng(1);
  for (let chunk = 0; chunk < BINS_MAX * chunksPerBin; chunk++) {
    if (chunk >= BINS_MIN * chunksPerBin && clock.nowNs() > startNs + TIME_MAX_NS) break;
    const slot = memory.chunks.claim();
    if (slot === undefined) return;
    const nowNs = clock.nowNs();
    slot.header[CHUNK_HEADER.sequence] = chunk;
    slot.header[CHUNK_HEADER.firstFrameIndex] = chunk * frameCount;
    slot.header[CHUNK_HEADER.frameCount] = frameCount;
    slot.header[CHUNK_HEADER.scheduledNs] = plan.isPaced ? nowNs : Number.NaN;
    slot.header[CHUNK_HEADER.arrivalNs] = nowNs;
    slot.header[CHUNK_HEADER.isJoin] = chunk % chunksPerJoin === 0 ? 1 : 0;
    for (let i = 0; i < slot.samples.length; i++) slot.samples[i] = rng.integer(3);
    slot.truth.fill(0);
    memory.chunks.publish();
    if (chunk % chunksPerSwap === 0) slots.exchange.requestPromotion();
    loop.warmCaches();
    loop.decodeQueued();
    while (memory.records.peek() !== undefined) memory.records.release();
  }
  const waiter = new ArrivalWaiter(
    memory.chunks,
    new FrameSchedule(WAIT_US * 1000),
    clock,
    () => {
      loop.warmCaches();
    },
    { wakeLeadUs: WAIT_US, watchTailUs: WAIT_US },
  );
  const header = new Float64Array(Object.keys(CHUNK_HEADER).length);
  for (let wait = 0; wait < WAITS; wait++) {
    const nowNs = clock.nowNs();
    header[CHUNK_HEADER.scheduledNs] = nowNs;
    header[CHUNK_HEADER.arrivalNs] = nowNs;
    waiter.expect(header, 1);
    while (clock.nowNs() < nowNs + WAIT_US * 1000) waiter.wait();
  }
  slots.restart();
}
