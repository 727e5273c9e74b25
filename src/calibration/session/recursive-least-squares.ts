/**
 * A readout that learns from every bin: recursive least squares with forgetting (Haykin, Adaptive Filter Theory, 5th edition,
 * section 10.3), from the readout that there is.
 *   k = P f / (lambda + f^T P f),   w <- w + k (y - w^T f),   P <- (P - k (P f)^T) / lambda,   f with a 1 for the bias.
 * P begins at I / priorBins. All outputs share P. A bin costs O(F^2) and allocates nothing.
 *
 * Along what the features do not show, P would grow without end, and the first thing seen there would throw the weights about.
 * So every bin one coordinate e, each in its turn, counts as seen with the weight rho, with nothing to learn from it
 * (Levenberg-Marquardt regularisation of recursive estimates: Ljung and Soderstrom, Theory and Practice of Recursive Identification,
 * 1983):
 *   P <- P - (P e) (P e)^T / (1 / rho + e^T P e),   rho = (lambda^-size - 1) priorBins,
 * which holds P below lambda^-size / priorBins in every direction. Nothing is added when nothing is forgotten.
 */
import { assert } from '../../core/errors.ts';
import type { Readout } from './readout.ts';

export interface RlsOptions {
  /** Half of what is known is forgotten after this many bins; Infinity forgets nothing. */
  halfLifeBins: number;
  /** Bins that the first readout is worth, for features of variance 1. */
  priorBins: number;
}

export class RecursiveReadout {
  readonly readout: Readout;
  private readonly size: number;
  private readonly outputCount: number;
  private readonly forgetting: number;
  /** 1 / rho */
  private readonly hold: number;
  /** One number: the coordinate whose turn it is. */
  private readonly turn: Float64Array;
  /** P, [size x size]: symmetric, and only the upper triangle is kept, which also keeps it so however long it runs. */
  private readonly inverse: Float64Array;
  private readonly gain: Float64Array;
  private readonly scaledGain: Float64Array;
  /** P e, after the bin. */
  private readonly column: Float64Array;
  private readonly scaledColumn: Float64Array;
  private readonly input: Float64Array;
  /** [outputCount x size], the bias last */
  private readonly weights: Float64Array;
  private readonly priorBins: number;

  /** @param allocate makes zeroed numbers, where they have to lie in a certain memory */
  constructor(
    prior: Readout,
    { halfLifeBins, priorBins }: RlsOptions,
    allocate: (count: number) => Float64Array = (count) => new Float64Array(count),
  ) {
    this.outputCount = prior.bias.length;
    const featureCount = prior.weight.length / this.outputCount;
    this.size = featureCount + 1;
    this.forgetting = 0.5 ** (1 / halfLifeBins);
    this.priorBins = priorBins;
    const rho = (this.forgetting ** -this.size - 1) * priorBins;
    assert(Number.isFinite(rho), 'the half-life is not a tiny part of the number of features');
    this.hold = 1 / rho;
    this.inverse = allocate(this.size ** 2);
    this.weights = allocate(this.outputCount * this.size);
    this.turn = allocate(1);
    this.gain = new Float64Array(this.size);
    this.scaledGain = new Float64Array(this.size);
    this.column = new Float64Array(this.size);
    this.scaledColumn = new Float64Array(this.size);
    this.input = new Float64Array(this.size).fill(1);
    this.readout = { weight: prior.weight.slice(), bias: prior.bias.slice() };
    this.reset(prior);
  }

  /** All that changes, always finite. */
  get state(): readonly Float64Array[] {
    return [this.weights, this.inverse, this.turn];
  }

  /** As if it had just been made. Allocates nothing. */
  reset({ weight, bias }: Readout): void {
    const { size, weights, inverse } = this;
    this.turn[0] = 0;
    inverse.fill(0);
    for (let i = 0; i < size; i++) inverse[i * (size + 1)] = 1 / this.priorBins;
    for (let o = 0; o < this.outputCount; o++) {
      for (let i = 0; i < size - 1; i++) weights[o * size + i] = weight[o * (size - 1) + i];
      weights[o * size + size - 1] = bias[o];
    }
  }

  /** What it would say now. @param features [featureCount] @param output [outputCount] normalised, written */
  predict(features: Float32Array, output: Float32Array): void {
    const { size, weights } = this;
    for (let o = 0; o < this.outputCount; o++) {
      let sum = weights[o * size + size - 1];
      for (let i = 0; i < size - 1; i++) sum += weights[o * size + i] * features[i];
      output[o] = sum;
    }
  }

  /** A bin with anything that is not finite teaches nothing. @param target [outputCount] normalised */
  learn(features: Float32Array, target: Float32Array): boolean {
    const { size, inverse, gain, column, input, forgetting, weights, outputCount } = this;
    const turn = this.turn[0];
    let probe = 0;
    for (let i = 0; i < size - 1; i++) {
      input[i] = features[i];
      probe += features[i] * 0;
    }
    for (let o = 0; o < outputCount; o++) probe += target[o] * 0;
    if (probe !== 0) return false;
    gain.fill(0);
    for (let i = 0; i < size; i++) {
      const at = i * size;
      const own = input[i];
      let sum = inverse[at + i] * own;
      for (let j = i + 1; j < size; j++) {
        sum += inverse[at + j] * input[j];
        gain[j] += inverse[at + j] * own;
      }
      gain[i] += sum; // P f
    }
    let power = 0; // begun at `forgetting`, each sum would be an object
    for (let i = 0; i < size; i++) power += input[i] * gain[i];
    power += forgetting;
    for (let o = 0; o < outputCount; o++) {
      const at = o * size;
      let error = target[o];
      for (let i = 0; i < size; i++) error -= weights[at + i] * input[i];
      const scaled = error / power;
      for (let i = 0; i < size; i++) weights[at + i] += gain[i] * scaled;
    }
    // In arrays: of a number that lives through the loops below V8 would make an object.
    const { scaledGain, scaledColumn } = this;
    const grown = 1 / forgetting;
    for (let i = 0; i < size; i++) scaledGain[i] = (gain[i] / power) * grown;
    for (let i = 0; i < size; i++)
      column[i] = inverse[i < turn ? i * size + turn : turn * size + i] * grown - scaledGain[turn] * gain[i];
    const held = this.hold + column[turn];
    for (let i = 0; i < size; i++) scaledColumn[i] = column[i] / held;
    this.turn[0] = (turn + 1) % size;
    for (let i = 0; i < size; i++) {
      const at = i * size;
      for (let j = i; j < size; j++) {
        inverse[at + j] = inverse[at + j] * grown - scaledGain[i] * gain[j] - scaledColumn[i] * column[j];
      }
    }
    return true;
  }

  /** Copies what was learned into `readout`. */
  refresh(): Readout {
    const { readout, size, weights } = this;
    for (let o = 0; o < this.outputCount; o++) {
      for (let i = 0; i < size - 1; i++) readout.weight[o * (size - 1) + i] = weights[o * size + i];
      readout.bias[o] = weights[o * size + size - 1];
    }
    return readout;
  }
}
