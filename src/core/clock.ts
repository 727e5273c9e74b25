/**
 * Monotonic time in nanoseconds, the same zero in every thread of a process. A double holds whole nanoseconds
 * for 104 days, so stamps are plain numbers: a bigint would allocate in the hot loop.
 */
export interface Clock {
  nowNs(): number;
}

/** A clock that moves only when told, for tests. */
export class FakeClock implements Clock {
  private timeNs: number;

  constructor(startNs = 0) {
    this.timeNs = startNs;
  }

  nowNs(): number {
    return this.timeNs;
  }

  advanceNs(deltaNs: number): void {
    this.timeNs += deltaNs;
  }
}
