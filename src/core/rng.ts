/**
 * Seeded random numbers.
 *
 * `Rng` is xoshiro128** (Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators", ACM TOMS
 * 47(4)), seeded through splitmix32. `hash32` is stateless: the same (seed, a, b) gives the same bits in any
 * order and on any thread, which is what dropout masks need to be independent of the thread count.
 */
export class Rng {
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;
  private spareNormal = Number.NaN;

  constructor(seed: number) {
    let x = seed >>> 0;
    const next = (): number => {
      x = (x + 0x9e3779b9) >>> 0;
      return mix32(x);
    };
    this.s0 = next();
    this.s1 = next();
    this.s2 = next();
    this.s3 = next() | 1; // the all-zero state is the one fixed point
  }

  /** Where the stream is, as plain numbers. */
  saveState(): number[] {
    return [this.s0, this.s1, this.s2, this.s3, this.spareNormal];
  }

  /** Goes on from where `saveState` was called. */
  loadState(state: readonly number[]): void {
    [this.s0, this.s1, this.s2, this.s3, this.spareNormal] = state;
  }

  /** 32 uniform bits as an unsigned integer. */
  uint32(): number {
    const r = Math.imul(rotl(Math.imul(this.s1, 5), 7), 9) >>> 0;
    const t = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= t;
    this.s3 = rotl(this.s3, 11);
    return r;
  }

  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.uint32() / 4294967296);
  }

  /** Uniform integer in [0, count). The modulo bias is below count / 2^32. */
  integer(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** Standard normal (polar Box-Muller, Marsaglia and Bray 1964). */
  normal(mean = 0, deviation = 1): number {
    if (!Number.isNaN(this.spareNormal)) {
      const spare = this.spareNormal;
      this.spareNormal = Number.NaN;
      return mean + deviation * spare;
    }
    for (;;) {
      const u = this.uniform(-1, 1);
      const v = this.uniform(-1, 1);
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        this.spareNormal = v * scale;
        return mean + deviation * u * scale;
      }
    }
  }

  /** Poisson count with mean `lambda` (Knuth's product method; lambda is small for one bin of one channel). */
  poisson(lambda: number): number {
    if (lambda <= 0) return 0;
    if (lambda > 30) return Math.max(0, Math.round(this.normal(lambda, Math.sqrt(lambda))));
    const limit = Math.exp(-lambda);
    let product = this.uniform();
    let count = 0;
    while (product > limit) {
      product *= this.uniform();
      count++;
    }
    return count;
  }

  /** Fisher-Yates, in place. */
  shuffle(values: Uint32Array | number[]): void {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = values[i];
      values[i] = values[j];
      values[j] = held;
    }
  }
}

function rotl(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** The finaliser of MurmurHash3 (Appleby): every input bit changes every output bit. */
function mix32(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Stateless hash of three integers to 32 uniform bits. */
export function hash32(seed: number, a: number, b: number): number {
  return mix32((mix32((mix32((seed + 0x9e3779b9) | 0) + a) | 0) + b) | 0);
}
