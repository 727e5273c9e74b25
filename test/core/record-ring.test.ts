import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordRing } from '../../src/core/record-ring.ts';
import { Rng } from '../../src/core/rng.ts';

const LAYOUT = { slotCount: 4, featureCount: 3, outputCount: 2, truthCount: 1 };

function publish(ring: RecordRing, value: number): boolean {
  const slot = ring.claim();
  if (slot === undefined) return false;
  slot.header.fill(value);
  slot.features.fill(value);
  slot.output.fill(value);
  slot.truth.fill(value);
  ring.publish();
  return true;
}

describe('RecordRing', () => {
  it('hands records over in order, through another view of the same memory', () => {
    const producer = new RecordRing(LAYOUT);
    const consumer = new RecordRing(LAYOUT, producer.buffer);
    expect(consumer.peek()).toBeUndefined();
    publish(producer, 1);
    publish(producer, 2);
    expect(consumer.queuedCount()).toBe(2);
    const slot = consumer.peek();
    expect([...slot!.header, ...slot!.features, ...slot!.output, ...slot!.truth]).toEqual(Array(17).fill(1));
    consumer.release();
    expect(consumer.peek()?.header[0]).toBe(2);
  });

  it('loses and counts records when the consumer is a whole ring behind, and never overwrites', () => {
    const ring = new RecordRing(LAYOUT);
    expect([1, 2, 3, 4, 5, 6].map((value) => publish(ring, value))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(ring.lostCount()).toBe(2);
    expect(ring.peek()?.header[0]).toBe(1);
  });

  it('gives every record once and in order, whatever the turns of the two sides', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const rng = new Rng(seed);
        const ring = new RecordRing(LAYOUT);
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

  it('says whether enough slots are free without waiting when they are', () => {
    const ring = new RecordRing(LAYOUT);
    publish(ring, 1);
    expect(ring.waitForFree(3, 1000)).toBe(true);
    expect(ring.waitForFree(4, 0)).toBe(false);
    ring.release();
    expect(ring.waitForFree(4, 0)).toBe(true);
  });

  it('refuses a slot count that is no power of two', () => {
    expect(() => new RecordRing({ ...LAYOUT, slotCount: 6 })).toThrow(RangeError);
  });
});
