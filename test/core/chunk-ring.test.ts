import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK_HEADER, ChunkRing } from '../../src/core/chunk-ring.ts';
import { Rng } from '../../src/core/rng.ts';
import { compiledUrl } from '../../src/host/compiled.ts';
import { workerScript, workersEnd } from '../support/workers.ts';

const LAYOUT = { slotCount: 4, channelCount: 3, truthCount: 2, maxFramesPerChunk: 2 };

function publish(ring: ChunkRing, value: number): boolean {
  const slot = ring.claim();
  if (slot === undefined) return false;
  slot.header.fill(value);
  slot.samples.fill(value);
  slot.truth.fill(value);
  ring.publish();
  return true;
}

describe('ChunkRing', () => {
  it('hands chunks over in order, through another view of the same memory', () => {
    const producer = new ChunkRing(LAYOUT);
    const consumer = new ChunkRing(LAYOUT, producer.buffer);
    expect(consumer.peek()).toBeUndefined();
    publish(producer, 1);
    publish(producer, 2);
    expect(consumer.queuedCount()).toBe(2);
    const slot = consumer.peek();
    expect([...slot!.header, ...slot!.samples, ...slot!.truth]).toEqual(Array(6 + 6 + 4).fill(1));
    expect(consumer.peek()?.header[0]).toBe(1); // looking does not take it
    consumer.release();
    expect(consumer.peek()?.header[0]).toBe(2);
  });

  it('has no slot to claim when the consumer is a whole ring behind, and never overwrites', () => {
    const ring = new ChunkRing(LAYOUT);
    expect([1, 2, 3, 4, 5].map((value) => publish(ring, value))).toEqual([true, true, true, true, false]);
    expect(ring.peek()?.header[0]).toBe(1);
    ring.release();
    expect(publish(ring, 6)).toBe(true);
    const rest = [];
    for (let slot = ring.peek(); slot !== undefined; slot = ring.peek()) {
      rest.push(slot.header[0]);
      ring.release();
    }
    expect(rest).toEqual([2, 3, 4, 6]);
  });

  it('keeps its slots apart, however wide they are', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(2, 4, 8),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
        (slotCount, channelCount, truthCount, maxFramesPerChunk) => {
          const ring = new ChunkRing({ slotCount, channelCount, truthCount, maxFramesPerChunk });
          for (let value = 1; value <= slotCount; value++) publish(ring, value);
          for (let value = 1; value <= slotCount; value++) {
            const slot = ring.peek();
            expect(slot?.samples.length).toBe(channelCount * maxFramesPerChunk);
            expect(slot?.truth.length).toBe(truthCount * maxFramesPerChunk);
            expect(new Set([...slot!.header, ...slot!.samples, ...slot!.truth])).toEqual(new Set([value]));
            ring.release();
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('gives every chunk once and in order, whatever the turns of the two sides', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const rng = new Rng(seed);
        const ring = new ChunkRing(LAYOUT);
        const taken: number[] = [];
        const published: number[] = [];
        for (let value = 0; value < 200; value++) {
          if (rng.uniform() < 0.5) {
            if (publish(ring, value)) published.push(value);
          } else {
            const slot = ring.peek();
            if (slot === undefined) continue;
            taken.push(slot.header[0]);
            ring.release();
          }
        }
        expect(taken).toEqual(published.slice(0, taken.length));
        expect(published.length - taken.length).toBe(ring.queuedCount());
      }),
    );
  });

  it('goes on where its counters run over the end of a 32-bit integer', () => {
    const ring = new ChunkRing(LAYOUT);
    new Int32Array(ring.buffer, 0, 2).fill(2 ** 31 - 2); // chunks published and released, after years
    for (let value = 0; value < 6; value++) {
      for (const part of [0, 1, 2, 3]) publish(ring, 4 * value + part);
      expect(publish(ring, -1)).toBe(false);
      expect(ring.queuedCount()).toBe(4);
      for (const part of [0, 1, 2, 3]) {
        expect(ring.peek()?.header[0]).toBe(4 * value + part);
        ring.release();
      }
      expect([ring.queuedCount(), ring.peek()]).toEqual([0, undefined]);
    }
  });

  it('says when it is closed, with chunks still in it', () => {
    const ring = new ChunkRing(LAYOUT);
    publish(ring, 1);
    expect(ring.isClosed()).toBe(false);
    ring.close();
    expect([ring.isClosed(), ring.queuedCount()]).toEqual([true, 1]);
  });

  it('does not wait where there is no reason to', () => {
    const ring = new ChunkRing(LAYOUT);
    const forEver = 2 ** 31;
    expect(ring.waitForSpace(forEver)).toBe(true);
    publish(ring, 1);
    ring.waitForChunk(forEver);
    ring.release();
    ring.close();
    ring.waitForChunk(forEver);
    for (let value = 0; value < 4; value++) publish(ring, value);
    expect(ring.waitForSpace(0)).toBe(false);
  });

  it('wakes the other thread for a chunk, for space, and for the close', async () => {
    const ring = new ChunkRing(LAYOUT);
    // The other side waits for minutes where nobody wakes it.
    const consumer = workerScript(`
      import { parentPort, workerData } from 'node:worker_threads';
      import { ChunkRing } from ${JSON.stringify(compiledUrl('core/chunk-ring.js').href)};
      const ring = new ChunkRing(workerData.layout, workerData.buffer);
      const taken = [];
      for (;;) {
        for (let slot = ring.peek(); slot !== undefined; slot = ring.peek()) {
          taken.push(slot.header[0]);
          ring.release();
        }
        if (ring.isClosed() && ring.queuedCount() === 0) break;
        ring.waitForChunk(600_000);
      }
      parentPort.postMessage(taken);
    `);
    const worker = new Worker(consumer, { workerData: { layout: LAYOUT, buffer: ring.buffer } });
    await once(worker, 'online');
    const done = once(worker, 'message');
    for (let value = 0; value < 5000; value++) {
      while (!ring.waitForSpace(600_000));
      publish(ring, value);
    }
    ring.close();
    expect((await done)[0]).toEqual(Array.from({ length: 5000 }, (_, value) => value));
    await workersEnd();
  });

  it('names every double of its header once', () => {
    const places = Object.values(CHUNK_HEADER);
    expect([...places].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(new ChunkRing(LAYOUT).claim()?.header.length).toBe(places.length);
  });

  it.each([0, 1, 3, 6])('refuses %i slots', (slotCount) => {
    expect(() => new ChunkRing({ ...LAYOUT, slotCount })).toThrow(RangeError);
  });
});
