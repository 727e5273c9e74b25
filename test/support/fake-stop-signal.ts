/** A stop signal whose sleep takes no time: the fake clock moves instead, and the test gets its turn. */
import type { FakeClock } from '../../src/core/clock.ts';
import { StopSignal } from '../../src/core/stop-signal.ts';

export class FakeStopSignal extends StopSignal {
  readonly sleepsMs: number[] = [];
  /** What happens while the source sleeps: a consumer that takes chunks, a stop, a stall. */
  duringSleep: () => void = () => undefined;
  private readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    super();
    this.clock = clock;
  }

  override wait(timeoutMs: number): boolean {
    this.sleepsMs.push(timeoutMs);
    this.duringSleep();
    if (!this.isSet()) this.clock.advanceNs(timeoutMs * 1e6);
    return this.isSet();
  }
}
