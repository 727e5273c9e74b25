import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { StopSignal } from '../../src/core/stop-signal.ts';
import { compiledUrl } from '../../src/host/compiled.ts';
import { workerScript, workersEnd } from '../support/workers.ts';

describe('StopSignal', () => {
  it('stays set, on every view of its memory', () => {
    const signal = new StopSignal();
    const other = new StopSignal(signal.buffer);
    expect([signal.isSet(), other.isSet()]).toEqual([false, false]);
    signal.set();
    signal.set();
    expect([signal.isSet(), other.isSet()]).toEqual([true, true]);
  });

  it('waits no longer than it may, and not at all when it is set', () => {
    const signal = new StopSignal();
    expect(signal.wait(0)).toBe(false);
    signal.set();
    expect(signal.wait(2 ** 31)).toBe(true);
  });

  it('wakes another thread, and that one this', async () => {
    const ROUNDS = 200; // in most of them both are asleep before they are woken
    const there = Array.from({ length: ROUNDS }, () => new StopSignal());
    const back = Array.from({ length: ROUNDS }, () => new StopSignal());
    const sleeper = workerScript(`
      import { workerData } from 'node:worker_threads';
      import { StopSignal } from ${JSON.stringify(compiledUrl('core/stop-signal.js').href)};
      workerData.there.forEach((buffer, round) => {
        new StopSignal(buffer).wait(600_000);
        new StopSignal(workerData.back[round]).set();
      });
    `);
    const buffersOf = (signals: readonly StopSignal[]): SharedArrayBuffer[] =>
      signals.map(({ buffer }) => buffer);
    const worker = new Worker(sleeper, { workerData: { there: buffersOf(there), back: buffersOf(back) } });
    await once(worker, 'online');
    for (let round = 0; round < ROUNDS; round++) {
      there[round].set();
      expect(back[round].wait(20_000)).toBe(true);
    }
    await workersEnd();
  });
});
