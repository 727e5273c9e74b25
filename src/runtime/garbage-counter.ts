/**
 * Counts the garbage collections of this thread between two moments, of which there should be none. The engine hands
 * its entries over through the event loop, which stands still while the real-time loop runs, so `end` lets it turn.
 */
import { performance, PerformanceObserver } from 'node:perf_hooks';

/** An entry needs one turn to leave the engine and one to reach the observer. */
const TURNS = 4;

export class GarbageCounter {
  private readonly startsMs: number[] = [];
  private readonly observer: PerformanceObserver;
  private beginMs = 0;

  constructor() {
    this.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.startsMs.push(entry.startTime);
    });
    this.observer.observe({ entryTypes: ['gc'] });
  }

  begin(): void {
    this.beginMs = performance.now();
  }

  async end(): Promise<number> {
    const endMs = performance.now();
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    this.observer.disconnect();
    return this.startsMs.filter((startMs) => startMs >= this.beginMs && startMs < endMs).length;
  }
}
