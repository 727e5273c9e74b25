/** Scales of a plot: from values to places, with ticks at round numbers. */

export interface Axis {
  min: number;
  max: number;
  ticks: readonly number[];
  /** 0 at `min`, 1 at `max`. */
  readonly place: (value: number) => number;
}

/** From a round number below the values to one above. Values that are not finite are left out. */
export function linearAxis(values: Iterable<number>, tickCount = 5): Axis {
  const [low, high] = rangeOf(values);
  const step = roundStep((high - low) / tickCount);
  const min = Math.floor(low / step + 1e-9) * step;
  const max = Math.ceil(high / step - 1e-9) * step;
  return between(min, max, step);
}

/** Exactly between two values, with ticks inside. */
export function fixedAxis(min: number, max: number, tickCount = 5): Axis {
  const step = roundStep((max - min) / tickCount);
  return between(min, max, step);
}

/** From 0, the places as the square root: counting noise is as wide everywhere. */
export function rootAxis(values: Iterable<number>): Axis {
  const [, high] = rangeOf(values);
  const max = high > 0 ? high : 1;
  const candidates = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
  const ticks = candidates.filter((tick) => tick <= max && (tick === 0 || tick >= max / 100));
  return { min: 0, max, ticks, place: (value) => Math.sqrt(Math.max(0, value) / max) };
}

function between(min: number, max: number, step: number): Axis {
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  return { min, max, ticks, place: (value) => (value - min) / (max - min) };
}

/** Wide enough to divide by, whatever the values. */
function rangeOf(values: Iterable<number>): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  if (high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high))) return [low, high];
  const half = Math.max(Math.abs(low) * 0.1, 1e-6);
  return [low - half, high + half];
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10);
}
