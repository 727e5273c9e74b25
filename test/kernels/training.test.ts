import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash32, Rng } from '../../src/core/rng.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const uint32 = fc.integer({ min: 0, max: 0xffffffff });

describe.each(VARIANTS)('training kernels, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  describe('dropout', () => {
    const cases = fc.record({
      rows: fc.integer({ min: 0, max: 6 }),
      cols: fc.integer({ min: 0, max: 30 }),
      // Indices wrap at 2^32, like those of hash32.
      firstIndex: fc.oneof(fc.nat(1000), uint32),
      indexStride: fc.oneof(fc.nat(1000), uint32),
      maskSeed: uint32,
      step: uint32,
      keepBelow: fc.oneof(uint32, fc.constantFrom(0, 1, 0x80000000, 0xffffffff)),
      accumulate: fc.constantFrom(0, 1),
      seed: seeds,
    });

    it('keeps exactly the elements that hash32 keeps', () => {
      forEachCase(cases, 200, ({ rows, cols, seed, maskSeed, step, keepBelow, accumulate, ...indices }) => {
        const { firstIndex, indexStride } = indices;
        const scale = 1 / 0.7;
        const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
          const x = place.input(drawUniform(rng, rows * cols));
          const y = place.inOut(drawUniform(rng, rows * cols));
          const start = y.values.slice();
          const sizes = [rows, cols, firstIndex, indexStride] as const;
          kernels.dropout(y.ptr, x.ptr, ...sizes, maskSeed, step, keepBelow, scale, accumulate);
          const byHash = start.map((before, at) => {
            const index = firstIndex + Math.floor(at / cols) * indexStride + (at % cols);
            const isKept = hash32(maskSeed, step, index) < keepBelow;
            return (
              (accumulate === 1 ? before : 0) + (isKept ? Math.fround(x.values[at] * Math.fround(scale)) : 0)
            );
          });
          return { y: y.values, byHash };
        });
        expectClose(actual['y'], actual['byHash'], () => 0);
        // The twin adds in float64 and rounds once.
        expectClose(actual['y'], expected['y'], () => (accumulate === 1 ? 4 / 2 ** 24 : 0));
      });
    });

    it('of a part of the batch is that part of dropout of the whole', () => {
      const [T, B, F] = [5, 7, 3];
      const draw = new Rng(5);
      const whole = drawUniform(draw, T * B * F);
      memory.reset();
      const x = memory.input(whole);
      const y = memory.output(T * B * F);
      exports.dropout(y.ptr, x.ptr, T, B * F, 0, B * F, 9, 2, 0x80000000, 2, 0);
      for (const [start, count] of [
        [0, 4],
        [4, 3],
      ]) {
        const rows = (values: Float32Array): number[] =>
          Array.from({ length: T }, (_, t) =>
            Array.from(values.subarray((t * B + start) * F, (t * B + start + count) * F)),
          ).flat();
        const part = memory.input(rows(whole));
        const out = memory.output(T * count * F);
        exports.dropout(out.ptr, part.ptr, T, count * F, start * F, B * F, 9, 2, 0x80000000, 2, 0);
        expect(Array.from(out.values)).toEqual(rows(y.values));
      }
      memory.verify();
    });

    it('drops NaN and infinity like anything else, and keeps them where it keeps', () => {
      memory.reset();
      const x = memory.input([Number.NaN, Infinity, Number.NaN, Infinity, Number.NaN, Infinity]);
      const y = memory.output(6);
      exports.dropout(y.ptr, x.ptr, 1, 6, 0, 6, 1, 1, 0, 2, 0);
      expect(Array.from(y.values)).toEqual([0, 0, 0, 0, 0, 0]);
      exports.dropout(y.ptr, x.ptr, 1, 6, 0, 6, 1, 1, 0xffffffff, 2, 0);
      expect(Array.from(y.values)).toEqual(Array.from(x.values));
    });
  });

  describe('squared error', () => {
    const cases = fc.record({
      timeCount: fc.integer({ min: 0, max: 12 }),
      rowCount: fc.integer({ min: 0, max: 20 }),
      seed: seeds,
    });

    it('and its gradient equal their twins within the rounding of the error and the weight', () => {
      forEachCase(cases, 150, ({ timeCount, rowCount, seed }) => {
        const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
          const p = place.input(drawUniform(rng, timeCount * rowCount));
          const y = place.input(drawUniform(rng, timeCount * rowCount));
          const weight = place.input(drawUniform(rng, timeCount).map(Math.abs));
          const dp = place.output(timeCount * rowCount);
          const sizes = [timeCount, rowCount] as const;
          return {
            loss: [kernels.squaredError(dp.ptr, p.ptr, y.ptr, weight.ptr, ...sizes, 0.3)],
            dp: dp.values,
          };
        });
        expectClose(actual['loss'], expected['loss'], (loss) => (8 * loss) / 2 ** 24);
        expectClose(actual['dp'], expected['dp'], (value) => (8 * Math.abs(value)) / 2 ** 24);
      });
    });

    it('adds up thousands of terms in float64', () => {
      memory.reset();
      const count = 100_000;
      const p = memory.input(new Float32Array(count).fill(0.1));
      const y = memory.input(new Float32Array(count));
      const dp = memory.output(count);
      const loss = exports.squaredError(dp.ptr, p.ptr, y.ptr, memory.input([1]).ptr, 1, count, 1);
      expect(loss / (count * Math.fround(0.1) ** 2)).toBeCloseTo(1, 9);
    });

    it('a weight of zero does not hide NaN or infinity', () => {
      for (const bad of [Number.NaN, Infinity]) {
        const { actual, expected } = runTwins(variant, 2, (kernels, place) => {
          const p = place.input([1, bad, 3, 4]);
          const y = place.input([0, 0, 0, 0]);
          const weight = place.input([0, 1]);
          const dp = place.output(4);
          return { loss: [kernels.squaredError(dp.ptr, p.ptr, y.ptr, weight.ptr, 2, 2, 1)], dp: dp.values };
        });
        expect(actual).toEqual({ loss: [Number.NaN], dp: [0, Number.NaN, 6, 8] });
        expect(actual).toEqual(expected);
      }
    });
  });

  describe('AdamW', () => {
    const cases = fc.record({
      count: fc.integer({ min: 0, max: 40 }),
      learningRate: fc.double({ min: 1e-6, max: 0.1, noNaN: true }),
      weightDecay: fc.double({ min: 0, max: 0.5, noNaN: true }),
      gradientScale: fc.double({ min: 0.01, max: 1, noNaN: true }),
      stepNumber: fc.integer({ min: 1, max: 2000 }),
      seed: seeds,
    });

    it('one step equals its float64 twin within a few roundings', () => {
      forEachCase(cases, 200, ({ count, learningRate, weightDecay, gradientScale, stepNumber, seed }) => {
        const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
          const w = place.inOut(drawUniform(rng, count));
          const g = place.input(drawUniform(rng, count));
          const m = place.inOut(drawUniform(rng, count));
          const v = place.inOut(drawUniform(rng, count).map((value) => 0.01 + value * value));
          const corrections = [1 - 0.9 ** stepNumber, 1 - 0.999 ** stepNumber] as const;
          const rates = [learningRate, 0.9, 0.999, 1e-8, weightDecay] as const;
          kernels.adamw(w.ptr, g.ptr, m.ptr, v.ptr, count, ...rates, ...corrections, gradientScale);
          return { w: w.values, m: m.values, v: v.values };
        });
        expectClose(actual['m'], expected['m'], () => 4 / 2 ** 24);
        expectClose(actual['v'], expected['v'], (value) => (6 * value) / 2 ** 24);
        // Moments up to 1, corrections from 0.1 and roots from 0.1 up: a step is at most 100 learning rates.
        expectClose(actual['w'], expected['w'], () => (16 * (1 + 100 * learningRate)) / 2 ** 24);
      });
    });

    it('twenty steps follow a float64 loop within 1e-6', () => {
      const count = 13;
      const rng = new Rng(7);
      const start = drawUniform(rng, count);
      memory.reset(new Rng(8));
      const w = memory.inOut(start);
      const g = memory.inOut(new Float32Array(count));
      const [m, v] = [memory.inOut(new Float32Array(count)), memory.inOut(new Float32Array(count))];
      const exact = Array.from(start, (value) => ({ w: value, m: 0, v: 0 }));
      const [rate, beta1, beta2, epsilon, decay, scale] = [0.01, 0.9, 0.999, 1e-8, 0.1, 0.5];
      for (let step = 1; step <= 20; step++) {
        g.values.set(drawUniform(rng, count));
        const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
        exports.adamw(w.ptr, g.ptr, m.ptr, v.ptr, count, rate, beta1, beta2, epsilon, decay, c1, c2, scale);
        exact.forEach((state, i) => {
          const gradient = g.values[i] * scale;
          state.w -= rate * decay * state.w;
          state.m = beta1 * state.m + (1 - beta1) * gradient;
          state.v = beta2 * state.v + (1 - beta2) * gradient ** 2;
          state.w -= (rate * (state.m / c1)) / (Math.sqrt(state.v / c2) + epsilon);
        });
      }
      memory.verify();
      expectClose(
        w.values,
        exact.map((state) => state.w),
        () => 1e-6,
      );
      expectClose(
        m.values,
        exact.map((state) => state.m),
        () => 1e-6,
      );
      // beta2 = 0.999 in float32 arithmetic would be off by 5e-5 here.
      expectClose(
        v.values,
        exact.map((state) => state.v),
        (value) => 2e-6 * value,
      );
    });

    it.each([4, 7])('a gradient of NaN spoils its own parameter only (%i parameters)', (count) => {
      for (let bad = 0; bad < count; bad++) {
        memory.reset();
        const gradient = new Float32Array(count).fill(0.5);
        gradient[bad] = Number.NaN;
        const [w, g] = [memory.inOut(new Float32Array(count)), memory.input(gradient)];
        const [m, v] = [memory.inOut(new Float32Array(count)), memory.inOut(new Float32Array(count))];
        exports.adamw(w.ptr, g.ptr, m.ptr, v.ptr, count, 0.1, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, 1);
        for (const { values } of [w, m, v]) {
          expect(Array.from(values, Number.isNaN)).toEqual(Array.from(gradient, Number.isNaN));
        }
      }
    });

    it('a gradient of zero moves nothing but by the decay', () => {
      memory.reset();
      const w = memory.inOut([1, -2, 4, 8, 16]);
      const zeros = (): Float32Array => new Float32Array(5);
      const [g, m, v] = [memory.input(zeros()), memory.inOut(zeros()), memory.inOut(zeros())];
      exports.adamw(w.ptr, g.ptr, m.ptr, v.ptr, 5, 0.5, 0.9, 0.999, 1e-8, 0.5, 0.1, 0.001, 1);
      memory.verify();
      expect(Array.from(w.values)).toEqual([0.75, -1.5, 3, 6, 12]);
    });
  });
});
