/** Order statistics of a list of timings. */
export interface Distribution {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** @param values any order; sorted in place. Percentiles are the smallest value that at least that share reaches. */
export function distributionOf(values: Float64Array): Distribution {
  values.sort();
  const at = (share: number): number => values[Math.max(0, Math.ceil(share * values.length) - 1)];
  return {
    count: values.length,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: values[values.length - 1],
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
