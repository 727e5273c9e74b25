/** A latched flag on shared memory: one thread sets it, another sleeps on it. */
export class StopSignal {
  /** Hand this to the other thread. */
  readonly buffer: SharedArrayBuffer;
  private readonly flag: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.buffer = buffer;
    this.flag = new Int32Array(buffer);
  }

  set(): void {
    Atomics.store(this.flag, 0, 1);
    Atomics.notify(this.flag, 0);
  }

  isSet(): boolean {
    return Atomics.load(this.flag, 0) === 1;
  }

  /** Sleeps until it is set, at most `timeoutMs`. Returns whether it is set. */
  wait(timeoutMs: number): boolean {
    Atomics.wait(this.flag, 0, 0, timeoutMs);
    return this.isSet();
  }
}
