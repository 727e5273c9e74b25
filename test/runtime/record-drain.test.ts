import { describe, expect, it } from 'vitest';
import { RECORD_FLAG, RECORD_HEADER, RecordRing } from '../../src/core/record-ring.ts';
import { RecordDrain } from '../../src/runtime/record-drain.ts';
import { SinkQueue } from '../../src/runtime/sink-queue.ts';
import { MemorySink } from '../support/sessions.ts';

/** Takes one record and is never done with it. */
class ShutSink extends MemorySink {
  override write(): Promise<void> {
    return new Promise(() => undefined);
  }
}

function create(isPaced: boolean) {
  const ring = new RecordRing({ slotCount: 8, featureCount: 2, outputCount: 1, truthCount: 1 });
  const sink = new MemorySink();
  const shut = new SinkQueue(new ShutSink('shut'), () => undefined, 3);
  const queues = [new SinkQueue(sink, () => undefined, 100), shut];
  const told: number[] = [];
  const drain = new RecordDrain(ring, queues, isPaced, ({ binIndex }) => told.push(binIndex));
  let bin = 0;
  const publish = (count: number, flags = 0): void => {
    for (let i = 0; i < count; i++) {
      const slot = ring.claim()!;
      slot.header.forEach((_, field) => (slot.header[field] = bin * 100 + field));
      slot.header[RECORD_HEADER.binIndex] = bin;
      slot.header[RECORD_HEADER.flags] = flags;
      slot.features.set([bin, bin + 0.5]);
      slot.output.fill(-bin);
      slot.truth.fill(bin / 4);
      ring.publish();
      bin++;
    }
  };
  return { ring, sink, shut, drain, told, publish };
}

describe('RecordDrain', () => {
  it('hands over records as they stood in the ring, owned', async () => {
    const { ring, sink, drain, publish } = create(true);
    publish(1);
    publish(1, RECORD_FLAG.join);
    publish(1, RECORD_FLAG.nonFinite);
    drain.fetch(drain.readyCount());
    expect(ring.queuedCount()).toBe(0);
    expect(drain.latest?.binIndex).toBe(2);
    publish(8); // over the slots that were borrowed
    await new Promise(setImmediate);
    expect(sink.records[1]).toEqual({
      binIndex: 1,
      firstFrame: 101,
      lastFrame: 102,
      scheduledNs: 103,
      arrivalNs: 104,
      startNs: 105,
      stagedNs: 106,
      decoderNs: 107,
      doneNs: 108,
      generation: 110,
      isJoin: true,
      isNonFinite: false,
      features: Float32Array.of(1, 1.5),
      output: Float32Array.of(-1),
      truth: Float32Array.of(0.25),
    });
    expect(sink.records.map(({ isJoin, isNonFinite }) => [isJoin, isNonFinite])).toEqual([
      [false, false],
      [true, false],
      [false, true],
    ]);
  });

  it('takes everything where there is a schedule: a sink that is behind loses its own records', () => {
    const { ring, shut, drain, publish } = create(true);
    publish(8);
    drain.fetch(drain.readyCount());
    expect(ring.queuedCount()).toBe(0);
    expect(shut.account().lost).toBe(5);
  });

  it('takes what the slowest sink has room for where there is none, and the rest at the end', () => {
    const { ring, shut, drain, told, publish } = create(false);
    publish(8);
    drain.fetch(drain.readyCount());
    drain.fetch(drain.readyCount());
    expect(ring.queuedCount()).toBe(5);
    expect(shut.account().lost).toBe(0);
    drain.fetch(drain.queuedCount());
    expect(ring.queuedCount()).toBe(0);
    expect(shut.account().lost).toBe(5);
    expect(drain.latest?.binIndex).toBe(7);
    expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('works for a session without sinks', () => {
    const ring = new RecordRing({ slotCount: 2, featureCount: 1, outputCount: 1, truthCount: 0 });
    const drain = new RecordDrain(ring, [], false, () => undefined);
    ring.claim();
    ring.publish();
    drain.fetch(drain.readyCount());
    expect([ring.queuedCount(), drain.latest?.binIndex]).toEqual([0, 0]);
  });
});
