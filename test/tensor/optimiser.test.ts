/** What the golden test (test/golden/optimiser.test.ts) does not show: corners, defaults, limits. */
import { describe, expect, it } from 'vitest';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { AdamW, oneCycleRate } from '../../src/tensor/optimiser.ts';
import type { AdamWOptions } from '../../src/tensor/optimiser.ts';
import { expectClose } from '../support/cases.ts';

function optimiserOf(parameters: readonly number[], options: Partial<AdamWOptions> = {}): AdamW {
  const optimiser = new AdamW(loadKernels({ memoryBytes: 1 << 20 }), parameters.length, options);
  optimiser.parameters.set(parameters);
  return optimiser;
}

/** One step from these parameters against these gradients. */
function stepped(
  parameters: readonly number[],
  gradients: readonly number[],
  rate: number,
  options: Partial<AdamWOptions> = {},
): number[] {
  const optimiser = optimiserOf(parameters, options);
  optimiser.gradients.set(gradients);
  optimiser.step(rate);
  return [...optimiser.parameters];
}

describe('one-cycle rate', () => {
  const peakRate = 0.04;
  const rates = Array.from({ length: 100 }, (_, step) => oneCycleRate(step, 100, { peakRate }));

  it('begins at a 25th of the peak, has it after 30 % of the steps, and ends at a 250,000th', () => {
    expect(rates[0]).toBeCloseTo(peakRate / 25, 12);
    expect(rates.indexOf(Math.max(...rates))).toBe(29);
    expect(rates[29]).toBeCloseTo(peakRate, 12);
    expect(rates[99]).toBeCloseTo(peakRate / 25e4, 12);
  });

  it('rises and falls with a cosine: half way between in the middle, and monotonic', () => {
    expect(oneCycleRate(14.5, 100, { peakRate })).toBeCloseTo((peakRate / 25 + peakRate) / 2, 12);
    expect(oneCycleRate(64, 100, { peakRate })).toBeCloseTo((peakRate + peakRate / 25e4) / 2, 12);
    for (let step = 1; step < 100; step++) expect(rates[step] > rates[step - 1]).toBe(step <= 29);
  });

  it.each([1, 2, 3, 4, 10])('has a rate above 0 and not above the peak in each of %i steps', (stepCount) => {
    for (let step = 0; step < stepCount; step++) {
      const rate = oneCycleRate(step, stepCount, { peakRate });
      expect(rate).toBeGreaterThan(0);
      expect(rate).toBeLessThanOrEqual(peakRate);
    }
  });

  it('takes other corners', () => {
    const options = { peakRate, riseFraction: 0.5, startDivisor: 2, endDivisor: 4 };
    expect(oneCycleRate(0, 20, options)).toBeCloseTo(0.02, 12);
    expect(oneCycleRate(9, 20, options)).toBeCloseTo(0.04, 12);
    expect(oneCycleRate(19, 20, options)).toBeCloseTo(0.005, 12);
  });
});

describe('AdamW', () => {
  it('moves by the rate against the sign of the gradient in its first step, however small that is', () => {
    const moved = stepped([1, 1, 1, 1], [0.3, -0.3, 3e-3, 0], 0.01, { weightDecay: 0 });
    expectClose(moved, [0.99, 1.01, 0.99, 1], () => 1e-6);
  });

  it('has the defaults of PyTorch: 0.9, 0.999, 1e-8, decay 0.01', () => {
    const steps = (options: Partial<AdamWOptions>): number[] => {
      const optimiser = optimiserOf([1, -2, 3], options);
      for (const scale of [1, -0.5, 0.1]) {
        optimiser.gradients.set([0.1, 0.2, -0.3].map((g) => g * scale));
        optimiser.step(0.01);
      }
      return [...optimiser.parameters];
    };
    const defaults = steps({});
    expect(defaults).toEqual(
      steps({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 }),
    );
    for (const other of [{ beta1: 0.8 }, { beta2: 0.99 }, { epsilon: 0.1 }, { weightDecay: 0.1 }])
      expect(steps(other)).not.toEqual(defaults);
  });

  it('shrinks parameters without a gradient by rate times decay, apart from the moments', () => {
    expectClose(stepped([2, -4], [0, 0], 0.1, { weightDecay: 0.5 }), [1.9, -3.8], () => 1e-6);
  });

  it('gives the norm before clipping, and takes longer gradients down to the limit as a whole', () => {
    // With epsilon far above the moments a step is in proportion to the gradient, so that clipping shows.
    const options = { epsilon: 1e4, weightDecay: 0, clipNorm: 1 };
    const moves = (gradients: readonly number[], clipNorm = 1): number[] =>
      stepped([0, 0], gradients, 1e4, { ...options, clipNorm });
    expectClose(moves([0.3, 0.4]), [-0.3, -0.4], () => 1e-4);
    expectClose(moves([3, 4]), [-0.6, -0.8], () => 1e-4);
    expectClose(moves([3, 4], Infinity), [-3, -4], () => 2e-3);
    const optimiser = optimiserOf([0, 0]);
    optimiser.gradients.set([3, 4]);
    expect(optimiser.step(0.1)).toBeCloseTo(5, 5);
    expect([...optimiser.gradients]).toEqual([3, 4]); // they are scaled on the way, not in place
  });

  it('does not divide by a norm of zero', () => {
    expect(stepped([1, 2], [0, 0], 0.1, { weightDecay: 0 })).toEqual([1, 2]);
  });

  it('lays parameters, gradients and moments where nothing else lies', () => {
    const kernels = loadKernels({ memoryBytes: 1 << 20 });
    const first = new AdamW(kernels, 5);
    const second = new AdamW(kernels, 5);
    first.parameters.fill(1);
    first.gradients.fill(0.1);
    first.step(0.1);
    expect([...second.parameters, ...second.gradients]).toEqual(Array(10).fill(0));
    second.gradients.fill(0.1);
    second.step(0.1);
    const alone = stepped([0, 0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1, 0.1], 0.1);
    expect([...second.parameters]).toEqual(alone);
  });

  it('goes on from a saved state as if it had never stopped', () => {
    const gradients = [0.3, -0.2, 0.1];
    const walk = (optimiser: AdamW, from: number, to: number): void => {
      for (let step = from; step < to; step++) {
        optimiser.gradients.set(gradients.map((g) => g * Math.cos(step)));
        optimiser.step(0.05);
      }
    };
    const whole = optimiserOf([1, -2, 3]);
    walk(whole, 0, 9);
    const first = optimiserOf([1, -2, 3]);
    walk(first, 0, 4);
    const state = first.saveState();
    walk(first, 4, 6); // what was saved is a copy
    const second = optimiserOf([0, 0, 0]);
    second.loadState(state);
    expect(second.saveState()).toEqual(state);
    walk(second, 4, 9);
    expect(second.saveState()).toEqual(whole.saveState());
  });
});
