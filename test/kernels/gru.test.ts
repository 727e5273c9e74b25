import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { GEMM_SCRATCH_COUNT } from '../../src/kernels/exports/gemm.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import type { KernelMemory } from '../support/kernel-memory.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

const scans = fc.record({
  timeCount: fc.integer({ min: 0, max: 9 }),
  batchCount: fc.integer({ min: 0, max: 7 }),
  hiddenCount: fc.integer({ min: 1, max: 21 }),
  seed: seeds,
});

function panelCount(k: number, n: number): number {
  return Math.ceil(n / 8) * 8 * k;
}

/** A scan forward and backward over drawn inputs, weights and output gradients. */
function scan(
  kernels: KernelExports,
  memory: KernelMemory,
  rng: Rng,
  {
    timeCount: T,
    batchCount: B,
    hiddenCount: H,
  }: { timeCount: number; batchCount: number; hiddenCount: number },
): Record<'h' | 'gates' | 'dgi' | 'dgh', Float32Array> {
  const bound = 2 / Math.sqrt(H); // wider than an initialised network's, so that gates bend
  const gi = memory.input(drawUniform(rng, T * B * 3 * H).map((value) => 2 * value));
  const weight = memory.input(drawUniform(rng, 3 * H * H).map((value) => bound * value)); // [3H, H]
  const bias = memory.input(drawUniform(rng, 3 * H));
  const dh = memory.input(drawUniform(rng, T * B * H));
  const h = memory.output((T + 1) * B * H);
  h.values.fill(0, 0, B * H);
  const gates = memory.output(T * B * 4 * H);
  const dgi = memory.output(T * B * 3 * H);
  const dgh = memory.output(T * B * 3 * H);
  const forwardPanels = memory.output(panelCount(H, 3 * H));
  const backwardPanels = memory.output(panelCount(3 * H, H));
  kernels.packPanels(forwardPanels.ptr, weight.ptr, 1, H, H, 3 * H);
  kernels.packPanels(backwardPanels.ptr, weight.ptr, H, 1, 3 * H, H);
  const forwardScratch = memory.output(B * 3 * H + GEMM_SCRATCH_COUNT);
  const backwardScratch = memory.output(B * H + GEMM_SCRATCH_COUNT);
  const forwardPtr = forwardPanels.ptr;
  kernels.gruScanForward(h.ptr, gates.ptr, gi.ptr, forwardPtr, bias.ptr, T, B, H, forwardScratch.ptr);
  const backwardPtr = backwardPanels.ptr;
  kernels.gruScanBackward(
    dgi.ptr,
    dgh.ptr,
    dh.ptr,
    h.ptr,
    gates.ptr,
    backwardPtr,
    T,
    B,
    H,
    backwardScratch.ptr,
  );
  return { h: h.values, gates: gates.values, dgi: dgi.values, dgh: dgh.values };
}

describe.each(VARIANTS)('GRU, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('the streaming gates equal their twin within 1e-6', () => {
    const sizes = fc.record({ hiddenCount: fc.integer({ min: 0, max: 40 }), seed: seeds });
    forEachCase(sizes, 150, ({ hiddenCount: H, seed }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const gi = place.input(drawUniform(rng, 3 * H).map((value) => 3 * value));
        const gh = place.input(drawUniform(rng, 3 * H).map((value) => 3 * value));
        const h = place.inOut(drawUniform(rng, H));
        kernels.gruGates(h.ptr, gi.ptr, gh.ptr, H);
        return { h: h.values };
      });
      // Errors of z and n (9e-8, 1.8e-7), times slopes up to 2 and 3 of the argument of tanh, and a few roundings.
      expectClose(actual['h'], expected['h'], () => 1e-6);
    });
  });

  it('the scan forward and backward equal their twins, any time, batch and width', () => {
    forEachCase(scans, 150, ({ seed, ...sizes }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) =>
        scan(kernels, place, rng, sizes),
      );
      // Twenty times the rounding of one step's sums (H terms below 1 plus activations): errors fade over time
      // because z and the slopes are below 1. Gradients are up to 10 and carry the same relative error.
      const tolerance = (20 * (sizes.hiddenCount + 8)) / 2 ** 24;
      expectClose(actual['h'], expected['h'], () => tolerance);
      expectClose(actual['gates'], expected['gates'], (value) => tolerance * (1 + Math.abs(value)));
      expectClose(actual['dgi'], expected['dgi'], (value) => tolerance * (1 + Math.abs(value)));
      expectClose(actual['dgh'], expected['dgh'], (value) => tolerance * (1 + Math.abs(value)));
    });
  });

  it('the scan equals repeated streaming gates', () => {
    const [T, H] = [6, 5];
    const { actual } = runTwins(variant, 4, (kernels, place, rng) => {
      const gi = place.input(drawUniform(rng, T * 3 * H));
      const bias = place.input(drawUniform(rng, 3 * H));
      const packed = place.inOut(new Float32Array(panelCount(H, 3 * H))); // W_hh = 0, so gh = b_hh
      const h = place.inOut(new Float32Array((T + 1) * H));
      const gates = place.output(T * 4 * H);
      const scratch = place.output(3 * H + GEMM_SCRATCH_COUNT);
      kernels.gruScanForward(h.ptr, gates.ptr, gi.ptr, packed.ptr, bias.ptr, T, 1, H, scratch.ptr);
      const state = place.inOut(new Float32Array(H));
      const steps: number[] = [];
      for (let t = 0; t < T; t++) {
        kernels.gruGates(state.ptr, gi.ptr + 4 * t * 3 * H, bias.ptr, H);
        steps.push(...state.values);
      }
      return { scan: h.values.slice(H), steps };
    });
    expectClose(actual['scan'], actual['steps'], () => 1e-6);
  });

  it('the first steps of a constant drive are as computed by hand', () => {
    // Zero weights and biases, gi = 0 for r and z, 1 for n: r = z = 1/2, n = tanh(1), h' = (n + h) / 2.
    const n = Math.tanh(1);
    memory.reset();
    const h = memory.inOut([0]);
    const gi = memory.input([0, 0, 1]);
    const gh = memory.input([0, 0, 0]);
    for (const expected of [n / 2, (3 / 4) * n, (7 / 8) * n]) {
      exports.gruGates(h.ptr, gi.ptr, gh.ptr, 1);
      expect(h.values[0]).toBeCloseTo(expected, 6);
    }
    memory.verify();
  });

  it('large drives saturate without NaN; NaN stays in its row of the batch', () => {
    const [T, B, H] = [3, 2, 5];
    for (const bad of [1e30, -1e30, Infinity, -Infinity, Number.NaN]) {
      memory.reset();
      const drive = new Float32Array(T * B * 3 * H);
      drive.fill(bad, 0, 3 * H); // the first row of the first step
      const gi = memory.input(drive);
      const weight = drawUniform(new Rng(3), panelCount(H, 3 * H));
      const packed = memory.input(weight);
      const bias = memory.input(new Float32Array(3 * H));
      const h = memory.inOut(new Float32Array((T + 1) * B * H));
      const gates = memory.output(T * B * 4 * H);
      const scratch = memory.output(B * 3 * H + GEMM_SCRATCH_COUNT);
      exports.gruScanForward(h.ptr, gates.ptr, gi.ptr, packed.ptr, bias.ptr, T, B, H, scratch.ptr);
      memory.verify();
      for (let t = 1; t <= T; t++) {
        const rows = [0, 1].map((b) => Array.from(h.values.subarray((t * B + b) * H, (t * B + b + 1) * H)));
        expect(rows[0].every((value) => Number.isNaN(value) === Number.isNaN(bad))).toBe(true);
        expect(rows[1].every((value) => Math.abs(value) <= 1)).toBe(true);
      }
    }
  });
});
