import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const shapes = fc.record({
  timeCount: fc.integer({ min: 0, max: 7 }),
  batchCount: fc.integer({ min: 0, max: 5 }),
  count: fc.integer({ min: 1, max: 21 }),
  accumulate: fc.integer({ min: 0, max: 1 }),
  seed: seeds,
});

describe.each(VARIANTS)('token shift, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('forward and backward equal their twins within 1e-5, any time, batch and width', () => {
    forEachCase(shapes, 150, ({ timeCount: T, batchCount: B, count: d, accumulate, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const x = place.input(drawUniform(rng, T * B * d));
        const mu = place.input(drawUniform(rng, d));
        const dy = place.input(drawUniform(rng, T * B * d));
        const y = place.output(T * B * d);
        const dx = accumulate === 0 ? place.output(T * B * d) : place.inOut(drawUniform(rng, T * B * d));
        const dmu = place.inOut(drawUniform(rng, d));
        kernels.shiftMix(y.ptr, x.ptr, mu.ptr, T, B, d);
        kernels.shiftMixBackward(dx.ptr, dmu.ptr, dy.ptr, x.ptr, mu.ptr, T, B, d, accumulate);
        return { y: y.values, dx: dx.values, dmu: dmu.values };
      });
      // dmu adds up to 35 products below 2; the rest are single mixes of numbers below 2.
      for (const name of ['y', 'dx', 'dmu']) expectClose(actual[name], expected[name], () => 1e-5);
    });
  });

  it('a step equals its twin within 1e-6, any number of shares and width, and keeps what it saw', () => {
    const sizes = fc.record({
      mixCount: fc.integer({ min: 0, max: 4 }),
      count: fc.integer({ min: 0, max: 30 }),
      seed: seeds,
    });
    forEachCase(sizes, 100, ({ mixCount, count, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const x = place.input(drawUniform(rng, count));
        const mu = place.input(drawUniform(rng, mixCount * count));
        const previous = place.inOut(drawUniform(rng, count));
        const y = place.output(mixCount * count);
        kernels.shiftMixStep(y.ptr, previous.ptr, x.ptr, mu.ptr, mixCount, count);
        return { y: y.values, previous: previous.values, x: x.values };
      });
      expectClose(actual['y'], expected['y'], () => 1e-6);
      expect(actual['previous']).toEqual(actual['x']);
    });
  });

  it('the first steps are as computed by hand, in the scan and step by step', () => {
    memory.reset();
    const x = memory.input([4, 8, 12]); // three steps of one channel
    const mu = memory.input([0.75]);
    const y = memory.output(3);
    exports.shiftMix(y.ptr, x.ptr, mu.ptr, 3, 1, 1);
    expect(Array.from(y.values)).toEqual([3, 7, 11]);
    const previous = memory.inOut([0]);
    const step = memory.output(1);
    for (const t of [0, 1, 2]) {
      exports.shiftMixStep(step.ptr, previous.ptr, x.ptr + 4 * t, mu.ptr, 1, 1);
      expect(step.values[0]).toBe(y.values[t]);
    }
    memory.verify();
  });

  it('NaN reaches its own step and the next, in its row of the batch', () => {
    memory.reset();
    const [T, B, d] = [3, 2, 5];
    const values = new Float32Array(T * B * d).fill(1);
    values[2] = Number.NaN;
    const x = memory.input(values);
    const mu = memory.input(new Float32Array(d).fill(0.5));
    const y = memory.output(T * B * d);
    exports.shiftMix(y.ptr, x.ptr, mu.ptr, T, B, d);
    memory.verify();
    expect(Array.from(y.values, (value, i) => (Number.isNaN(value) ? i : -1)).filter((i) => i >= 0)).toEqual([
      2,
      B * d + 2,
    ]);
  });
});
