/**
 * The laws of sources (src/acquisition/source.ts), for every kind: a new kind calls `itObeysSourceLaws` from its test.
 * Sources run on a fake clock in the test's own thread, so every law is deterministic.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SourceEvent } from '../../src/acquisition/source.ts';
import { Rng } from '../../src/core/rng.ts';
import { StopSignal } from '../../src/core/stop-signal.ts';
import { DrainedRing, ringLayout } from '../support/drained-ring.ts';
import { framesOf, lostFrames, runSource } from '../support/source-run.ts';
import type { SourceMaker, SourceRun } from '../support/source-run.ts';
import { TickingClock } from '../support/ticking-clock.ts';

/** The same short stream twice: at least 20 chunks, ending by itself. */
export interface SourceSubject {
  paced: SourceMaker;
  unpaced: SourceMaker;
}

export interface SourceLaw {
  title: string;
  check(subject: SourceSubject): Promise<void>;
}

export const SOURCE_LAWS: readonly SourceLaw[] = [
  { title: 'opens with a description that its chunks keep to', check: checkDescription },
  { title: 'refuses calls out of order, and closes at any time', check: checkOrder },
  { title: 'gives the same frames again, through a ring of any size', check: checkDeterminism },
  { title: 'stamps paced chunks with an absolute schedule', check: checkSchedule },
  { title: 'accounts for every frame when the consumer is slow', check: checkAccount },
  { title: 'stops before it has begun', check: checkStopAtOnce },
  { title: 'stops while it waits for the schedule', check: checkStopWhilePaced },
  { title: 'stops while it waits for space', check: checkStopWhileFull },
  { title: 'ends when it is closed from inside an event', check: checkCloseInside },
];

export function itObeysSourceLaws(subject: SourceSubject): void {
  for (const law of SOURCE_LAWS) it(law.title, () => law.check(subject));
}

async function checkDescription({ paced, unpaced }: SourceSubject): Promise<void> {
  for (const [make, isPaced] of [
    [paced, true],
    [unpaced, false],
  ] as const) {
    const run = await runSource(make);
    const { info, ring, events, source } = run;
    expect(info.isPaced).toBe(isPaced);
    expect(info.channels.length).toBeGreaterThan(0);
    expect(info.sampleRateHz).toBeGreaterThan(0);
    expect(info.paceHz !== undefined).toBe(isPaced);
    expect(ring.taken.length).toBeGreaterThanOrEqual(20);
    let nextFrame = 0;
    ring.taken.forEach((chunk, i) => {
      expect(chunk.sequence).toBe(i);
      expect(chunk.firstFrameIndex).toBe(nextFrame);
      expect(chunk.frameCount).toBeGreaterThanOrEqual(1);
      expect(chunk.frameCount).toBeLessThanOrEqual(info.maxFramesPerChunk);
      expect(Number.isNaN(chunk.scheduledNs)).toBe(!isPaced);
      expect(chunk.arrivalNs).toBeGreaterThan(0);
      expect([0, 1]).toContain(chunk.isJoin);
      nextFrame += chunk.frameCount;
    });
    expect(ring.taken[0].isJoin).toBe(0);
    for (const { samples, truth } of framesOf(run).values()) {
      expect(samples).toHaveLength(info.channels.length);
      expect(samples.every(Number.isFinite)).toBe(true);
      expect(truth).toHaveLength(info.truth?.labels.length ?? 0);
      expect(truth.every(Number.isFinite)).toBe(true);
    }
    if (info.frameCount !== undefined) expect(nextFrame).toBe(info.frameCount);
    const joins = ring.taken.filter((chunk) => chunk.isJoin === 1).map((chunk) => chunk.firstFrameIndex);
    expect(events).toEqual([
      ...joins.map((frameIndex) => ({ kind: 'join', frameIndex })),
      { kind: 'end', frameIndex: nextFrame },
    ]);
    expect(ring.isClosed()).toBe(true);
    expect(source.account()).toEqual({
      producedFrames: nextFrame,
      receivedFrames: nextFrame,
      lostFrames: { ringFull: 0, deviceGap: 0 },
    });
  }
}

async function checkOrder({ paced, unpaced }: SourceSubject): Promise<void> {
  for (const make of [paced, unpaced]) {
    const refused: unknown = expect.objectContaining({
      code: 'ACQ_SOURCE_STATE',
      tip: expect.any(String) as string,
    });
    const ring = new DrainedRing(ringLayout(await make(new TickingClock()).open(), 4));
    const begin = (source: ReturnType<SourceMaker>): Promise<void> => {
      const stopped = new StopSignal();
      stopped.set();
      return source.start(ring, stopped, () => undefined);
    };
    const nothing = { producedFrames: 0, receivedFrames: 0, lostFrames: { ringFull: 0, deviceGap: 0 } };

    const source = make(new TickingClock());
    expect(source.account()).toEqual(nothing);
    await expect(begin(source)).rejects.toEqual(refused);
    await source.open();
    await expect(source.open()).rejects.toEqual(refused);
    await begin(source);
    await expect(begin(source)).rejects.toEqual(refused);
    await expect(source.open()).rejects.toEqual(refused);
    await source.close();
    await source.close();
    await expect(source.open()).rejects.toEqual(refused);
    await expect(begin(source)).rejects.toEqual(refused);
    expect(source.account()).toEqual(nothing);

    const neverOpened = make(new TickingClock());
    await neverOpened.close();
    await neverOpened.close();
    await expect(neverOpened.open()).rejects.toEqual(refused);

    const neverStarted = make(new TickingClock());
    await neverStarted.open();
    await neverStarted.close();
    await expect(begin(neverStarted)).rejects.toEqual(refused);
  }
}

async function checkDeterminism({ paced, unpaced }: SourceSubject): Promise<void> {
  const chunksOf = (run: SourceRun): object[] =>
    run.ring.taken.map((chunk) => ({ ...chunk, arrivalNs: 0, scheduledNs: 0 }));
  const reference = chunksOf(await runSource(unpaced));
  for (const slotCount of [2, 4, 64, 1024]) {
    expect(chunksOf(await runSource(unpaced, { slotCount }))).toEqual(reference);
  }
  expect(chunksOf(await runSource(paced))).toEqual(reference);
}

async function checkSchedule({ paced }: SourceSubject): Promise<void> {
  // Sleeps that end up to a whole chunk late: the schedule must not move with them.
  const rng = new Rng(3);
  const run = await runSource(paced, {
    slotCount: 64,
    duringSleep: ({ clock, ring, info }) => {
      clock.advanceNs(rng.uniform(0, (info.maxFramesPerChunk * 1e9) / info.sampleRateHz));
      ring.takeAll();
    },
  });
  const { taken } = run.ring;
  const periodNs = 1e9 / (run.info.paceHz ?? Number.NaN);
  const startNs = taken[0].scheduledNs - taken[0].frameCount * periodNs;
  for (const chunk of taken) {
    const dueNs = startNs + (chunk.firstFrameIndex + chunk.frameCount) * periodNs;
    expect(Math.abs(chunk.scheduledNs - dueNs)).toBeLessThan(1);
    expect(chunk.arrivalNs).toBeGreaterThanOrEqual(chunk.scheduledNs);
  }
  expect(lostFrames(run.source)).toBe(0);
}

async function checkAccount({ paced, unpaced }: SourceSubject): Promise<void> {
  const complete = await runSource(unpaced);
  const reference = framesOf(complete);
  const joinsOf = (events: readonly SourceEvent[]): SourceEvent[] => events.filter((e) => e.kind === 'join');
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom(2, 4, 8), async (seed, slotCount) => {
      const rng = new Rng(seed);
      const odds = rng.uniform(0, 0.8);
      const expectIdentity = ({ source, ring }: SourceRun): void => {
        const { producedFrames, receivedFrames } = source.account();
        expect(producedFrames).toBe(receivedFrames + lostFrames(source));
        const inRing = ring.taken.reduce((sum, chunk) => sum + chunk.frameCount, 0);
        expect(receivedFrames).toBeGreaterThanOrEqual(inRing);
      };
      const run = await runSource(paced, {
        slotCount,
        duringSleep: (running) => {
          if (rng.uniform() < odds) running.ring.take();
          expectIdentity(running);
        },
        onEvent: (_, running) => {
          expectIdentity(running);
        },
      });
      const { producedFrames, receivedFrames } = run.source.account();
      const frames = framesOf(run);
      expect(producedFrames).toBe(reference.size);
      expect(frames.size).toBe(receivedFrames);
      for (const [index, frame] of frames) expect(frame).toEqual(reference.get(index));
      // Each jump of the frame index is a gap that was reported, and the other way round.
      const gaps = run.events.filter((event) => event.kind === 'gap');
      const reported = new Set(
        gaps.flatMap((gap) => Array.from({ length: gap.frameCount }, (_, i) => gap.frameIndex + i)),
      );
      const missing = [...reference.keys()].filter((index) => !frames.has(index));
      expect([...reported]).toEqual(missing);
      expect(lostFrames(run.source)).toBe(missing.length);
      expect(joinsOf(run.events)).toEqual(joinsOf(complete.events));
      run.ring.taken.forEach((chunk, i) => {
        expect(chunk.sequence).toBe(i);
        // A join that lies in frames that were lost is passed on to the first chunk behind it.
        const previous = i === 0 ? 0 : run.ring.taken[i - 1].firstFrameIndex + 1;
        const isJoined = joinsOf(run.events).some(
          (join) => join.frameIndex >= previous && join.frameIndex <= chunk.firstFrameIndex,
        );
        expect(chunk.isJoin).toBe(isJoined ? 1 : 0);
      });
      expect(run.events.at(-1)).toEqual({ kind: 'end', frameIndex: producedFrames });
    }),
    { numRuns: 25 },
  );
}

async function checkStopAtOnce({ paced, unpaced }: SourceSubject): Promise<void> {
  for (const make of [paced, unpaced]) {
    const run = await runSource(make, {
      prepare: ({ stop }) => {
        stop.set();
      },
    });
    expect(run.ring.taken).toEqual([]);
    expect(run.source.account().producedFrames).toBe(0);
    expect(run.events).toEqual([{ kind: 'end', frameIndex: 0 }]);
    expect(run.ring.isClosed()).toBe(true);
  }
}

async function checkStopWhilePaced({ paced }: SourceSubject): Promise<void> {
  const sleepOfStop = 7;
  let sleepCount = 0;
  let readingsAtStop = 0;
  const run = await runSource(paced, {
    duringSleep: ({ ring, stop, clock }) => {
      ring.takeAll();
      sleepCount++;
      if (sleepCount !== sleepOfStop) return;
      stop.set();
      readingsAtStop = clock.readingCount;
    },
  });
  expect(sleepCount).toBe(sleepOfStop);
  expect(run.clock.readingCount - readingsAtStop).toBeLessThanOrEqual(2);
  expectStopped(run);
}

async function checkStopWhileFull({ unpaced }: SourceSubject): Promise<void> {
  let waitCount = 0;
  const run = await runSource(unpaced, {
    slotCount: 4,
    duringWait: ({ ring, stop }) => {
      waitCount++;
      if (waitCount <= 3) ring.take();
      else stop.set();
    },
  });
  expect(waitCount).toBe(4);
  expect(run.ring.taken).toHaveLength(7);
  expect(lostFrames(run.source)).toBe(0);
  expectStopped(run);
}

async function checkCloseInside({ paced }: SourceSubject): Promise<void> {
  // Nobody takes chunks, so the first event is the gap that the third chunk leaves.
  const run = await runSource(paced, {
    slotCount: 2,
    duringSleep: () => undefined,
    onEvent: (event, { source }) => {
      if (event.kind === 'gap') void source.close();
    },
  });
  expect(run.ring.taken).toHaveLength(2);
  expect(run.events.filter((event) => event.kind === 'gap')).toHaveLength(1);
  expectStopped(run);
}

/** What was produced up to the stop is there, the rest is not, and whoever waits on the ring is told. */
function expectStopped({ source, ring, info, events }: SourceRun): void {
  const { producedFrames, receivedFrames } = source.account();
  expect(producedFrames).toBeLessThan(info.frameCount ?? Infinity);
  expect(producedFrames).toBe(receivedFrames + lostFrames(source));
  expect(receivedFrames).toBe(ring.taken.reduce((sum, chunk) => sum + chunk.frameCount, 0));
  expect(events.at(-1)).toEqual({ kind: 'end', frameIndex: producedFrames });
  expect(ring.isClosed()).toBe(true);
}
