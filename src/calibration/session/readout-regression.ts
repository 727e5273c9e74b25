/**
 * A new readout on frozen features, in closed form: ridge regression towards the readout that there is, so that little data change
 * little. With residuals r = y - F w0 - b0 of the old readout, (F^T F + p I) d = F^T r and w = w0 + d (features and residuals
 * centred; the intercept is free). Hoerl and Kennard 1970; one Lanczos process serves all penalties (ridge.ts).
 */
import type { Segment } from '../../core/recording.ts';
import { ridgePath } from '../ridge.ts';
import type { Steps } from '../steps.ts';
import { applyReadout } from './readout.ts';
import type { Readout } from './readout.ts';

/** Relative to the mean diagonal element of F^T F: from no shrinkage at all to hardly a change. */
export const READOUT_PENALTIES: readonly number[] = Array.from({ length: 17 }, (_, i) => 10 ** (-4 + i / 2));

/** So many bins of a few hundred features take some 50 ms. */
const STEP_BINS = 1024;
/** Bins that are added together, so that the matrix of products is read once for all of them. */
const BLOCK_BINS = 4;

/** Bins are added a few at a time, and what they come to is solved for at any point in between. */
export class ReadoutRegression {
  private readonly prior: Readout;
  private readonly features: Float32Array;
  private readonly targets: Float32Array;
  private readonly priorOutputs: Float32Array;
  private readonly featureCount: number;
  private readonly outputCount: number;
  /** Of all bins. Sums are taken about it, so that the means of those that were added can be taken out without loss. */
  private readonly centre: Float64Array;
  private rowCount = 0;
  private readonly sums: Float64Array;
  /** Upper triangle. */
  private readonly products: Float64Array;
  /** One per output. */
  private readonly crosses: readonly Float64Array[];
  private readonly residualSums: Float64Array;
  private readonly block: Float64Array;

  /**
   * @param features [binCount x featureCount]
   * @param targets normalised, [binCount x outputCount]
   */
  constructor(prior: Readout, features: Float32Array, targets: Float32Array) {
    const outputCount = prior.bias.length;
    const featureCount = prior.weight.length / outputCount;
    this.prior = prior;
    this.features = features;
    this.targets = targets;
    this.priorOutputs = applyReadout(prior, features);
    this.featureCount = featureCount;
    this.outputCount = outputCount;
    this.centre = meansOf(features, featureCount);
    this.sums = new Float64Array(featureCount);
    this.products = new Float64Array(featureCount * featureCount);
    this.crosses = Array.from({ length: outputCount }, () => new Float64Array(featureCount));
    this.residualSums = new Float64Array(outputCount);
    this.block = new Float64Array(BLOCK_BINS * featureCount);
  }

  /** In steps of a part of a second. @param rows bins that have not been added yet */
  *add(rows: readonly Segment[]): Steps<void> {
    const { features, featureCount, centre, block } = this;
    let held = 0;
    for (const { startBin, endBin } of rows) {
      for (let bin = startBin; bin < endBin; bin++) {
        for (let i = 0; i < featureCount; i++)
          block[held * featureCount + i] = features[bin * featureCount + i] - centre[i];
        this.addResiduals(bin, held);
        held++;
        if (held === BLOCK_BINS) {
          this.addProducts();
          held = 0;
        }
        if ((bin + 1) % STEP_BINS === 0) yield;
      }
      this.rowCount += endBin - startBin;
    }
    block.fill(0, held * featureCount);
    if (held > 0) this.addProducts();
  }

  /** @returns one readout per penalty */
  *solve(penalties: readonly number[]): Steps<Readout[]> {
    const { prior, rowCount, featureCount, outputCount, centre, crosses, residualSums } = this;
    const shifts = this.sums.map((sum) => sum / rowCount);
    const gram = this.centredGram(shifts);
    let trace = 0;
    for (let i = 0; i < featureCount; i++) trace += gram[i * (featureCount + 1)];
    const absolute = penalties.map((penalty) => Math.max((penalty * trace) / featureCount, Number.MIN_VALUE));
    const changes: Float64Array[][] = [];
    for (let o = 0; o < outputCount; o++) {
      yield;
      const cross = crosses[o].map((sum, i) => sum - shifts[i] * residualSums[o]);
      changes.push(ridgePath(gram, cross, absolute));
    }
    return penalties.map((_, p) => {
      const weight = prior.weight.slice();
      const bias = prior.bias.slice();
      for (let o = 0; o < outputCount; o++) {
        let intercept = residualSums[o] / rowCount;
        for (let i = 0; i < featureCount; i++) {
          const change = changes[o][p][i];
          weight[o * featureCount + i] += change;
          intercept -= change * (centre[i] + shifts[i]);
        }
        bias[o] += intercept;
      }
      return { weight, bias };
    });
  }

  private addResiduals(bin: number, held: number): void {
    const { targets, priorOutputs, featureCount, outputCount, sums, crosses, residualSums, block } = this;
    const at = held * featureCount;
    for (let i = 0; i < featureCount; i++) sums[i] += block[at + i];
    for (let o = 0; o < outputCount; o++) {
      const residual = targets[bin * outputCount + o] - priorOutputs[bin * outputCount + o];
      residualSums[o] += residual;
      const cross = crosses[o];
      for (let i = 0; i < featureCount; i++) cross[i] += residual * block[at + i];
    }
  }

  private addProducts(): void {
    const { featureCount: n, products, block } = this;
    for (let i = 0; i < n; i++) {
      const [a, b, c, d] = [block[i], block[n + i], block[2 * n + i], block[3 * n + i]];
      const at = i * n;
      for (let j = i; j < n; j++) {
        products[at + j] += a * block[j] + b * block[n + j] + c * block[2 * n + j] + d * block[3 * n + j];
      }
    }
  }

  /** About the mean of the bins that were added. @param shifts of that mean from the centre */
  private centredGram(shifts: Float64Array): Float64Array {
    const { featureCount: n, products, rowCount } = this;
    const gram = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = i; j < n; j++) {
        const sum = products[i * n + j] - rowCount * shifts[i] * shifts[j];
        gram[i * n + j] = sum;
        gram[j * n + i] = sum;
      }
    }
    return gram;
  }
}

/** @param rows [count x width] */
function meansOf(rows: Float32Array, width: number): Float64Array {
  const means = new Float64Array(width);
  const count = rows.length / width;
  for (let row = 0; row < count; row++) for (let i = 0; i < width; i++) means[i] += rows[row * width + i];
  for (let i = 0; i < width; i++) means[i] /= count;
  return means;
}
