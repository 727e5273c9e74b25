import { describe, expect, it } from 'vitest';
import { hash32, Rng } from '../../src/core/rng.ts';

const COUNT = 100_000;

function draws(draw: (rng: Rng) => number, count = COUNT, seed = 1): number[] {
  const rng = new Rng(seed);
  return Array.from({ length: count }, () => draw(rng));
}

function moments(values: readonly number[]): { mean: number; deviation: number; skewness: number } {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const central = (power: number): number =>
    values.reduce((sum, v) => sum + (v - mean) ** power, 0) / values.length;
  const deviation = Math.sqrt(central(2));
  return { mean, deviation, skewness: central(3) / deviation ** 3 };
}

/** xoshiro128** and its seeding by splitmix32 with MurmurHash3's finaliser, as published, on 64-bit integers. */
function published(seed: number): () => number {
  const MASK = 0xffffffffn;
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & MASK;
  let x = BigInt(seed) & MASK;
  const next = (): bigint => {
    x = (x + 0x9e3779b9n) & MASK;
    let h = ((x ^ (x >> 16n)) * 0x85ebca6bn) & MASK;
    h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & MASK;
    return h ^ (h >> 16n);
  };
  const s = [next(), next(), next(), next() | 1n];
  return () => {
    const result = (rotl((s[1] * 5n) & MASK, 7n) * 9n) & MASK;
    const t = (s[1] << 9n) & MASK;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11n);
    return Number(result);
  };
}

describe('Rng', () => {
  it.each([0, 1, 42, 0xffffffff])('is xoshiro128** from seed %i', (seed) => {
    const next = published(seed);
    expect(draws((rng) => rng.uint32(), 1000, seed)).toEqual(Array.from({ length: 1000 }, next));
  });

  it('gives the same numbers for the same seed, and others for the next', () => {
    const all = (seed: number): number[] =>
      draws((rng) => rng.uniform() + rng.normal() + rng.poisson(2) + rng.integer(9), 100, seed);
    expect(all(3)).toEqual(all(3));
    expect(all(3)).not.toEqual(all(4));
  });

  it('is uniform in [low, high)', () => {
    const values = draws((rng) => rng.uniform(-2, 4));
    expect(values.every((value) => value >= -2 && value < 4)).toBe(true);
    const { mean, deviation } = moments(values);
    expect(mean).toBeCloseTo(1, 1);
    expect(deviation).toBeCloseTo(6 / Math.sqrt(12), 1);
  });

  it('draws every integer below the count equally often, and no other', () => {
    const counts = Array<number>(7).fill(0);
    for (const value of draws((rng) => rng.integer(7), 70_000)) counts[value]++;
    expect(counts).toHaveLength(7);
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500); // five standard deviations
  });

  it('is normal, with the mean and deviation asked for', () => {
    const { mean, deviation, skewness } = moments(draws((rng) => rng.normal(3, 2)));
    expect(Math.abs(mean - 3)).toBeLessThan(0.03);
    expect(Math.abs(deviation - 2)).toBeLessThan(0.03);
    expect(Math.abs(skewness)).toBeLessThan(0.04);
    const within = draws((rng) => rng.normal()).filter((z) => Math.abs(z) < 1).length / COUNT;
    expect(within).toBeCloseTo(0.6827, 2);
  });

  it.each([0.05, 0.5, 4, 29, 45])('counts Poisson with mean and variance %d', (lambda) => {
    const values = draws((rng) => rng.poisson(lambda), 50_000);
    const { mean, deviation } = moments(values);
    expect(Math.abs(mean - lambda)).toBeLessThan(5 * Math.sqrt(lambda / 50_000));
    expect(Math.abs(deviation ** 2 / lambda - 1)).toBeLessThan(0.1);
    expect(values.every((value) => Number.isInteger(value) && value >= 0)).toBe(true);
  });

  it('counts nothing where nothing is to be expected', () => {
    expect([0, -1].map((lambda) => new Rng(1).poisson(lambda))).toEqual([0, 0]);
  });

  it('shuffles into every order equally often', () => {
    const rng = new Rng(1);
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const values = [1, 2, 3];
      rng.shuffle(values);
      counts.set(values.join(''), (counts.get(values.join('')) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['123', '132', '213', '231', '312', '321']);
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

describe('hash32', () => {
  it('depends on its three numbers only, and on the place of each', () => {
    expect(hash32(1, 2, 3)).toBe(hash32(1, 2, 3));
    const values = [hash32(1, 2, 3), hash32(1, 3, 2), hash32(2, 1, 3), hash32(3, 2, 1), hash32(0, 0, 0)];
    expect(new Set(values).size).toBe(5);
    for (const value of values) expect(value >= 0 && value < 2 ** 32 && Number.isInteger(value)).toBe(true);
  });

  it.each([
    ['the seed', (i: number) => hash32(i, 7, 9)],
    ['the step', (i: number) => hash32(7, i, 9)],
    ['the element', (i: number) => hash32(7, 9, i)],
  ])('is uniform and without correlation over %s', (_what, hash) => {
    const values = Array.from({ length: 20_000 }, (_, i) => hash(i) / 2 ** 32);
    const { mean, deviation } = moments(values);
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(deviation - Math.sqrt(1 / 12))).toBeLessThan(0.01);
    let covariance = 0;
    for (let i = 1; i < values.length; i++) covariance += (values[i] - 0.5) * (values[i - 1] - 0.5);
    expect(Math.abs((covariance / values.length) * 12)).toBeLessThan(0.03);
  });

  it('changes about half of its bits with any bit of its input', () => {
    let flipped = 0;
    for (let bit = 0; bit < 32; bit++) {
      let changed = hash32(5, 6, 7) ^ hash32(5, 6, 7 ^ (1 << bit));
      for (; changed !== 0; changed &= changed - 1) flipped++;
    }
    expect(flipped / 32).toBeGreaterThan(13);
    expect(flipped / 32).toBeLessThan(19);
  });
});

describe('state of an Rng', () => {
  it('goes on where it was saved, a spare normal number included', () => {
    for (const normals of [1, 2]) {
      const rng = new Rng(4);
      for (let i = 0; i < normals; i++) rng.normal();
      const state = rng.saveState();
      const draw = (from: Rng): number[] => [from.normal(), from.normal(), from.uniform(), from.uint32()];
      const expected = draw(rng);
      const other = new Rng(99);
      other.normal();
      other.loadState(state);
      expect(draw(other)).toEqual(expected);
      expect(Number.isNaN(state[4])).toBe(normals === 2);
    }
  });
});
