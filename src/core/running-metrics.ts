/**
 * R2 and Pearson's r of a running session, on shared memory: the decode thread updates, the main thread reads.
 *
 * Welford's updates (Welford 1962, "Note on a method for calculating corrected sums of squares and products",
 * Technometrics 4(3)) in float64, so that nothing cancels in a session of hours: at the end the values are those of
 * the two-pass formulas. R2 = 1 - sum (y - p)^2 / sum (y - mean y)^2 per dimension, y the truth.
 *
 * A reader in another thread could meet a half-done update, so updates are bracketed by a version counter that is odd
 * while one is under way (a seqlock): the reader copies, and copies again when the version moved.
 */
/** Per dimension: mean y, mean p, sum (y - mean y)^2, sum (p - mean p)^2, sum (y - mean y)(p - mean p), sum (y - p)^2. */
const FIELDS = 6;
const VERSION_BYTES = 8;
const READ_ATTEMPTS = 1000;

export interface RunningAccuracy {
  /** Bins that had truth. */
  binCount: number;
  /** Per dimension; NaN where the truth has not varied yet. */
  r2: number[];
  /** Per dimension; NaN where the truth or the output has not varied yet. */
  pearsonR: number[];
}

export class RunningMetrics {
  readonly dimensionCount: number;
  /** Hand this to the other thread with `dimensionCount`. */
  readonly buffer: SharedArrayBuffer;
  private readonly version: Int32Array;
  /** [1 + dimensionCount x FIELDS], the bin count first. */
  private readonly sums: Float64Array;

  constructor(dimensionCount: number, buffer?: SharedArrayBuffer) {
    const length = 1 + dimensionCount * FIELDS;
    this.dimensionCount = dimensionCount;
    this.buffer = buffer ?? new SharedArrayBuffer(VERSION_BYTES + length * 8);
    this.version = new Int32Array(this.buffer, 0, 1);
    this.sums = new Float64Array(this.buffer, VERSION_BYTES, length);
  }

  /**
   * Takes one bin in; allocates nothing. Only one thread may update. A bin whose truth is not known (not finite in
   * any dimension) is passed over.
   * @param truth [dimensionCount]
   * @param output [dimensionCount]
   */
  update(truth: Float32Array, output: Float32Array): void {
    for (let d = 0; d < this.dimensionCount; d++) if (!Number.isFinite(truth[d])) return;
    const { sums } = this;
    Atomics.add(this.version, 0, 1);
    const count = sums[0] + 1;
    sums[0] = count;
    for (let d = 0; d < this.dimensionCount; d++) {
      const at = 1 + d * FIELDS;
      const y = truth[d];
      const p = output[d];
      const dy = y - sums[at];
      const dp = p - sums[at + 1];
      sums[at] += dy / count;
      sums[at + 1] += dp / count;
      sums[at + 2] += dy * (y - sums[at]);
      sums[at + 3] += dp * (p - sums[at + 1]);
      sums[at + 4] += dy * (p - sums[at + 1]);
      sums[at + 5] += (y - p) * (y - p);
    }
    Atomics.add(this.version, 0, 1);
  }

  /**
   * The accuracy up to now, consistent also while another thread updates; undefined when that thread died inside an
   * update.
   */
  read(): RunningAccuracy | undefined {
    const sums = this.snapshot();
    if (sums === undefined) return undefined;
    const r2: number[] = [];
    const pearsonR: number[] = [];
    for (let d = 0; d < this.dimensionCount; d++) {
      const [, , truthSpread, outputSpread, covariation, error] = sums.subarray(1 + d * FIELDS);
      r2.push(truthSpread > 0 ? 1 - error / truthSpread : Number.NaN);
      pearsonR.push(
        truthSpread > 0 && outputSpread > 0
          ? covariation / Math.sqrt(truthSpread * outputSpread)
          : Number.NaN,
      );
    }
    return { binCount: sums[0], r2, pearsonR };
  }

  private snapshot(): Float64Array | undefined {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const before = Atomics.load(this.version, 0);
      const copy = Float64Array.from(this.sums);
      if ((before & 1) === 0 && Atomics.load(this.version, 0) === before) return copy;
    }
    return undefined; // an update takes well under a microsecond
  }
}
