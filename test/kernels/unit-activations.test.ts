import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gelu, silu, softplus, squaredRelu } from '../../src/kernels/reference/unit-activations.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

/** The bound stated in src/kernels/assembly/unit-activations.ts, in units of 1 + |x|. */
const BOUND = 3e-7;
const STEPS = 1_000_000;
const KERNELS = { silu, gelu, softplus, squaredRelu };
type Name = keyof typeof KERNELS;
const NAMES = Object.keys(KERNELS) as Name[];

describe.each(VARIANTS)('unit activations, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it.each(NAMES)(`%s is within ${BOUND} (1 + |x|) on a million steps over [-40, 40]`, (name) => {
    memory.reset();
    const x = memory.input(Float32Array.from({ length: STEPS }, (_, i) => -40 + (80 * i) / STEPS));
    const y = memory.output(STEPS);
    exports[name](y.ptr, x.ptr, STEPS);
    memory.verify();
    let worst = 0;
    for (let i = 0; i < STEPS; i++) {
      const size = name === 'squaredRelu' ? 1 + x.values[i] ** 2 : 1 + Math.abs(x.values[i]);
      const error = Math.abs(y.values[i] - KERNELS[name](x.values[i])) / size;
      if (!(error <= worst)) worst = error; // also when the error is NaN
    }
    expect(worst).toBeLessThan(BOUND);
  });

  it.each(NAMES)('%s and its slope equal their twins for any length, and in place', (name) => {
    const lengths = fc.record({ count: fc.integer({ min: 0, max: 70 }), seed: seeds });
    forEachCase(lengths, 100, ({ count, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const x = place.inOut(drawUniform(rng, count).map((value) => 8 * value));
        const dy = place.input(drawUniform(rng, count));
        const y = place.output(count);
        const dx = place.inOut(drawUniform(rng, count));
        kernels[name](y.ptr, x.ptr, count);
        kernels[`${name}Backward`](dx.ptr, dy.ptr, x.ptr, count);
        kernels[name](x.ptr, x.ptr, count);
        return { y: y.values, dx: dx.values, inPlace: x.values };
      });
      expectClose(actual['y'], expected['y'], (value) => 10 * BOUND * (1 + Math.abs(value)));
      expectClose(actual['dx'], expected['dx'], (value) => 10 * BOUND * (1 + Math.abs(value)));
      expectClose(actual['inPlace'], actual['y'], () => 0);
    });
  });

  it.each([4, 5])('NaN gives NaN, and the limits hold (vector and tail, %i elements)', (count) => {
    const cases: Record<Name, readonly (readonly [number, number])[]> = {
      silu: [
        [Infinity, Infinity],
        [0, 0],
        [-88, 0],
      ],
      gelu: [
        [Infinity, Infinity],
        [0, 0],
        [-30, 0],
        [-Infinity, Number.NaN],
      ],
      softplus: [
        [Infinity, Infinity],
        [0, Math.log(2)],
        [-Infinity, 0],
      ],
      squaredRelu: [
        [Infinity, Infinity],
        [0, 0],
        [-3, 0],
        [-Infinity, 0],
        [3, 9],
      ],
    };
    for (const name of NAMES) {
      for (const [x, expected] of [[Number.NaN, Number.NaN] as const, ...cases[name]]) {
        memory.reset();
        const input = memory.input(new Float32Array(count).fill(x));
        const output = memory.output(count);
        exports[name](output.ptr, input.ptr, count);
        expectClose(output.values, new Float32Array(count).fill(expected), () => 1e-7);
      }
    }
  });
});
