import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causalConvScratchCount } from '../../src/kernels/exports/causal-conv.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawIntegers, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const shapes = fc.record({
  timeCount: fc.integer({ min: 0, max: 9 }),
  batchCount: fc.integer({ min: 0, max: 4 }),
  channelCount: fc.integer({ min: 1, max: 23 }),
  tapCount: fc.integer({ min: 1, max: 6 }),
  seed: seeds,
});

describe.each(VARIANTS)('causal convolution, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('forward and backward equal their twins to the last bit on integers, any shape', () => {
    forEachCase(shapes, 150, ({ timeCount: T, batchCount: B, channelCount: C, tapCount: K, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const x = place.input(drawIntegers(rng, T * B * C));
        const weight = place.input(drawIntegers(rng, C * K));
        const bias = place.input(drawIntegers(rng, C));
        const dy = place.input(drawIntegers(rng, T * B * C));
        const y = place.output(T * B * C);
        const dx = place.inOut(drawIntegers(rng, T * B * C));
        const dWeight = place.inOut(drawIntegers(rng, C * K));
        const dBias = place.inOut(drawIntegers(rng, C));
        const scratch = place.output(causalConvScratchCount(C, K));
        k.causalConv(y.ptr, x.ptr, weight.ptr, bias.ptr, T, B, C, K, scratch.ptr);
        k.causalConvBackward(
          ...([dx.ptr, dWeight.ptr, dBias.ptr, dy.ptr, x.ptr, weight.ptr] as const),
          ...([T, B, C, K, scratch.ptr] as const),
        );
        return { y: y.values, dx: dx.values, dWeight: dWeight.values, dBias: dBias.values };
      });
      expect(actual).toEqual(expected);
    });
  });

  it('the step equals its twin, and repeated steps equal the sequence, within 1e-6', () => {
    forEachCase(shapes, 100, ({ timeCount: T, channelCount: C, tapCount: K, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (k, place, rng) => {
        const x = place.input(drawUniform(rng, T * C));
        const weight = place.input(drawUniform(rng, C * K));
        const taps = place.input(transposed(weight.values, C, K));
        const bias = place.input(drawUniform(rng, C));
        const history = place.inOut(new Float32Array((K - 1) * C));
        const y = place.output(C);
        const sequence = place.output(T * C);
        const scratch = place.output(causalConvScratchCount(C, K));
        const steps: number[] = [];
        for (let t = 0; t < T; t++) {
          k.causalConvStep(y.ptr, history.ptr, x.ptr + 4 * t * C, taps.ptr, bias.ptr, C, K);
          steps.push(...y.values);
        }
        k.causalConv(sequence.ptr, x.ptr, weight.ptr, bias.ptr, T, 1, C, K, scratch.ptr);
        return { steps, sequence: sequence.values, history: history.values };
      });
      expectClose(actual['steps'], expected['steps'], () => 1e-6);
      expectClose(actual['steps'], actual['sequence'], () => 1e-6);
      expect(actual['history']).toEqual(expected['history']);
    });
  });

  it('the first steps are as computed by hand, and NaN stays in its channel for K steps', () => {
    memory.reset();
    const [C, K] = [2, 3];
    const taps = memory.input([100, 100, 10, 10, 1, 1]); // oldest first
    const bias = memory.input([0, 5]);
    const history = memory.inOut(new Float32Array((K - 1) * C));
    const y = memory.output(C);
    const step = (values: readonly number[]): number[] => {
      exports.causalConvStep(y.ptr, history.ptr, memory.input(values).ptr, taps.ptr, bias.ptr, C, K);
      return Array.from(y.values);
    };
    expect(step([1, 0])).toEqual([1, 5]);
    expect(step([2, Number.NaN])).toEqual([12, Number.NaN]);
    expect(step([3, 0])).toEqual([123, Number.NaN]);
    expect(step([4, 0])).toEqual([234, Number.NaN]);
    expect(step([5, 1])).toEqual([345, 6]);
    memory.verify();
  });
});

function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  return values.map((_, i) => values[(i % rows) * cols + Math.floor(i / rows)]);
}
