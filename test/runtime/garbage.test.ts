/** Counting garbage collections, and having them before they are counted. */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { GarbageCounter } from '../../src/runtime/garbage-counter.ts';
import { collectYoungGarbage } from '../../src/runtime/young-generation.ts';

it('a counter counts the collections between begin and end, and those only', async () => {
  const counter = new GarbageCounter();
  collectYoungGarbage();
  counter.begin();
  for (let i = 0; i < 3; i++) collectYoungGarbage();
  const counting = counter.end();
  collectYoungGarbage();
  // The engine may add one of its own; in a session's decode thread it must not, see session.test.ts.
  const count = await counting;
  expect(count).toBeGreaterThanOrEqual(3);
  expect(count).toBeLessThan(6);
});

it('the young generation is collected when it is asked for, and the old one left alone', async () => {
  const kinds: unknown[] = [];
  const collected = new Promise<void>((resolve) => {
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { kind, flags } = (entry as unknown as { detail: { kind: number; flags: number } }).detail;
        if ((flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) === 0) continue;
        kinds.push(kind);
        observer.disconnect();
        resolve();
      }
    });
    observer.observe({ entryTypes: ['gc'] });
  });
  collectYoungGarbage();
  await collected;
  expect(kinds).toEqual([constants.NODE_PERFORMANCE_GC_MINOR]);
});
