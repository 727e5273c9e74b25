import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HebbianReadIn } from '../../../src/calibration/hebbian/hebbian-read-in.ts';
import type { HebbianOptions } from '../../../src/calibration/hebbian/hebbian-read-in.ts';
import { fitReadInStatistics } from '../../../src/calibration/hebbian/read-in-statistics.ts';
import { Rng } from '../../../src/core/rng.ts';
import { Arena } from '../../../src/kernels/arena.ts';
import { runsWithinHeapBytes } from '../../support/collect-garbage.ts';
import { randomReadIn } from '../../support/read-in-models.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';

const CHANNELS = 12;
const LATENTS = 3;
const readIn = randomReadIn(LATENTS, CHANNELS, 3);
const plain = { featureMean: new Float32Array(CHANNELS), featureScale: new Float32Array(CHANNELS).fill(1) };

/** Scores that go with two slow sources. @param gain, shift of all channels */
function scoresOf(binCount: number, seed: number, gain = 1, shift = 0): Float32Array {
  const rng = new Rng(seed);
  const scores = new Float32Array(binCount * CHANNELS);
  let [a, b] = [0, 0];
  for (let bin = 0; bin < binCount; bin++) {
    a = 0.95 * a + rng.normal(0, 0.3);
    b = 0.95 * b + rng.normal(0, 0.3);
    for (let c = 0; c < CHANNELS; c++) {
      const signal = (c % 2 === 0 ? a : b) * Math.cos(c);
      scores[bin * CHANNELS + c] = gain * (signal + rng.normal()) + shift;
    }
  }
  return scores;
}

const statistics = fitReadInStatistics(scoresOf(6000, 1), plain, readIn, 20);

function make(options: HebbianOptions = {}): HebbianReadIn {
  return new HebbianReadIn(readIn, statistics, 20, new Arena(1 << 20, 0), options);
}

/** The latents of one bin, and what there is to learn from it. @returns whether it went back */
function step(adapted: HebbianReadIn, scores: Float32Array, isHeld: boolean, latents: Float32Array): boolean {
  adapted.apply(scores, latents);
  return adapted.learn(scores, isHeld);
}

function run(
  scores: Float32Array,
  options: HebbianOptions = {},
  isHeld = false,
  adapted = make(options),
): HebbianReadIn {
  const latents = new Float32Array(LATENTS);
  for (let at = 0; at < scores.length; at += CHANNELS) {
    step(adapted, scores.subarray(at, at + CHANNELS), isHeld, latents);
  }
  return adapted;
}

const LOOSE: HebbianOptions = { worseFactor: 1e30 };

describe('the Hebbian read-in', () => {
  it('gives what the calibrated read-in gives before it has learned', () => {
    const scores = scoresOf(1, 9);
    const latents = new Float32Array(LATENTS);
    step(make(), scores, true, latents);
    for (let k = 0; k < LATENTS; k++) {
      let expected = readIn.bias.data[k];
      for (let c = 0; c < CHANNELS; c++) expected += readIn.weight.data[k * CHANNELS + c] * scores[c];
      expect(latents[k]).toBeCloseTo(expected, 5);
    }
  });

  it('hardly moves while the signal is as it was', () => {
    const adapted = make();
    const scores = scoresOf(9000, 2);
    const latents = new Float32Array(LATENTS);
    for (let at = 0; at < scores.length; at += CHANNELS)
      expect(step(adapted, scores.subarray(at, at + CHANNELS), false, latents)).toBe(false);
    expect(adapted.rowDistance()).toBeLessThan(0.15);
  });

  it('brings the latents back to their statistics when gain and offset have changed', () => {
    const adapted = run(scoresOf(9000, 3, 1.5, 0.5), { eta: 0 });
    expect(adapted.calibratedDistance()).toBeGreaterThan(0.5);
    expect(adapted.distance()).toBeLessThan(0.2 * adapted.calibratedDistance());
  });

  it('stays within its ball whatever it is given', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.constantFrom(0.05, 0.3), (seed, distanceMax) => {
        const rng = new Rng(seed);
        const scores = Float32Array.from(
          { length: 400 * CHANNELS },
          () => rng.normal(0, 50) * rng.integer(3),
        );
        const adapted = run(scores, { distanceMax, eta: 0.5, worseFactor: 1e30 });
        expect(adapted.rowDistance()).toBeLessThanOrEqual(distanceMax * (1 + 1e-4));
        expect(adapted.state.every(Number.isFinite)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('rolls back when its latents get worse than the calibrated ones, and rests', () => {
    const adapted = make({
      eta: 0.5,
      distanceMax: 0.9,
      modulatorS: 0,
      coolDownS: 4,
    });
    const scores = scoresOf(20_000, 4);
    const latents = new Float32Array(LATENTS);
    let at = 0;
    const goesBack = (): boolean => {
      let hasGoneBack = false;
      for (; !hasGoneBack && at < scores.length; at += CHANNELS)
        hasGoneBack = step(adapted, scores.subarray(at, at + CHANNELS), false, latents);
      return hasGoneBack;
    };
    expect(goesBack()).toBe(true);
    const rows = adapted.state.slice(0, LATENTS * CHANNELS);
    for (let bin = 0; bin < 200; bin++, at += CHANNELS) {
      step(adapted, scores.subarray(at, at + CHANNELS), false, latents);
    }
    expect(adapted.state.slice(0, LATENTS * CHANNELS)).toEqual(rows);
    step(adapted, scores.subarray(at, at + CHANNELS), false, latents);
    expect(adapted.state.slice(0, LATENTS * CHANNELS)).not.toEqual(rows);
    // The second time, soon after, it goes back to the calibrated rows.
    expect(goesBack()).toBe(true);
    expect(adapted.rowDistance()).toBe(0);
  });

  it('learns nothing from bins that are held or not finite', () => {
    const fresh = make().state.slice();
    expect(run(scoresOf(500, 5), {}, true).state).toEqual(fresh);
    const broken = scoresOf(500, 5);
    for (let at = 0; at < broken.length; at += CHANNELS)
      broken[at + ((at / CHANNELS) % CHANNELS)] = Number.NaN;
    expect(run(broken).state).toEqual(fresh);
  });

  it('is deterministic, and fresh after a reset', () => {
    const adapted = run(scoresOf(800, 6));
    expect(run(scoresOf(800, 6)).state).toEqual(adapted.state);
    adapted.reset();
    expect(adapted.state).toEqual(make().state);
  });

  it('allocates nothing', () => {
    const adapted = make();
    const scores = scoresOf(16, 7);
    const rows = Array.from({ length: 16 }, (_, i) => scores.subarray(i * CHANNELS, (i + 1) * CHANNELS));
    const latents = new Float32Array(LATENTS);
    const work = (): void => {
      for (let i = 0; i < 10_000; i++) step(adapted, rows[i % 16], false, latents);
    };
    work();
    expect(runsWithinHeapBytes(work, 80_000)).toBe(true);
  });

  it('goes on from what it has learned as a read-in at rest on the signal that it learned from', () => {
    const changed = (seed: number): Float32Array => scoresOf(9000, seed, 1.3);
    const before = run(changed(10), LOOSE);
    const { readIn: learned, rest } = before.learned();
    const goOn = (restOf: typeof rest): number => {
      const known = { ...statistics, rest: restOf };
      const after = new HebbianReadIn(learned, known, 20, new Arena(1 << 20, 0), LOOSE);
      return run(changed(11), LOOSE, false, after).rowDistance();
    };
    expect(before.rowDistance()).toBeGreaterThan(0.25);
    expect(goOn(rest)).toBeLessThan(0.17); // as on a signal that is as it was
    expect(goOn(statistics.rest)).toBeGreaterThan(0.2);
  });

  it('refuses a reference from too little data', () => {
    expect(betzErrorOf(() => fitReadInStatistics(scoresOf(100, 8), plain, readIn, 20)).code).toBe(
      'CAL_HEBBIAN_REFERENCE_SHORT',
    );
  });
});
