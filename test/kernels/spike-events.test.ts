import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GuardedBuffer, KernelMemory } from '../support/kernel-memory.ts';
import { forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawIntegers, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

function intList(place: KernelMemory, values: readonly number[]): GuardedBuffer {
  return place.input(new Float32Array(Int32Array.from(values).buffer));
}

describe.each(VARIANTS)('spike events, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('the columns that fired are added: exactly the matrix times the counts', () => {
    const cases = fc.record({
      rows: fc.integer({ min: 1, max: 60 }),
      cols: fc.integer({ min: 1, max: 40 }),
      spikeCount: fc.integer({ min: 0, max: 70 }),
      seed: seeds,
    });
    forEachCase(cases, 150, ({ rows, cols, spikeCount, seed }) => {
      const padded = 24 * Math.ceil(rows / 24);
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const w = place.input(drawIntegers(rng, rows * cols));
        const bias = place.input(drawIntegers(rng, padded));
        const fired = Array.from({ length: spikeCount }, () => rng.integer(cols));
        const list = intList(place, fired);
        const x = place.input(
          Float32Array.from({ length: cols }, (_, c) => fired.filter((i) => i === c).length),
        );
        const packed = place.output(padded * cols);
        k.packMatvec(packed.ptr, w.ptr, rows, cols);
        const y = place.output(padded);
        const dense = place.output(padded);
        k.matvecSpikes(y.ptr, packed.ptr, bias.ptr, list.ptr, spikeCount, rows, cols);
        k.matvecDense(dense.ptr, packed.ptr, x.ptr, bias.ptr, rows, cols);
        return { y: y.values, dense: dense.values };
      });
      expect(actual['y']).toEqual(expected['y']);
      expect(actual['y']).toEqual(actual['dense']);
    });
  });

  it('a silent neuron adds nothing, whatever its weights', () => {
    memory.reset();
    const packed = memory.output(2 * 24); // NaN
    packed.values.fill(2, 24); // the second column
    const y = memory.output(24);
    const bias = memory.input(new Float32Array(24).fill(1));
    exports.matvecSpikes(y.ptr, packed.ptr, bias.ptr, intList(memory, [1, 1]).ptr, 2, 24, 2);
    expect(Array.from(y.values)).toEqual(new Array(24).fill(5));
    memory.verify();
  });

  it('rates and their gradient equal their twins, any time, batch and channels', () => {
    const cases = fc.record({
      T: fc.integer({ min: 1, max: 6 }),
      B: fc.integer({ min: 0, max: 5 }),
      H: fc.integer({ min: 1, max: 21 }),
      seed: seeds,
    });
    forEachCase(cases, 100, ({ T, B, H, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const s = place.input(drawUniform(rng, T * B * H).map((value) => (value > 0 ? 1 : 0)));
        const rates = place.output(B);
        k.spikeRates(rates.ptr, s.ptr, T, B, H);
        const slopes = place.input(drawUniform(rng, B));
        const ds = place.inOut(drawUniform(rng, T * B * H));
        k.addToRows(ds.ptr, slopes.ptr, T, B, H);
        return { rates: rates.values, ds: ds.values };
      });
      expect(actual).toEqual(expected);
    });
  });
});
