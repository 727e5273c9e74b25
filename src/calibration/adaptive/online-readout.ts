/**
 * A readout that learns from every bin whose truth is known, by recursive least squares, beside the calibrated one. The learned
 * one speaks only while it has earned it: both predict every bin before anything is learned from it, and over the last half minute
 * the learned one has to have the smaller error. When it has become worse it is given up and learns anew from the calibrated one.
 */
import type { Model } from '../../decoders/decoder.ts';
import { placeNumbers } from '../../decoders/shared/place-numbers.ts';
import type { Arena } from '../../kernels/arena.ts';
import { readoutOf } from '../session/readout.ts';
import type { Readout } from '../session/readout.ts';
import { RecursiveReadout } from '../session/recursive-least-squares.ts';

export interface OnlineReadoutOptions {
  /** Half of what is known is forgotten after this time. Default 300. */
  halfLifeS?: number;
  /** Bins that the calibrated readout is worth. Default 30. */
  priorBins?: number;
  /** Time constant of the errors that are compared. Default 30. */
  windowS?: number;
}

/** Error of the learned readout as a share of the calibrated one's: below the first it takes over, above the other it is given up. */
const TAKES_OVER_BELOW = 0.98;
const GIVEN_UP_ABOVE = 1.05;
/** In deviations: a truth beyond this is a fault, and would throw the weights about for minutes. */
const TARGET_MAX = 10;
/** A comparison over less says nothing. */
const COMPARED_S_MIN = 5;
const AT = { learnedError: 0, calibratedError: 1, comparedBins: 2, isLearnedUsed: 3, count: 4 } as const;

export class OnlineReadout {
  readonly featureCount: number;
  /** Float64 numbers that change, all finite. */
  readonly state: readonly Float64Array[];
  private readonly outputCount: number;
  private readonly calibrated: { weight: Float32Array; bias: Float32Array };
  private readonly outputMean: Float32Array;
  private readonly outputScale: Float32Array;
  private readonly recursive: RecursiveReadout;
  private readonly comparison: Float64Array;
  private readonly shareMin: number;
  private readonly comparedBinsMin: number;
  /** Of the bin under way, normalised. */
  private readonly learnedOutput: Float32Array;
  private readonly calibratedOutput: Float32Array;
  private readonly target: Float32Array;

  /**
   * @param model of a kind with a readout; copied
   * @param arena where its numbers lie
   */
  constructor(model: Model, arena: Arena, options: OnlineReadoutOptions = {}) {
    const { halfLifeS = 300, priorBins = 30, windowS = 30 } = options;
    const { outputMean, outputScale } = model.normalisation;
    const { weight, bias } = readoutOf(model);
    const binsPerS = 1000 / model.binMs;
    this.outputCount = bias.length;
    this.featureCount = weight.length / bias.length;
    this.calibrated = { weight: placeNumbers(arena, weight), bias: placeNumbers(arena, bias) };
    this.outputMean = placeNumbers(arena, outputMean);
    this.outputScale = placeNumbers(arena, outputScale);
    this.recursive = new RecursiveReadout(
      this.calibrated,
      { halfLifeBins: halfLifeS * binsPerS, priorBins },
      (count) => arena.allocateFloat64(count),
    );
    this.comparison = arena.allocateFloat64(AT.count);
    this.state = [...this.recursive.state, this.comparison];
    this.shareMin = 1 - Math.exp(-1 / (windowS * binsPerS));
    this.comparedBinsMin = COMPARED_S_MIN * binsPerS;
    this.learnedOutput = new Float32Array(this.outputCount);
    this.calibratedOutput = new Float32Array(this.outputCount);
    this.target = new Float32Array(this.outputCount);
  }

  reset(): void {
    this.recursive.reset(this.calibrated);
    this.comparison.fill(0);
  }

  isLearnedUsed(): boolean {
    return this.comparison[AT.isLearnedUsed] === 1;
  }

  /** A copy of the learned readout; undefined while the calibrated one is in use. */
  learned(): Readout | undefined {
    if (!this.isLearnedUsed()) return undefined;
    const { weight, bias } = this.recursive.refresh();
    return { weight: weight.slice(), bias: bias.slice() };
  }

  /** @param features [featureCount] @param output [outputCount] in the model's unit, written */
  predict(features: Float32Array, output: Float32Array): void {
    const { calibrated, calibratedOutput, learnedOutput, featureCount } = this;
    this.recursive.predict(features, learnedOutput);
    for (let o = 0; o < calibratedOutput.length; o++) {
      let sum = calibrated.bias[o];
      for (let i = 0, at = o * featureCount; i < featureCount; i++, at++) {
        sum += calibrated.weight[at] * features[i];
      }
      calibratedOutput[o] = sum;
    }
    const used = this.isLearnedUsed() ? learnedOutput : calibratedOutput;
    for (let o = 0; o < output.length; o++) output[o] = used[o] * this.outputScale[o] + this.outputMean[o];
  }

  /**
   * Learns from the bin of the last `predict`. A truth that is not known, or anything that is not finite, teaches nothing.
   * @param truth [outputCount] in the model's unit
   * @returns whether the learned readout was given up
   */
  learn(features: Float32Array, truth: Float32Array): boolean {
    const { target, outputCount, outputMean, outputScale } = this;
    if (truth.length !== outputCount) return false;
    for (let o = 0; o < outputCount; o++) {
      target[o] = (truth[o] - outputMean[o]) / outputScale[o];
      if (!(Math.abs(target[o]) <= TARGET_MAX)) return false;
    }
    if (!this.recursive.learn(features, target)) return false;
    this.compare();
    return this.judge();
  }

  private compare(): void {
    const { comparison, target, learnedOutput, calibratedOutput, shareMin } = this;
    let learned = 0;
    let calibrated = 0;
    for (let o = 0; o < target.length; o++) {
      learned += (target[o] - learnedOutput[o]) ** 2;
      calibrated += (target[o] - calibratedOutput[o]) ** 2;
    }
    comparison[AT.comparedBins]++;
    const share = Math.max(shareMin, 1 / comparison[AT.comparedBins]);
    comparison[AT.learnedError] += share * (learned - comparison[AT.learnedError]);
    comparison[AT.calibratedError] += share * (calibrated - comparison[AT.calibratedError]);
  }

  private judge(): boolean {
    const { comparison } = this;
    if (comparison[AT.comparedBins] < this.comparedBinsMin) return false;
    const learned = comparison[AT.learnedError];
    const calibrated = comparison[AT.calibratedError];
    if (learned < TAKES_OVER_BELOW * calibrated) comparison[AT.isLearnedUsed] = 1;
    if (comparison[AT.isLearnedUsed] === 0 || learned <= GIVEN_UP_ABOVE * calibrated) return false;
    this.reset();
    return true;
  }
}
