import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import {
  attentionProbabilityCount,
  attentionRingCount,
  attentionScratchCount,
  attentionStepScratchCount,
} from '../../src/kernels/exports/attention.ts';
import type { KernelExports } from '../../src/kernels/kernel-exports.ts';
import { rotaryTable } from '../../src/tensor/rotary.ts';
import type { KernelMemory } from '../support/kernel-memory.ts';
import { expectClose, forEachCase, seeds } from '../support/cases.ts';
import { benchOf, drawUniform, runTwins, VARIANTS } from '../support/kernel-twins.ts';

interface Sizes {
  timeCount: number;
  batchCount: number;
  headCount: number;
  headWidth: number;
  windowBins: number;
}

const heads = {
  headCount: fc.integer({ min: 1, max: 3 }),
  headWidth: fc.integer({ min: 1, max: 13 }).map((half) => 2 * half),
  seed: seeds,
};
const sequences = fc.record({
  timeCount: fc.integer({ min: 0, max: 30 }),
  batchCount: fc.integer({ min: 0, max: 3 }),
  windowBins: fc.integer({ min: 1, max: 34 }),
  ...heads,
});
const streams = fc.record({ windowBins: fc.integer({ min: 1, max: 13 }), ...heads });

/**
 * Scores of up to 40 are known to 26 roundings of theirs, 6e-5 at worst, which is the relative error of a probability;
 * typical errors are a hundred times smaller. A sum of bounded terms carries them on.
 */
const TOLERANCE = 2e-5;

/** Attention forward and backward over drawn inputs and output gradients. */
function attend(
  kernels: KernelExports,
  memory: KernelMemory,
  rng: Rng,
  sizes: Sizes,
): Record<'out' | 'probabilities' | 'dqkv', Float32Array> {
  const { timeCount: T, batchCount: B, headCount, headWidth, windowBins } = sizes;
  const width = headCount * headWidth;
  const qkv = memory.input(drawUniform(rng, T * B * 3 * width).map((value) => 2 * value));
  const dout = memory.input(drawUniform(rng, T * B * width));
  const rotary = memory.input(rotaryTable(T, headWidth));
  const out = memory.output(T * B * width);
  const probabilities = memory.output(attentionProbabilityCount(T, B, headCount, windowBins));
  const dqkv = memory.output(T * B * 3 * width);
  const scratch = memory.output(attentionScratchCount(T, headWidth, windowBins));
  const common = [qkv.ptr, rotary.ptr, T, B, headCount, headWidth, windowBins] as const;
  kernels.bandedAttention(out.ptr, probabilities.ptr, ...common, scratch.ptr);
  scratch.values.fill(Number.NaN);
  kernels.bandedAttentionBackward(dqkv.ptr, dout.ptr, probabilities.ptr, ...common, scratch.ptr);
  return { out: out.values, probabilities: probabilities.values, dqkv: dqkv.values };
}

/** A stream of bins through a ring; the count of earlier bins stays below two windows. */
function stream(
  kernels: KernelExports,
  memory: KernelMemory,
  rng: Rng,
  { headCount, headWidth, windowBins }: Omit<Sizes, 'timeCount' | 'batchCount'>,
  binCount: number,
): { outs: number[]; ring: Float32Array; qkv: Float32Array } {
  const width = headCount * headWidth;
  const qkv = memory.input(drawUniform(rng, binCount * 3 * width).map((value) => 2 * value));
  const rotary = memory.input(rotaryTable(2 * windowBins, headWidth));
  const ring = memory.inOut(new Float32Array(attentionRingCount(headCount, headWidth, windowBins)));
  const out = memory.output(width);
  const scratch = memory.output(attentionStepScratchCount(headWidth, windowBins));
  const outs: number[] = [];
  for (let bin = 0; bin < binCount; bin++) {
    const earlier = bin < windowBins ? bin : windowBins + (bin % windowBins);
    const qkvPtr = qkv.ptr + 4 * bin * 3 * width;
    scratch.values.fill(Number.NaN);
    kernels.attentionStep(
      ...([out.ptr, ring.ptr, qkvPtr, rotary.ptr] as const),
      ...([headCount, headWidth, windowBins, earlier, scratch.ptr] as const),
    );
    outs.push(...out.values);
  }
  return { outs, ring: ring.values, qkv: qkv.values };
}

describe.each(VARIANTS)('banded attention, %s', (variant) => {
  const { exports, memory } = benchOf(variant);

  it('forward and backward equal their twins, any time, batch, heads and window', () => {
    forEachCase(sequences, 200, ({ seed, ...sizes }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) =>
        attend(kernels, place, rng, sizes),
      );
      for (const name of Object.keys(expected)) {
        expectClose(actual[name], expected[name], (value) => TOLERANCE * (1 + Math.abs(value)));
      }
    });
  });

  it('a stream equals its twin, outputs and ring', () => {
    forEachCase(streams, 150, ({ seed, ...sizes }) => {
      const { actual, expected } = runTwins(variant, seed, (kernels, place, rng) => {
        const { outs, ring } = stream(kernels, place, rng, sizes, 3 * sizes.windowBins + 2);
        return { outs, ring };
      });
      for (const name of Object.keys(expected)) expectClose(actual[name], expected[name], () => TOLERANCE);
    });
  });

  it('a stream equals the sequence, whose positions grow', () => {
    forEachCase(streams, 50, ({ seed, ...sizes }) => {
      const T = 3 * sizes.windowBins + 2;
      const width = sizes.headCount * sizes.headWidth;
      memory.reset();
      const { outs, qkv } = stream(exports, memory, new Rng(seed), sizes, T);
      const out = memory.output(T * width);
      const probabilities = memory.output(attentionProbabilityCount(T, 1, sizes.headCount, sizes.windowBins));
      const scratch = memory.output(attentionScratchCount(T, sizes.headWidth, sizes.windowBins));
      exports.bandedAttention(
        ...([out.ptr, probabilities.ptr, memory.input(qkv).ptr] as const),
        ...([memory.input(rotaryTable(T, sizes.headWidth)).ptr, T, 1] as const),
        ...([sizes.headCount, sizes.headWidth, sizes.windowBins, scratch.ptr] as const),
      );
      memory.verify();
      expectClose(outs, out.values, () => 2 * TOLERANCE);
    });
  });

  it('the first bins are as computed by hand', () => {
    // Head width 2, one angle of 1 radian per bin; q = k = (1, 0), so that a score is cos(t - j) / sqrt(2).
    const weight = (distance: number): number => Math.exp(Math.cos(distance) / Math.SQRT2);
    const values = [1, 2, 4, 8];
    const windowBins = 3;
    memory.reset();
    const ring = memory.inOut(new Float32Array(attentionRingCount(1, 2, windowBins)));
    const rotary = memory.input(rotaryTable(2 * windowBins, 2));
    const out = memory.output(2);
    const scratch = memory.output(attentionStepScratchCount(2, windowBins));
    const step = (bin: number): number => {
      const qkv = memory.input([1, 0, 1, 0, values[bin], -1]);
      exports.attentionStep(
        ...([out.ptr, ring.ptr, qkv.ptr, rotary.ptr, 1, 2, windowBins, bin, scratch.ptr] as const),
      );
      return out.values[0];
    };
    const [w0, w1, w2] = [0, 1, 2].map(weight);
    expect(step(0)).toBeCloseTo(1, 6); // an empty ring: only itself
    expect(step(1)).toBeCloseTo((2 * w0 + w1) / (w0 + w1), 6);
    expect(step(2)).toBeCloseTo((4 * w0 + 2 * w1 + w2) / (w0 + w1 + w2), 6);
    expect(step(3)).toBeCloseTo((8 * w0 + 4 * w1 + 2 * w2) / (w0 + w1 + w2), 6); // the first is forgotten
    expect(out.values[1]).toBeCloseTo(-1, 6);
    memory.verify();
  });

  it('scores of a thousand do not overflow', () => {
    const windowBins = 4;
    memory.reset();
    const qkv = new Float32Array(9 * 6);
    for (let t = 0; t < 9; t++) qkv.set([40, 0, 40, 0, t, 1], 6 * t);
    const out = memory.output(18);
    const probabilities = memory.output(attentionProbabilityCount(9, 1, 1, windowBins));
    const scratch = memory.output(attentionScratchCount(9, 2, windowBins));
    exports.bandedAttention(
      ...([out.ptr, probabilities.ptr, memory.input(qkv).ptr, memory.input(rotaryTable(9, 2)).ptr] as const),
      ...([9, 1, 1, 2, windowBins, scratch.ptr] as const),
    );
    memory.verify();
    // A bin's own key scores 1131, its neighbours' cos(1) of that: all the weight is on itself.
    for (let t = 0; t < 9; t++) expect(Array.from(out.values.subarray(2 * t, 2 * t + 2))).toEqual([t, 1]);
  });

  it('NaN and infinity reach every output whose band holds them, and no other row or head', () => {
    const [T, B, H, D, W] = [20, 2, 2, 4, 5];
    const width = H * D;
    const badBin = 9;
    const [query, key, value] = [0, 1, 2];
    const cases = [
      ...[query, key, value].map((part) => [Number.NaN, part]),
      ...[query, value].map((part) => [Infinity, part]), // an infinite key may score -infinity, and then has no weight
    ];
    for (const [bad, part] of cases) {
      memory.reset();
      const drawn = drawUniform(new Rng(5), T * B * 3 * width);
      drawn[badBin * B * 3 * width + part * width] = bad; // of the first row and head
      const out = memory.output(T * B * width);
      const probabilities = memory.output(attentionProbabilityCount(T, B, H, W));
      const scratch = memory.output(attentionScratchCount(T, D, W));
      exports.bandedAttention(
        ...([
          out.ptr,
          probabilities.ptr,
          memory.input(drawn).ptr,
          memory.input(rotaryTable(T, D)).ptr,
        ] as const),
        ...([T, B, H, D, W, scratch.ptr] as const),
      );
      memory.verify();
      const isFinite = (t: number, b: number, h: number): boolean => {
        const at = (t * B + b) * width + h * D;
        return out.values.subarray(at, at + D).every(Number.isFinite);
      };
      const reached = part === query ? [badBin] : Array.from({ length: W }, (_, i) => badBin + i);
      for (const t of reached) expect(isFinite(t, 0, 0)).toBe(false);
      for (let t = 0; t < T; t++) expect([isFinite(t, 0, 1), isFinite(t, 1, 0)]).toEqual([true, true]);
    }
  });
});
