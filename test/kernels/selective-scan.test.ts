import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rng } from '../../src/core/rng.ts';
import {
  selectiveScanBackwardScratchCount,
  selectiveScanScratchCount,
} from '../../src/kernels/exports/selective-scan.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import type { GuardedBuffer, KernelMemory } from '../support/kernel-memory.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

interface Sizes {
  timeCount: number;
  batchCount: number;
  channelCount: number;
  stateCount: number;
}

const shapes = fc.record({
  timeCount: fc.integer({ min: 0, max: 9 }),
  batchCount: fc.integer({ min: 0, max: 3 }),
  channelCount: fc.integer({ min: 1, max: 37 }), // up to three blocks of sixteen
  stateCount: fc.integer({ min: 1, max: 17 }),
  seed: seeds,
});

function padded(channelCount: number): number {
  return Math.ceil(channelCount / 4) * 4;
}

type Inputs = Readonly<Record<'x' | 'dt' | 'aLog' | 'decay' | 'b' | 'c' | 'skip', GuardedBuffer>>;

/** Step sizes and decay rates over the range of trained models and beyond. */
function drawInputs(kernels: KernelExports, place: KernelMemory, rng: Rng, sizes: Sizes): Inputs {
  const { timeCount: T, batchCount: B, channelCount: D, stateCount: N } = sizes;
  const aLog = place.input(drawUniform(rng, D * N).map((value) => 3 * value));
  const decay = place.output(padded(D) * N);
  kernels.packDecays(decay.ptr, aLog.ptr, D, N);
  return {
    x: place.input(drawUniform(rng, T * B * D)),
    dt: place.input(drawUniform(rng, T * B * D).map((value) => 10 ** (2 * value - 1))), // 0.001 to 10
    aLog,
    decay,
    b: place.input(drawUniform(rng, T * B * N)),
    c: place.input(drawUniform(rng, T * B * N)),
    skip: place.input(drawUniform(rng, D)),
  };
}

function scan(kernels: KernelExports, place: KernelMemory, inputs: Inputs, sizes: Sizes): Float32Array {
  const { timeCount: T, batchCount: B, channelCount: D, stateCount: N } = sizes;
  const { x, dt, decay, b, c, skip } = inputs;
  const y = place.output(T * B * D);
  const scratch = place.output(selectiveScanScratchCount(T, N));
  kernels.selectiveScan(
    ...([y.ptr, x.ptr, dt.ptr, decay.ptr, b.ptr, c.ptr, skip.ptr] as const),
    ...([T, B, D, N, scratch.ptr] as const),
  );
  return y.values;
}

describe.each(VARIANTS)('selective scan, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('forward and backward equal their twins, any time, batch, channels and states', () => {
    forEachCase(shapes, 150, ({ seed, ...sizes }) => {
      const { timeCount: T, batchCount: B, channelCount: D, stateCount: N } = sizes;
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const inputs = drawInputs(kernels, place, rng, sizes);
        const { x, dt, decay, b, c, skip } = inputs;
        const dy = place.input(drawUniform(rng, T * B * D));
        const dx = place.inOut(drawUniform(rng, T * B * D));
        const ddt = place.inOut(drawUniform(rng, T * B * D));
        const daLog = place.inOut(drawUniform(rng, D * N));
        const db = place.inOut(drawUniform(rng, T * B * N));
        const dc = place.inOut(drawUniform(rng, T * B * N));
        const dSkip = place.inOut(drawUniform(rng, D));
        const y = scan(kernels, place, inputs, sizes);
        const scratch = place.output(selectiveScanBackwardScratchCount(T, N));
        kernels.selectiveScanBackward(
          ...([dx.ptr, ddt.ptr, daLog.ptr, db.ptr, dc.ptr, dSkip.ptr] as const),
          ...([dy.ptr, x.ptr, dt.ptr, decay.ptr, b.ptr, c.ptr, skip.ptr] as const),
          ...([T, B, D, N, scratch.ptr] as const),
        );
        const results = { decay, dx, ddt, daLog, db, dc, dSkip };
        return {
          y,
          ...Object.fromEntries(Object.entries(results).map(([name, { values }]) => [name, values])),
        };
      });
      for (const [name, values] of Object.entries(expected)) {
        // Sums of tens of terms with a relative error of 5e-7 each (exponential and argument), in units of the largest.
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        expectClose(actual[name], values, () => 5e-6 * largest);
      }
    });
  });

  it('the step equals its twin, and repeated steps equal the scan', () => {
    forEachCase(shapes, 100, ({ seed, ...drawn }) => {
      const sizes = { ...drawn, batchCount: 1 };
      const { timeCount: T, channelCount: D, stateCount: N } = sizes;
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const inputs = drawInputs(kernels, place, rng, sizes);
        const sequence = scan(kernels, place, inputs, sizes);
        const row = (values: ArrayLike<number>, t: number): GuardedBuffer => {
          const buffer = place.inOut(new Float32Array(padded(D)));
          for (let d = 0; d < D; d++) buffer.values[d] = values[t * D + d];
          return buffer;
        };
        const h = place.inOut(new Float32Array(padded(D) * N));
        const skip = row(inputs.skip.values, 0);
        const y = place.output(padded(D));
        const steps: number[] = [];
        for (let t = 0; t < T; t++) {
          kernels.selectiveStep(
            ...([y.ptr, h.ptr, row(inputs.x.values, t).ptr, row(inputs.dt.values, t).ptr] as const),
            ...([inputs.decay.ptr, inputs.b.ptr + 4 * t * N, inputs.c.ptr + 4 * t * N] as const),
            ...([skip.ptr, D, N] as const),
          );
          steps.push(...y.values.subarray(0, D));
        }
        return { steps, h: h.values, sequence };
      });
      const tolerance = (value: number): number => 5e-6 * (5 + Math.abs(value));
      expectClose(actual['steps'], expected['steps'], tolerance);
      expectClose(actual['steps'], actual['sequence'], tolerance);
      expectClose(actual['h'], expected['h'], tolerance);
    });
  });

  /** One channel of one state with A = -ln 2 and B = C = 1: h <- h / 2^dt + dt x, y = h + 10 x. */
  function halvingSteps(bins: readonly { x: number; dt: number }[]): number[] {
    memory.reset();
    const aLog = memory.input([Math.log(Math.LN2)]);
    const decay = memory.output(4);
    exports.packDecays(decay.ptr, aLog.ptr, 1, 1);
    const h = memory.inOut(new Float32Array(4));
    const one = memory.input([1]);
    const skip = memory.input([10, 0, 0, 0]);
    const y = memory.output(4);
    return bins.map(({ x, dt }) => {
      const [xPtr, dtPtr] = [x, dt].map((value) => memory.input([value, 0, 0, 0]).ptr);
      exports.selectiveStep(y.ptr, h.ptr, xPtr, dtPtr, decay.ptr, one.ptr, one.ptr, skip.ptr, 1, 1);
      memory.verify();
      return y.values[0];
    });
  }

  it('the first steps of a constant input are as computed by hand', () => {
    const x = 1;
    // h: 1, then 1/2 + 1, then 1.5/4 + 2, then a step of no time, which keeps it.
    const expected = [11, 11.5, 12.375, 12.375];
    const bins = [1, 1, 2, 0].map((dt) => ({ x, dt }));
    expectClose(halvingSteps(bins), expected, () => 3e-6);
  });

  it('a long step forgets, and leaves no subnormal numbers', () => {
    const outputs = halvingSteps([
      { x: 1, dt: 1 },
      { x: 0, dt: 1e4 },
    ]);
    expect(outputs[1]).toBe(2 ** -60); // where factors end
  });

  it('NaN stays in its channel; infinite steps forget', () => {
    const [T, D, N] = [3, 6, 2];
    const inputs = (x: number, dt: number): Float32Array => {
      memory.reset();
      const fill = (count: number, value: number): Float32Array => new Float32Array(count).fill(value);
      const decay = memory.output(padded(D) * N);
      exports.packDecays(decay.ptr, memory.input(fill(D * N, 0)).ptr, D, N);
      const [xs, dts] = [x, dt].map((value) => {
        const values = fill(T * D, 0.5);
        values[1] = value;
        return memory.input(values);
      });
      const ones = memory.input(fill(T * N, 1));
      const buffers = { x: xs, dt: dts, aLog: ones, decay, b: ones, c: ones, skip: memory.input(fill(D, 1)) };
      const y = scan(exports, memory, buffers, {
        timeCount: T,
        batchCount: 1,
        channelCount: D,
        stateCount: N,
      });
      memory.verify();
      return y;
    };
    for (const y of [inputs(Number.NaN, 0.5), inputs(0.5, Number.NaN)]) {
      for (let i = 0; i < T * D; i++) expect(Number.isNaN(y[i])).toBe(i % D === 1);
    }
    const forgotten = inputs(0, 1e30);
    expect(forgotten.every(Number.isFinite)).toBe(true);
    expect(forgotten[1]).toBe(0);
  });
});

describe.each(VARIANTS)('factors of the decay, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('are within 2e-7 of 2^x, of themselves, on 600,000 steps over [-60, 0]', () => {
    memory.reset();
    const count = 600_000;
    const step = 60 / count;
    // x = 0 and h = 1: what is left in h is the factor. A = -1 / log2(e), so that the exponent is -dt.
    const h = memory.inOut(new Float32Array(count).fill(1));
    const dt = memory.input(Float32Array.from({ length: count }, (_, i) => i * step));
    const zeros = memory.input(new Float32Array(count));
    const decay = memory.input(new Float32Array(count).fill(-1));
    const one = memory.input([1]);
    const y = memory.output(count);
    exports.selectiveStep(
      ...([y.ptr, h.ptr, zeros.ptr, dt.ptr, decay.ptr, one.ptr, one.ptr, zeros.ptr, count, 1] as const),
    );
    memory.verify();
    let worst = 0;
    for (let i = 0; i < count; i++) {
      const error = Math.abs(h.values[i] / 2 ** -dt.values[i] - 1);
      if (!(error <= worst)) worst = error; // also when the error is NaN
    }
    expect(worst).toBeLessThan(2e-7);
    expect(h.values[0]).toBe(1); // no step, no decay
  });
});
