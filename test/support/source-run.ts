/** Runs a source from open to end in one thread, on fakes, and keeps everything that came out of it. */
import type { Source, SourceEvent, StreamInfo } from '../../src/acquisition/source.ts';
import { DrainedRing, ringLayout } from './drained-ring.ts';
import { FakeStopSignal } from './fake-stop-signal.ts';
import { TickingClock } from './ticking-clock.ts';

/** Makes a fresh source on the given clock. */
export type SourceMaker = (clock: TickingClock) => Source;

export interface SourceRun {
  source: Source;
  info: StreamInfo;
  ring: DrainedRing;
  stop: FakeStopSignal;
  clock: TickingClock;
  events: SourceEvent[];
}

/** What a test does while the source sleeps, waits for space, or reports. */
export interface RunHooks {
  slotCount?: number;
  /** Before start. */
  prepare?: (run: SourceRun) => void;
  /** While a paced source sleeps. Default: all queued chunks are taken. */
  duringSleep?: (run: SourceRun) => void;
  /** While an unpaced source waits for space. Default: one chunk is taken. */
  duringWait?: (run: SourceRun) => void;
  onEvent?: (event: SourceEvent, run: SourceRun) => void;
}

export async function runSource(make: SourceMaker, hooks: RunHooks = {}): Promise<SourceRun> {
  const clock = new TickingClock(5e9);
  const source = make(clock);
  const info = await source.open();
  const ring = new DrainedRing(ringLayout(info, hooks.slotCount ?? 8));
  const stop = new FakeStopSignal(clock);
  const run: SourceRun = { source, info, ring, stop, clock, events: [] };
  stop.duringSleep = () => {
    if (hooks.duringSleep === undefined) ring.takeAll();
    else hooks.duringSleep(run);
  };
  const { duringWait } = hooks;
  if (duringWait !== undefined) {
    ring.duringWait = () => {
      duringWait(run);
    };
  }
  hooks.prepare?.(run);
  await source.start(ring, stop, (event) => {
    run.events.push(event);
    hooks.onEvent?.(event, run);
  });
  ring.takeAll();
  return run;
}

/** The frames that came through, by frame index, without the stamps of time. */
export function framesOf(run: SourceRun): Map<number, { samples: number[]; truth: number[] }> {
  const frames = new Map<number, { samples: number[]; truth: number[] }>();
  for (const chunk of run.ring.taken) {
    for (let i = 0; i < chunk.frameCount; i++) {
      frames.set(chunk.firstFrameIndex + i, { samples: chunk.samples[i], truth: chunk.truth[i] });
    }
  }
  return frames;
}

export function lostFrames(source: Source): number {
  const { ringFull, deviceGap } = source.account().lostFrames;
  return ringFull + deviceGap;
}
