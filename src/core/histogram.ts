/**
 * A high-dynamic-range histogram (Gil Tene's HdrHistogram, github.com/HdrHistogram/HdrHistogram) of integers, on
 * shared memory: one thread records, any thread reads while it does. Our own because the readers of a running
 * session are in another thread than the recorder, which the library's heap arrays cannot offer; the library is
 * the oracle in the test.
 *
 * Buckets: values up to 2 x 10^digits have a bucket each; from there every doubling of the value doubles the
 * bucket's width, so the relative error stays below 10^-digits. With h = half the size of the first range, value v
 * in [h 2^e, 2 h 2^e) lies in bucket e h + floor(v / 2^e).
 */
import { assert } from './errors.ts';

export interface HistogramLayout {
  /** Larger values are counted in the bucket of this one, and in `clampedCount`. */
  highestValue: number;
  /** 1 to 5. */
  significantDigits: number;
}

/** Nanoseconds up to one hour, within 0.1 %. */
export const LATENCY_HISTOGRAM: HistogramLayout = { highestValue: 3.6e12, significantDigits: 3 };

const COUNT = 0;
const SUM = 1;
const MAXIMUM = 2;
const CLAMPED = 3;
const HEADER_DOUBLES = 4;
const TWO_32 = 4294967296;

export class Histogram {
  readonly layout: HistogramLayout;
  /** Hand this to the other thread with `layout`. */
  readonly buffer: SharedArrayBuffer;
  private readonly header: Float64Array;
  private readonly counts: Uint32Array;
  private readonly argument = new Float64Array(1);
  private readonly halfCount: number;
  private readonly halfMagnitude: number;

  constructor(layout: HistogramLayout, buffer?: SharedArrayBuffer) {
    const { highestValue, significantDigits } = layout;
    if (!Number.isInteger(significantDigits) || significantDigits < 1 || significantDigits > 5) {
      throw new RangeError(`significantDigits must be 1 to 5, got ${significantDigits}`);
    }
    if (!(highestValue >= 2 && highestValue <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`highestValue must be 2 to 2^53 - 1, got ${highestValue}`);
    }
    this.layout = layout;
    this.halfMagnitude = Math.ceil(Math.log2(2 * 10 ** significantDigits)) - 1;
    this.halfCount = 2 ** this.halfMagnitude;
    const bucketCount = this.bucketOf(highestValue) + 1;
    this.buffer = buffer ?? new SharedArrayBuffer(HEADER_DOUBLES * 8 + bucketCount * 4);
    this.header = new Float64Array(this.buffer, 0, HEADER_DOUBLES);
    this.counts = new Uint32Array(this.buffer, HEADER_DOUBLES * 8, bucketCount);
  }

  /**
   * Counts one value, rounded down to an integer. Only one thread may record.
   * @param value below 0 counts as 0 and above highestValue as highestValue; both are also counted as clamped
   */
  record(value: number): void {
    this.argument[0] = value;
    this.recordFrom(this.argument, 0);
  }

  /**
   * The same for values[index]; allocates nothing. The value comes by its place because an engine puts a number that
   * is not a small integer into a new object when it crosses a call.
   */
  recordFrom(values: Float64Array, index: number): void {
    const { header } = this;
    const value = values[index];
    assert(!Number.isNaN(value), 'a histogram records numbers, not NaN');
    let whole = Math.floor(value);
    if (whole < 0 || whole > this.layout.highestValue) {
      whole = whole < 0 ? 0 : Math.floor(this.layout.highestValue);
      header[CLAMPED] += 1;
    }
    this.counts[this.bucketOf(whole)] += 1;
    header[SUM] += whole;
    if (whole > header[MAXIMUM]) header[MAXIMUM] = whole;
    header[COUNT] += 1;
  }

  /**
   * The smallest recorded magnitude that at least `percent` of the values do not exceed: the top of its bucket, and
   * never more than the maximum. 0 when nothing was recorded. Safe while another thread records.
   */
  percentile(percent: number): number {
    let total = 0;
    for (const count of this.counts) total += count;
    if (total === 0) return 0;
    const exact = (Math.min(percent, 100) / 100) * total;
    // The product may come out one unit in the last place too large, which must not skip a value.
    const wanted = Math.max(1, Math.ceil(exact * (1 - Number.EPSILON)));
    let cumulative = 0;
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      cumulative += this.counts[bucket];
      if (cumulative >= wanted) return Math.min(this.topOf(bucket), this.max());
    }
    return this.max();
  }

  /** Exact. 0 when nothing was recorded. */
  max(): number {
    return this.header[MAXIMUM];
  }

  /** Exact. 0 when nothing was recorded. */
  mean(): number {
    const count = this.count();
    return count === 0 ? 0 : this.header[SUM] / count;
  }

  count(): number {
    return this.header[COUNT];
  }

  /** Values that lay outside [0, highestValue]. */
  clampedCount(): number {
    return this.header[CLAMPED];
  }

  /** Adds the values of another histogram of the same layout. */
  merge(other: Histogram): void {
    if (other.counts.length !== this.counts.length || other.halfCount !== this.halfCount) {
      throw new RangeError('only histograms of one layout can be merged');
    }
    for (let bucket = 0; bucket < this.counts.length; bucket++) this.counts[bucket] += other.counts[bucket];
    this.header[COUNT] += other.header[COUNT];
    this.header[SUM] += other.header[SUM];
    this.header[CLAMPED] += other.header[CLAMPED];
    this.header[MAXIMUM] = Math.max(this.header[MAXIMUM], other.header[MAXIMUM]);
  }

  /** @param value an integer >= 0 */
  private bucketOf(value: number): number {
    const high = Math.floor(value / TWO_32);
    const magnitude = high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value);
    const exponent = magnitude - this.halfMagnitude;
    if (exponent <= 0) return value;
    return exponent * this.halfCount + Math.floor(value / 2 ** exponent);
  }

  /** The largest value that counts in a bucket. */
  private topOf(bucket: number): number {
    const exponent = Math.floor(bucket / this.halfCount) - 1;
    if (exponent <= 0) return bucket;
    return (bucket - exponent * this.halfCount + 1) * 2 ** exponent - 1;
  }
}
