/** The linear decoder of latents: ridge regression from the last few bins of them to the target, within each trial. */
import { ridgePath } from '../calibration/ridge.ts';
import { movementRows } from './stabilization-data.ts';
import type { TrialSet } from './stabilization-data.ts';

export interface LatentRidge {
  latentCount: number;
  outputCount: number;
  /** Per output: [lags x latents], then the intercept. */
  weights: readonly Float64Array[];
}

const LAG_COUNT = 5;
/** Relative to the mean square of a column. Hundreds of rows for each weight: it decides nothing. */
const PENALTY = 1e-3;

/** @param latents [bins of the set x latentCount] */
export function fitLatentRidge(set: TrialSet, latents: Float32Array, latentCount: number): LatentRidge {
  const { target } = set.binned;
  const outputCount = target.labels.length;
  const width = LAG_COUNT * latentCount + 1;
  const design = movementRows(set, lagged(set, latents, latentCount), width);
  const outputs = movementRows(set, target.values, outputCount);
  const gram = new Float64Array(width * width);
  const cross = Array.from({ length: outputCount }, () => new Float64Array(width));
  for (let row = 0; row * width < design.length; row++) {
    const x = design.subarray(row * width, (row + 1) * width);
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) gram[i * width + j] += x[i] * x[j];
      cross.forEach((c, o) => (c[i] += x[i] * outputs[row * outputCount + o]));
    }
  }
  let trace = 0;
  for (let i = 0; i < width; i++) trace += gram[i * width + i];
  const weights = cross.map((c) => ridgePath(gram, c, [(PENALTY * trace) / width])[0]);
  return { latentCount, outputCount, weights };
}

/** @returns [bins of the set x outputs] */
export function decodeLatents(ridge: LatentRidge, set: TrialSet, latents: Float32Array): Float32Array {
  const { latentCount, outputCount, weights } = ridge;
  const width = LAG_COUNT * latentCount + 1;
  const design = lagged(set, latents, latentCount);
  return Float32Array.from({ length: (design.length / width) * outputCount }, (_, at) => {
    const row = Math.floor(at / outputCount) * width;
    return weights[at % outputCount].reduce((sum, weight, i) => sum + weight * design[row + i], 0);
  });
}

/** A bin and those before it in its trial (0, the mean, where there are none), and 1. [bins x (lags x latents + 1)] */
function lagged({ binned }: TrialSet, latents: Float32Array, latentCount: number): Float32Array {
  const width = LAG_COUNT * latentCount + 1;
  const design = new Float32Array(binned.binCount * width);
  for (const { startBin, endBin } of binned.segments) {
    for (let bin = startBin; bin < endBin; bin++) {
      for (let lag = 0; lag < LAG_COUNT && bin - lag >= startBin; lag++) {
        const from = (bin - lag) * latentCount;
        design.set(latents.subarray(from, from + latentCount), bin * width + lag * latentCount);
      }
      design[bin * width + width - 1] = 1;
    }
  }
  return design;
}
