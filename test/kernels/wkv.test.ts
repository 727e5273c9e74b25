import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rng } from '../../src/core/rng.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import type { KernelMemory } from '../support/kernel-memory.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

interface Sizes {
  timeCount: number;
  batchCount: number;
  count: number;
  /** Largest |k|. */
  keySize: number;
}

const scans = fc.record({
  timeCount: fc.integer({ min: 0, max: 9 }),
  batchCount: fc.integer({ min: 0, max: 5 }),
  count: fc.integer({ min: 1, max: 21 }),
  keySize: fc.constantFrom(0, 1, 5, 200), // exp(200) is no float32
  seed: seeds,
});

const EMPTY = -1e30;

/** A scan forward and backward over drawn inputs and output gradients. */
function scan(
  kernels: KernelExports,
  memory: KernelMemory,
  rng: Rng,
  { timeCount: T, batchCount: B, count: d, keySize }: Sizes,
): Record<'y' | 'states' | 'dk' | 'dv' | 'ddecay' | 'dfirst', Float32Array> {
  const k = memory.input(drawUniform(rng, T * B * d).map((value) => keySize * value));
  const v = memory.input(drawUniform(rng, T * B * d));
  const decay = memory.input(drawUniform(rng, d).map((value) => 3 * value));
  const first = memory.input(drawUniform(rng, d));
  const dy = memory.input(drawUniform(rng, T * B * d));
  const y = memory.output(T * B * d);
  const states = memory.output((T + 1) * B * 3 * d);
  const dk = memory.output(T * B * d);
  const dv = memory.output(T * B * d);
  const ddecay = memory.inOut(drawUniform(rng, d));
  const dfirst = memory.inOut(drawUniform(rng, d));
  const forwardScratch = memory.output(d);
  const backwardScratch = memory.output(2 * d * (1 + B));
  const inputs = [k.ptr, v.ptr, decay.ptr, first.ptr, T, B, d] as const;
  kernels.wkvScanForward(y.ptr, states.ptr, ...inputs, forwardScratch.ptr);
  kernels.wkvScanBackward(
    ...([dk.ptr, dv.ptr, ddecay.ptr, dfirst.ptr, dy.ptr, states.ptr] as const),
    ...inputs,
    backwardScratch.ptr,
  );
  return {
    y: y.values,
    states: states.values,
    dk: dk.values,
    dv: dv.values,
    ddecay: ddecay.values,
    dfirst: dfirst.values,
  };
}

describe.each(VARIANTS)('RWKV-4 recurrence, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('the scan forward and backward equal their twins, any time, batch and width, keys of any size', () => {
    forEachCase(scans, 200, ({ seed, ...sizes }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) =>
        scan(kernels, place, rng, sizes),
      );
      // Exponentials are within 2e-7, and exponents of size 200 are themselves rounded to 1.5e-5; averages of numbers below
      // 1 carry no more than that over, and gradients sum up to 45 of them.
      const tolerance = 2e-6 * (1 + sizes.keySize / 10);
      expectClose(actual['y'], expected['y'], () => tolerance);
      expectClose(actual['states'], expected['states'], (value) => tolerance * (1 + Math.abs(value)));
      for (const name of ['dk', 'dv', 'ddecay', 'dfirst']) {
        expectClose(actual[name], expected[name], (value) => 5 * tolerance * (1 + Math.abs(value)));
      }
    });
  });

  it('a step equals its twin, any width', () => {
    const sizes = fc.record({ count: fc.integer({ min: 0, max: 40 }), seed: seeds });
    forEachCase(sizes, 150, ({ count: d, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const state = place.inOut([
          ...drawUniform(rng, d),
          ...drawUniform(rng, d).map((value) => 2 + value),
          ...drawUniform(rng, d).map((value) => 3 * value),
        ]);
        const [r, k, v, u] = [1, 2, 3, 4].map(() => place.input(drawUniform(rng, d)));
        const w = place.input(drawUniform(rng, d).map((value) => -Math.exp(3 * value)));
        const y = place.output(d);
        kernels.wkvStep(y.ptr, state.ptr, r.ptr, k.ptr, v.ptr, w.ptr, u.ptr, d);
        return { y: y.values, state: state.values };
      });
      expectClose(actual['y'], expected['y'], () => 2e-6);
      expectClose(actual['state'], expected['state'], (value) => 2e-6 * (1 + Math.abs(value)));
    });
  });

  it('the scan equals repeated steps, and both leave the same state', () => {
    const [T, d] = [7, 6];
    const { actual } = runTwins(variant, 4, (kernels, place, rng) => {
      const k = place.input(drawUniform(rng, T * d).map((value) => 4 * value));
      const v = place.input(drawUniform(rng, T * d));
      const decay = place.input(drawUniform(rng, d));
      const w = place.input(decay.values.map((value) => -Math.exp(value)));
      const u = place.input(drawUniform(rng, d));
      const open = place.input(new Float32Array(d).fill(40)); // sigmoid 1
      const y = place.output(T * d);
      const states = place.output((T + 1) * 3 * d);
      kernels.wkvScanForward(y.ptr, states.ptr, k.ptr, v.ptr, decay.ptr, u.ptr, T, 1, d, place.output(d).ptr);
      const state = place.inOut([...new Float32Array(2 * d), ...new Float32Array(d).fill(EMPTY)]);
      const output = place.output(d);
      const steps: number[] = [];
      for (let t = 0; t < T; t++) {
        const at = 4 * t * d;
        kernels.wkvStep(output.ptr, state.ptr, open.ptr, k.ptr + at, v.ptr + at, w.ptr, u.ptr, d);
        steps.push(...output.values);
      }
      return { scan: y.values, steps, last: states.values.slice(T * 3 * d), state: state.values };
    });
    expectClose(actual['scan'], actual['steps'], () => 1e-6);
    expectClose(actual['last'], actual['state'], (value) => 1e-6 * (1 + Math.abs(value)));
  });

  it('the first steps are as computed by hand', () => {
    // w = -log 2 (half of everything is forgotten per step), u = log 3 (the present counts threefold), keys 0: wkv of
    // values 1, 0, 4 is 1, then 1 / (1 + 3), then (0.5 + 3 * 4) / (1.5 + 3).
    memory.reset();
    const half = Math.log(Math.log(2));
    const k = memory.input([0, 0, 0]);
    const v = memory.input([1, 0, 4]);
    const y = memory.output(3);
    const states = memory.output(4 * 3);
    const [decay, first] = [memory.input([half]), memory.input([Math.log(3)])];
    const scratch = memory.output(1);
    exports.wkvScanForward(y.ptr, states.ptr, k.ptr, v.ptr, decay.ptr, first.ptr, 3, 1, 1, scratch.ptr);
    memory.verify();
    expectClose(y.values, [1, 1 / 4, 12.5 / 4.5], () => 1e-6);
    // The newest key of 0 is always above the faded exponent -log 2, so pp stays 0: aa 1, 0.5, 4.25; bb 1, 1.5, 1.75.
    const expected = [0, 0, EMPTY, 1, 1, 0, 0.5, 1.5, 0, 4.25, 1.75, 0];
    expectClose(states.values, expected, (value) => 1e-6 * (1 + Math.abs(value)));
  });

  it('keys that overflow an exponential take the whole average, whatever their order', () => {
    memory.reset();
    const keys = [0, 3e30, -3e30, 5, 0, 1e4]; // the exponent of the second fades by nothing that float32 sees
    const k = memory.input(keys);
    const v = memory.input([1, 2, 3, 4, 5, 6]);
    const y = memory.output(6);
    const states = memory.output(7 * 3);
    const zero = memory.input([0]);
    const scratch = memory.output(1);
    exports.wkvScanForward(y.ptr, states.ptr, k.ptr, v.ptr, zero.ptr, zero.ptr, 6, 1, 1, scratch.ptr);
    memory.verify();
    expect(Array.from(y.values)).toEqual([1, 2, 2, 2, 2, 2]);
  });

  it('NaN stays in its channel and its row of the batch; an infinite key is the limit of large ones', () => {
    const [T, B, d] = [3, 2, 5];
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      memory.reset();
      const keys = new Float32Array(T * B * d);
      keys[1] = bad; // the first row of the first step
      const k = memory.input(keys);
      const v = memory.input(Float32Array.from({ length: T * B * d }, (_, i) => i));
      const zeros = memory.input(new Float32Array(d));
      const y = memory.output(T * B * d);
      const states = memory.output((T + 1) * B * 3 * d);
      exports.wkvScanForward(
        y.ptr,
        states.ptr,
        k.ptr,
        v.ptr,
        zeros.ptr,
        zeros.ptr,
        T,
        B,
        d,
        memory.output(d).ptr,
      );
      memory.verify();
      for (let t = 0; t < T; t++) {
        for (let i = 0; i < B * d; i++) {
          const value = y.values[t * B * d + i];
          if (i !== 1) expect(Number.isFinite(value)).toBe(true);
          else if (Number.isNaN(bad)) expect(value).toBeNaN();
          else if (bad > 0) expect(value).toBe(1);
          else expect(value).toBeGreaterThanOrEqual(1);
        }
      }
    }
  });
});
