/**
 * What is measured of every bin, as histograms of nanoseconds on shared memory (docs/latency.md). Everything starts
 * from the *scheduled* edge of the bin, not from when the loop got to it: a stall then shows in every bin that it
 * delayed, and coordinated omission cannot happen.
 */
import { Histogram, LATENCY_HISTOGRAM } from '../core/histogram.ts';

export const LATENCY_NAMES = [
  /** Scheduled bin edge to arrival in the source; paced streams only. */
  'acquisitionDelay',
  /** Arrival in the source to the decode thread taking the chunk; paced streams only. */
  'queueDelay',
  /** Binning and feature stages, of the chunk with the bin's last frame. */
  'stages',
  /** The decoder's step with its checks, and writing the record. */
  'decoder',
  /** stages + decoder: what the computer must do for one bin, wherever the data come from. */
  'computeTime',
  /** Scheduled bin edge to the output standing in the ring; paced streams only. */
  'endToEndLatency',
] as const;

export type LatencyName = (typeof LATENCY_NAMES)[number];
export type LatencyHistograms = Readonly<Record<LatencyName, Histogram>>;
export type LatencyBuffers = Readonly<Record<LatencyName, SharedArrayBuffer>>;

export interface LatencyUs {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

export function createLatencyHistograms(buffers?: LatencyBuffers): LatencyHistograms {
  return mapLatencyNames((name) => new Histogram(LATENCY_HISTOGRAM, buffers?.[name]));
}

export function mapLatencyNames<T>(value: (name: LatencyName) => T): Record<LatencyName, T> {
  return Object.fromEntries(LATENCY_NAMES.map((name) => [name, value(name)])) as Record<LatencyName, T>;
}

/** Percentiles in microseconds; zeros while nothing was recorded. */
export function describeLatencyUs(histogram: Histogram): LatencyUs {
  const percentileUs = (percent: number): number => histogram.percentile(percent) / 1000;
  return {
    count: histogram.count(),
    mean: histogram.mean() / 1000,
    p50: percentileUs(50),
    p90: percentileUs(90),
    p99: percentileUs(99),
    p999: percentileUs(99.9),
    max: histogram.max() / 1000,
  };
}
