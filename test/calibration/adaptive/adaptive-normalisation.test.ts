import { describe, expect, it } from 'vitest';
import { AdaptiveNormalisation } from '../../../src/calibration/adaptive/adaptive-normalisation.ts';
import type { AdaptiveNormalisationOptions } from '../../../src/calibration/adaptive/adaptive-normalisation.ts';
import { Arena } from '../../../src/kernels/arena.ts';
import { Rng } from '../../../src/core/rng.ts';

const CHANNELS = 4;
const reference = {
  featureMean: Float32Array.of(1, 2, 0.5, 0),
  featureScale: Float32Array.of(1, 0.5, 2, 0), // deviations 1, 2, 0.5; the last channel is ignored
};

/** Normal features of the reference's statistics. @param gain, shift of channel 0, in deviations */
function featuresOf(binCount: number, seed: number, gain = 1, shift = 0): Float32Array {
  const rng = new Rng(seed);
  return Float32Array.from({ length: binCount * CHANNELS }, (_, i) => {
    const c = i % CHANNELS;
    const score = rng.normal();
    const deviation = [1, 2, 0.5, 7][c];
    return reference.featureMean[c] + deviation * (c === 0 ? gain * score + shift : score);
  });
}

function run(normalisation: AdaptiveNormalisation, features: Float32Array): Float32Array {
  const scores = new Float32Array(features.length);
  for (let at = 0; at < features.length; at += CHANNELS) {
    const row = scores.subarray(at, at + CHANNELS);
    normalisation.normalise(features.subarray(at, at + CHANNELS), row);
    normalisation.learn(features.subarray(at, at + CHANNELS), row);
  }
  return scores;
}

function momentsOf(scores: Float32Array, channel: number, fromBin: number): [number, number] {
  const values = Array.from(scores).filter((_, i) => i % CHANNELS === channel && i >= fromBin * CHANNELS);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length)];
}

function make(options: AdaptiveNormalisationOptions = {}): AdaptiveNormalisation {
  return new AdaptiveNormalisation(reference, 20, new Arena(65536, 0), options);
}

describe('adaptive normalisation', () => {
  it('begins with the normalisation of calibration', () => {
    const scores = run(make(), Float32Array.of(2, 2, 1, 9));
    expect([...scores]).toEqual([1, 0, 1, 0]);
  });

  it('brings a changed gain and offset back to mean 0 and deviation 1', () => {
    const scores = run(make({ timeConstantS: 20 }), featuresOf(8000, 1, 2, 1.5));
    const [mean, deviation] = momentsOf(scores, 0, 4000);
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(deviation).toBeGreaterThan(0.9);
    expect(deviation).toBeLessThan(1.1);
  });

  it('goes no further than its limits', () => {
    const far = make({ meanShiftMax: 2, scaleRatioMax: 3 });
    run(far, featuresOf(20_000, 2, 1, 3.5));
    expect(far.state[0]).toBeCloseTo(1 + 2, 5);
    const wide = run(make({ scaleRatioMax: 3 }), featuresOf(20_000, 3, 6, 0));
    expect(momentsOf(wide, 0, 15_000)[1]).toBeCloseTo(2, 0);
    const silent = featuresOf(20_000, 4).map((x, i) => (i % CHANNELS === 0 ? 0 : x));
    const dead = make({ scaleRatioMax: 3 });
    run(dead, silent);
    const probe = run(dead, Float32Array.of(3, 2, 0.5, 0));
    expect(probe[0]).toBeCloseTo(3 / (1 / 3), 1); // not 3 / 0
  });

  it('does not let a deviation below that of the rate floor', () => {
    const quiet = make({ rateFloorHz: 20, scaleRatioMax: 100 });
    run(quiet, featuresOf(20_000, 5, 0.01, 0));
    // 20 Hz in 20 ms: 0.4 counts per bin, deviation 0.632
    expect(run(quiet, Float32Array.of(2, 2, 0.5, 0))[0]).toBeCloseTo(1 / Math.sqrt(0.4), 1);
  });

  it('never takes in what is beyond all measure, however long it lasts', () => {
    const held = make();
    run(held, featuresOf(500, 7));
    const before = held.state.slice(0, 2 * CHANNELS);
    run(held, new Float32Array(2000 * CHANNELS).fill(1e30));
    expect(held.isHeld).toBe(true);
    expect(held.state.slice(0, 2 * CHANNELS)).toEqual(before);
  });

  it('holds on artefacts and on what is not finite, and takes in neither', () => {
    const held = make();
    run(held, featuresOf(500, 6));
    const before = held.state.slice(0, 2 * CHANNELS);
    run(held, Float32Array.of(40, 60, 20, 0));
    expect(held.isHeld).toBe(true);
    const scores = run(held, Float32Array.of(1, Number.NaN, 1, 0));
    expect(held.isHeld).toBe(true);
    expect(scores[1]).toBeNaN();
    run(held, Float32Array.of(1, Infinity, 1, 0));
    expect(held.state.slice(0, 2 * CHANNELS)).toEqual(before);
    run(held, Float32Array.of(1, 2, 0.5, 0));
    expect(held.isHeld).toBe(false);
  });

  it('takes what lasts for a change and not for an artefact', () => {
    const lasting = make({ artefacts: { holdSMax: 2 } });
    const features = Float32Array.from({ length: CHANNELS * 150 }, (_, i) => [7, 14, 3.5, 0][i % CHANNELS]);
    run(lasting, features.subarray(0, CHANNELS * 100));
    expect(lasting.state[0]).toBe(1);
    run(lasting, features.subarray(CHANNELS * 100));
    expect(lasting.state[0]).toBeGreaterThan(1);
  });

  it('shows NaN even in a channel that it ignores', () => {
    expect(run(make(), Float32Array.of(1, 2, 1, Number.NaN))[3]).toBeNaN();
  });

  it('goes on from a saved state, and is fresh after a reset', () => {
    const whole = make();
    const features = featuresOf(900, 7, 2, 1);
    const expected = run(whole, features).subarray(600 * CHANNELS);
    const first = make();
    run(first, features.subarray(0, 600 * CHANNELS));
    const second = make();
    second.state.set(first.state);
    expect(run(second, features.subarray(600 * CHANNELS))).toEqual(expected);
    whole.reset();
    expect(whole.state).toEqual(make().state);
  });
});
