import { describe, expect, it } from 'vitest';
import { WriteQueue } from '../../src/recording/write-queue.ts';

/** Takes blocks only when told to, and notices calls that overlap. */
class ManualSink {
  readonly done: string[] = [];
  private pending: { name: string; resolve: () => void; reject: (reason: Error) => void } | undefined;

  write(block: Uint8Array): Promise<void> {
    return this.begin(`write ${block[0]}`);
  }

  sync(): Promise<void> {
    return this.begin('sync');
  }

  /** Lets the call in progress end, and everything that follows from that happen. */
  async finish(reason?: Error): Promise<void> {
    const { pending } = this;
    if (pending === undefined) throw new Error('nothing in progress');
    this.pending = undefined;
    if (reason === undefined) pending.resolve();
    else pending.reject(reason);
    this.done.push(pending.name);
    await new Promise(setImmediate);
  }

  isBusy(): boolean {
    return this.pending !== undefined;
  }

  private begin(name: string): Promise<void> {
    if (this.pending !== undefined) throw new Error('calls overlap');
    return new Promise((resolve, reject) => (this.pending = { name, resolve, reject }));
  }
}

const block = (first: number, length = 10): Uint8Array => new Uint8Array(length).fill(first);

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise(setImmediate);
  return settled;
}

describe('WriteQueue', () => {
  it('writes blocks in order, one at a time, and syncs when it has caught up', async () => {
    const sink = new ManualSink();
    const queue = new WriteQueue(sink, 100, () => undefined);
    for (const first of [1, 2, 3]) queue.push(block(first));
    await sink.finish();
    queue.push(block(4));
    while (sink.isBusy()) await sink.finish();
    expect(sink.done).toEqual(['write 1', 'write 2', 'write 3', 'write 4', 'sync']);
    queue.push(block(5));
    while (sink.isBusy()) await sink.finish();
    expect(sink.done.slice(5)).toEqual(['write 5', 'sync']);
  });

  it('has space up to its limit, is ready below half of it, drained after the sync', async () => {
    const sink = new ManualSink();
    const queue = new WriteQueue(sink, 30, () => undefined);
    expect(await isSettled(queue.ready())).toBe(true);
    expect(await isSettled(queue.drained())).toBe(true);
    for (const first of [1, 2, 3]) {
      expect(queue.hasSpace()).toBe(true);
      queue.push(block(first));
    }
    expect(queue.hasSpace()).toBe(false);
    const ready = queue.ready();
    const drained = queue.drained();
    await sink.finish();
    expect([queue.hasSpace(), await isSettled(ready)]).toEqual([true, false]);
    await sink.finish();
    expect([await isSettled(ready), await isSettled(drained)]).toEqual([true, false]);
    await sink.finish();
    expect(await isSettled(drained)).toBe(false);
    await sink.finish();
    expect(await isSettled(drained)).toBe(true);
  });

  it('after a failure tells it once, settles every block, and keeps nobody waiting', async () => {
    const sink = new ManualSink();
    const failures: unknown[] = [];
    const settled: [number, boolean][] = [];
    const queue = new WriteQueue(sink, 20, (failure) => failures.push(failure));
    for (const first of [1, 2, 3]) {
      queue.push(block(first), (isWritten) => settled.push([first, isWritten]));
    }
    const waiting = [queue.ready(), queue.drained()];
    await sink.finish();
    await sink.finish(new Error('no space'));
    await Promise.all(waiting);
    queue.push(block(4), (isWritten) => settled.push([4, isWritten]));
    await Promise.all([queue.ready(), queue.drained()]);
    expect(settled).toEqual([
      [1, true],
      [2, false],
      [3, false],
      [4, false],
    ]);
    expect(failures).toEqual([new Error('no space')]);
    expect(sink.isBusy()).toBe(false);
  });

  it('a sync that fails is a failure too', async () => {
    const sink = new ManualSink();
    const failures: unknown[] = [];
    const queue = new WriteQueue(sink, 20, (failure) => failures.push(failure));
    queue.push(block(1));
    await sink.finish();
    await sink.finish(new Error('disk gone'));
    expect(failures).toEqual([new Error('disk gone')]);
  });
});
