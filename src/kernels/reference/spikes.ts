/** Surrogate gradients: twin of assembly/spikes.ts, numbered as there. */
const TRIANGULAR = 0;
const DSPIKE = 1;

/** What stands for the derivative of the step at x = membrane - threshold. */
export function surrogate(x: number, kind: number, sharpness: number): number {
  if (kind === TRIANGULAR) return Math.max(0, 1 - Math.abs(x));
  if (kind === DSPIKE) {
    const slope = (sharpness / 2) * (1 - Math.tanh(sharpness * x) ** 2);
    return Math.abs(x) < 0.5 ? slope / Math.tanh(sharpness / 2) : 0;
  }
  return 1 / (1 + sharpness * Math.abs(x)) ** 2;
}

/** 1 at or above the threshold, else 0; NaN for a membrane that is NaN. */
export function spike(membrane: number, threshold: number): number {
  if (Number.isNaN(membrane)) return membrane;
  return membrane >= threshold ? 1 : 0;
}
