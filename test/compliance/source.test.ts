/** Canaries: sources that break a law must be caught, or the suite proves nothing. */
import { describe, expect, it } from 'vitest';
import type { FrameBatch, FrameStream, UntimedStreamInfo } from '../../src/acquisition/frame-stream.ts';
import type { Source, SourceAccount } from '../../src/acquisition/source.ts';
import { StreamSource } from '../../src/acquisition/stream-source.ts';
import { CHUNK_HEADER, ChunkRing } from '../../src/core/chunk-ring.ts';
import type { ChunkSlot } from '../../src/core/chunk-ring.ts';
import { StopSignal } from '../../src/core/stop-signal.ts';
import type { TickingClock } from '../support/ticking-clock.ts';
import { itObeysSourceLaws, SOURCE_LAWS } from './source.ts';
import type { SourceSubject } from './source.ts';

/** 40 chunks of 1 to 3 frames that count, with a join at every tenth chunk. */
class CountingStream implements FrameStream {
  private chunk = 0;
  private value = 0;

  prepare(): UntimedStreamInfo {
    return {
      channels: [
        { label: 'a', unit: 'count' },
        { label: 'b', unit: 'count' },
      ],
      sampleRateHz: 100,
      clockDomain: 'device',
      maxFramesPerChunk: 3,
      truth: { name: 'count', labels: ['x'], unit: '1' },
      frameCount: 79,
    };
  }

  read(samples: Float32Array, truth: Float32Array): FrameBatch | undefined {
    if (this.chunk === 40) return undefined;
    const frameCount = 1 + (this.chunk % 3);
    for (let i = 0; i < frameCount; i++) {
      samples[i * 2] = this.value;
      samples[i * 2 + 1] = -this.value;
      truth[i] = this.value++;
    }
    const isJoin = this.chunk > 0 && this.chunk % 10 === 0;
    this.chunk++;
    return { frameCount, isJoin };
  }
}

type Change = (clock: TickingClock, speed: 1 | 'max') => Source;

const honest: Change = (clock, speed) => new StreamSource(new CountingStream(), speed, clock);

function subjectOf(make: Change): SourceSubject {
  return { paced: (clock) => make(clock, 1), unpaced: (clock) => make(clock, 'max') };
}

/** Another look at the same ring that spoils each chunk before it is published. */
class SpoilingRing extends ChunkRing {
  private readonly honestRing: ChunkRing;
  private readonly spoil: (slot: ChunkSlot) => void;
  private claimed: ChunkSlot | undefined;

  constructor(ring: ChunkRing, spoil: (slot: ChunkSlot) => void) {
    super(ring.layout, ring.buffer);
    this.honestRing = ring;
    this.spoil = spoil;
  }

  override claim(): ChunkSlot | undefined {
    this.claimed = super.claim();
    return this.claimed;
  }

  override publish(): void {
    if (this.claimed !== undefined) this.spoil(this.claimed);
    super.publish();
  }

  override waitForSpace(timeoutMs: number): boolean {
    return this.honestRing.waitForSpace(timeoutMs);
  }
}

/** An honest source with one habit changed. */
function changed(change: (source: Source) => Partial<Source>): Change {
  return (clock, speed) => {
    const source = honest(clock, speed);
    return {
      open: () => source.open(),
      start: (ring, stop, onEvent) => source.start(ring, stop, onEvent),
      account: () => source.account(),
      close: () => source.close(),
      ...change(source),
    };
  };
}

const spoiled = (spoil: (slot: ChunkSlot) => void): Change =>
  changed((source) => ({
    start: (ring, stop, onEvent) => source.start(new SpoilingRing(ring, spoil), stop, onEvent),
  }));

let draw = 0;

const CANARIES: readonly { fault: string; make: Change; caughtBy: string }[] = [
  {
    fault: 'sequence numbers that start at 1',
    make: spoiled(({ header }) => {
      header[CHUNK_HEADER.sequence]++;
    }),
    caughtBy: 'opens with a description that its chunks keep to',
  },
  {
    fault: 'truth that is not a number',
    make: spoiled(({ truth }) => {
      truth[0] = Number.NaN;
    }),
    caughtBy: 'opens with a description that its chunks keep to',
  },
  {
    fault: 'joins that the chunks do not tell',
    make: spoiled(({ header }) => {
      header[CHUNK_HEADER.isJoin] = 0;
    }),
    caughtBy: 'opens with a description that its chunks keep to',
  },
  {
    fault: 'a ring left open',
    make: changed((source) => ({
      start: (ring, stop, onEvent) =>
        source.start(
          new (class extends SpoilingRing {
            override close(): void {
              return;
            }
          })(ring, () => undefined),
          stop,
          onEvent,
        ),
    })),
    caughtBy: 'opens with a description that its chunks keep to',
  },
  {
    fault: 'a second open that is taken',
    make: changed((source) => {
      const info = source.open();
      return { open: () => info };
    }),
    caughtBy: 'refuses calls out of order, and closes at any time',
  },
  {
    fault: 'samples that differ from run to run',
    make: spoiled(({ samples }) => {
      samples[0] += draw++;
    }),
    caughtBy: 'gives the same frames again, through a ring of any size',
  },
  {
    fault: 'a schedule that follows the clock',
    make: spoiled(({ header }) => {
      header[CHUNK_HEADER.scheduledNs] = header[CHUNK_HEADER.arrivalNs];
    }),
    caughtBy: 'stamps paced chunks with an absolute schedule',
  },
  {
    fault: 'losses that are not counted',
    make: changed((source) => ({
      account: (): SourceAccount => ({ ...source.account(), lostFrames: { ringFull: 0, deviceGap: 0 } }),
    })),
    caughtBy: 'accounts for every frame when the consumer is slow',
  },
  {
    fault: 'gaps that are not reported',
    make: changed((source) => ({
      start: (ring, stop, onEvent) =>
        source.start(ring, stop, (event) => {
          if (event.kind !== 'gap') onEvent(event);
        }),
    })),
    caughtBy: 'accounts for every frame when the consumer is slow',
  },
  {
    fault: 'a stop that is not heard before the start',
    make: changed((source) => ({
      start: (ring, _, onEvent) => source.start(ring, new NeverStops(), onEvent),
    })),
    caughtBy: 'stops before it has begun',
  },
  {
    fault: 'a stop that is not heard while it waits for the schedule',
    make: changed((source) => ({
      start: (ring, stop, onEvent) => source.start(ring, new HalfDeaf(stop), onEvent),
    })),
    caughtBy: 'stops while it waits for the schedule',
  },
  {
    fault: 'a stop that is not heard while it waits for space',
    make: changed((source) => ({
      start: (ring, stop, onEvent) => source.start(ring, new HalfDeaf(stop), onEvent),
    })),
    caughtBy: 'stops while it waits for space',
  },
  {
    fault: 'a close from an event that is not heard',
    make: changed(() => ({ close: () => Promise.resolve() })),
    caughtBy: 'ends when it is closed from inside an event',
  },
];

class NeverStops extends StopSignal {
  override wait(): boolean {
    return false;
  }
}

/** Hears a stop only after some sleeps more. */
class HalfDeaf extends StopSignal {
  private readonly inner: StopSignal;
  private silence = 5;

  constructor(inner: StopSignal) {
    super(inner.buffer);
    this.inner = inner;
  }

  override isSet(): boolean {
    return super.isSet() && --this.silence < 0;
  }

  override wait(timeoutMs: number): boolean {
    this.inner.wait(timeoutMs);
    return this.isSet();
  }
}

describe('source laws', () => {
  describe('pass a source that obeys them', () => {
    itObeysSourceLaws(subjectOf(honest));
  });

  it('each have a canary', () => {
    expect(SOURCE_LAWS.map(({ title }) => title)).toEqual([
      ...new Set(CANARIES.map(({ caughtBy }) => caughtBy)),
    ]);
  });

  for (const { fault, make, caughtBy } of CANARIES) {
    it(`catch ${fault}`, async () => {
      const law = SOURCE_LAWS.find(({ title }) => title === caughtBy);
      expect(law).toBeDefined();
      await expect(law?.check(subjectOf(make))).rejects.toThrow();
    });
  }
});
