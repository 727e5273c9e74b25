import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { SinkQueue } from '../../src/runtime/sink-queue.ts';
import type { BinRecord, TimedEvent } from '../../src/runtime/sink.ts';
import { binRecord, MemorySink } from '../support/sessions.ts';

const event = (timeNs: number): TimedEvent => ({ event: { kind: 'join', frameIndex: timeNs }, timeNs });

/** Does nothing until the test lets it, one item at a time. */
class GatedSink extends MemorySink {
  readonly order: string[] = [];
  lost = 0;
  private readonly waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  override write(record: BinRecord): Promise<void> {
    this.order.push(`record ${record.binIndex}`);
    return this.wait();
  }

  override writeEvent({ timeNs }: TimedEvent): Promise<void> {
    this.order.push(`event ${timeNs}`);
    return this.wait();
  }

  override lostRecords(): number {
    return this.lost;
  }

  /** Ends the item under way, and lets the queue have its turn. */
  async settle(error?: unknown): Promise<void> {
    const item = this.waiting.shift();
    if (error === undefined) item?.resolve();
    else item?.reject(error);
    await new Promise(setImmediate);
  }

  private wait(): Promise<void> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}

function create(capacity?: number) {
  const sink = new GatedSink();
  const failures: Error[] = [];
  const queue = new SinkQueue(sink, (_sink, error) => failures.push(error), capacity);
  return { sink, queue, failures };
}

describe('SinkQueue', () => {
  it('hands records and events over in order, the next one when the one before is done', async () => {
    const { sink, queue } = create();
    queue.push(binRecord(0));
    queue.pushEvent(event(1));
    queue.push(binRecord(2));
    expect(sink.order).toEqual(['record 0']);
    await sink.settle();
    expect(sink.order).toEqual(['record 0', 'event 1']);
    expect(queue.account()).toEqual({ written: 1, lost: 0 });
    await sink.settle();
    await sink.settle();
    queue.push(binRecord(3)); // after it has been empty
    expect(sink.order).toEqual(['record 0', 'event 1', 'record 2', 'record 3']);
    await sink.settle();
    await queue.drain(1000);
    expect(queue.account()).toEqual({ written: 3, lost: 0 });
  });

  it('loses and counts the records it has no room for', async () => {
    const { sink, queue } = create(3);
    expect(queue.freeCount()).toBe(3);
    for (let bin = 0; bin < 5; bin++) queue.push(binRecord(bin));
    expect([queue.freeCount(), queue.account().lost]).toEqual([0, 2]);
    await sink.settle();
    queue.push(binRecord(5));
    for (let i = 0; i < 3; i++) await sink.settle();
    expect(sink.order).toEqual(['record 0', 'record 1', 'record 2', 'record 5']);
    expect(queue.account()).toEqual({ written: 4, lost: 2 });
  });

  it('takes a flood of events without end up to a limit, and records all the same', async () => {
    const { sink, queue } = create();
    for (let i = 0; i < 5000; i++) queue.pushEvent(event(i));
    queue.push(binRecord(0));
    for (let i = 0; i < 1024; i++) await sink.settle();
    expect(sink.order).toHaveLength(1025);
    expect(sink.order.at(-1)).toBe('record 0');
  });

  it('counts what a sink loses behind its back', () => {
    const { sink, queue } = create();
    sink.lost = 1;
    queue.push(binRecord(0));
    expect(queue.account().lost).toBe(1);
  });

  it('gives up on a sink that fails: the record, those queued and those to come are lost', async () => {
    const { sink, queue, failures } = create(3);
    for (let bin = 0; bin < 3; bin++) queue.push(binRecord(bin));
    await sink.settle();
    await sink.settle('no space'); // not even an Error
    queue.push(binRecord(3));
    queue.pushEvent(event(4));
    expect(failures).toEqual([new Error('no space')]);
    expect(sink.order).toEqual(['record 0', 'record 1']);
    expect(queue.account()).toEqual({ written: 1, lost: 3 });
    expect(queue.freeCount()).toBe(Infinity); // nobody needs to wait for it
    sink.close = () => Promise.reject(new Error('again'));
    expect(await queue.close({}, 1000)).toBe(true);
    expect(failures).toHaveLength(1);
  });

  it('gives up on a sink that throws at once', () => {
    const { sink, queue, failures } = create();
    sink.write = () => {
      throw new Error('broken');
    };
    queue.push(binRecord(0));
    queue.push(binRecord(1));
    expect(failures).toHaveLength(1);
    expect(queue.account()).toEqual({ written: 0, lost: 2 });
  });

  it.each(['record', 'event'] as const)(
    'waits for a %s under way as long as it may, and hands nothing over afterwards',
    async (kind) => {
      const { sink, queue } = create();
      if (kind === 'record') queue.push(binRecord(0));
      else queue.pushEvent(event(0));
      queue.push(binRecord(1));
      queue.push(binRecord(2));
      const account = { written: 0, lost: kind === 'record' ? 3 : 2 };
      await queue.drain(1);
      expect(queue.account()).toEqual(account);
      expect(await queue.close({ bins: 3 }, 1000)).toBe(true);
      await sink.settle(); // it was only slow
      queue.push(binRecord(3));
      queue.pushEvent(event(4));
      await sink.settle();
      expect(sink.order).toEqual([`${kind} 0`]);
      expect(queue.account()).toEqual({ ...account, lost: account.lost + 1 });
      expect(sink.summaries).toEqual([{ bins: 3 }]);
    },
  );

  it('does not wait for ever for a sink to close', async () => {
    const { sink, queue, failures } = create();
    sink.close = () => new Promise(() => undefined);
    expect(await queue.close({}, 1)).toBe(false);
    expect(failures).toEqual([]);
  });

  it('accounts for every record, whatever the pace of the two sides', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 8 }), async (seed, capacity) => {
        const rng = new Rng(seed);
        const { sink, queue, failures } = create(capacity);
        let offered = 0;
        for (let turn = 0; turn < 60; turn++) {
          const draw = rng.uniform();
          if (draw < 0.5) queue.push(binRecord(offered++));
          else if (draw < 0.6) queue.pushEvent(event(turn));
          else await sink.settle(draw > 0.99 ? new Error('failed') : undefined);
        }
        await queue.drain(0);
        const { written, lost } = queue.account();
        expect(written + lost).toBe(offered);
        const begun = sink.order.filter((item) => item.startsWith('record')).length;
        expect(begun - written).toBeLessThanOrEqual(1); // one may have been under way
        expect(failures.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });
});
