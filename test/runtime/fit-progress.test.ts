import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../src/core/clock.ts';
import { FitProgressWatch } from '../../src/runtime/fit-progress.ts';

const S = 1e9;
const rest = { loss: 1, validationR2: Number.NaN };

describe('the progress of a fit', () => {
  it('is time alone until a step is told, and has no time left until there are two', () => {
    const clock = new FakeClock(5 * S);
    const watch = new FitProgressWatch(clock);
    clock.advanceNs(2 * S);
    expect(watch.status()).toEqual({ elapsedS: 2 });
    watch.take({ method: 'ends', step: 1, stepCount: 80, ...rest });
    expect(watch.status()).toEqual({ elapsedS: 2, training: { method: 'ends', share: 1 / 80 } });
  });

  it('takes the time left from the steps, not from what went before them, and counts down between two', () => {
    const clock = new FakeClock();
    const watch = new FitProgressWatch(clock);
    clock.advanceNs(10 * S); // the readout, which tells of no steps
    watch.take({ method: 'ends', step: 1, stepCount: 80, ...rest });
    clock.advanceNs(4 * S);
    watch.take({ method: 'ends', step: 41, stepCount: 80, ...rest });
    expect(watch.status()).toEqual({
      elapsedS: 14,
      training: { method: 'ends', share: 41 / 80, leftS: 3.9 },
    });
    clock.advanceNs(1.5 * S);
    expect(watch.status().training?.leftS).toBeCloseTo(2.4, 9);
    clock.advanceNs(60 * S);
    expect(watch.status().training?.leftS).toBe(0);
  });

  it('begins anew with another method', () => {
    const clock = new FakeClock();
    const watch = new FitProgressWatch(clock);
    watch.take({ method: 'ends', step: 1, stepCount: 80, ...rest });
    clock.advanceNs(8 * S);
    watch.take({ method: 'ends', step: 80, stepCount: 80, ...rest });
    expect(watch.status().training).toEqual({ method: 'ends', share: 1, leftS: 0 });
    watch.take({ method: 'full', step: 1, stepCount: 200, ...rest });
    expect(watch.status().training).toEqual({ method: 'full', share: 1 / 200 });
    clock.advanceNs(2 * S);
    watch.take({ method: 'full', step: 101, stepCount: 200, ...rest });
    expect(watch.status().training?.leftS).toBeCloseTo(1.98, 9);
  });
});
