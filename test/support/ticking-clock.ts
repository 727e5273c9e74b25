/** A clock that moves a little at every reading, so that loops which watch it come to an end. */
import { FakeClock } from '../../src/core/clock.ts';

export class TickingClock extends FakeClock {
  readonly tickNs: number;
  readingCount = 0;

  constructor(startNs = 0, tickNs = 2000) {
    super(startNs);
    this.tickNs = tickNs;
  }

  override nowNs(): number {
    this.readingCount++;
    this.advanceNs(this.tickNs);
    return super.nowNs();
  }
}
