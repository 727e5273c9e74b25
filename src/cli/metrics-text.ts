/** Decoding metrics as the commands print them. */
import type { DecodingMetrics } from '../calibration/metrics.ts';

/** {x, y, ..., mean}, as in every JSON output. */
export function namedR2(
  labels: readonly string[],
  metrics: Pick<DecodingMetrics, 'r2' | 'r2Mean'>,
): Record<string, number> {
  return { ...named(labels, metrics.r2), mean: metrics.r2Mean };
}

/** Values of dimensions by their labels. */
export function named(labels: readonly string[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(labels.map((label, i) => [label, values[i]]));
}

/** 'x 0.901  y 0.885  mean 0.893' */
export function r2Text(labels: readonly string[], metrics: Pick<DecodingMetrics, 'r2' | 'r2Mean'>): string {
  return Object.entries(namedR2(labels, metrics))
    .map(([label, value]) => `${label} ${value.toFixed(3)}`)
    .join('  ');
}
