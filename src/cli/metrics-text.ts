/** Decoding metrics as the commands print them. */
import type { DecodingMetrics } from '../calibration/metrics.ts';
import type { RunningAccuracy } from '../core/running-metrics.ts';

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

/** ' (behaviour 100 ms later)' beside the name of what a decoder with a neural lag is scored on; nothing without one. */
export function lagText(lagMs = 0): string {
  if (lagMs === 0) return '';
  return ` (behaviour ${Math.abs(lagMs)} ms ${lagMs > 0 ? 'later' : 'earlier'})`;
}

/** Of the behaviour: over less, an R2 says nothing, for a reach alone takes about a second. */
export const R2_S_MIN = 10;

/** '0.875', or '-' where it is over too little to mean anything. @param r2 by dimension, over `binCount` bins */
export function meanR2Text({ r2, binCount }: RunningAccuracy, binMs: number): string {
  if (binCount * binMs < R2_S_MIN * 1000) return '-';
  return meanOf(r2).toFixed(3);
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
