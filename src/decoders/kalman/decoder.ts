/**
 * The Kalman filter in streaming: one matrix-vector product brings a bin's features down to the k numbers that matter
 * (k = state dimensions), the rest is k x k arithmetic in float64.
 *
 * State: float64 values, little-endian as on every host that runs WebAssembly:
 *   x [k] | mode 'full' only: P [k][k] | waiting [lagBins][k]
 * waiting holds what the last bins say, oldest first; zeros are average bins. Fresh: x = 0, P = P0, waiting = 0.
 *
 * A NaN feature makes x NaN, and it stays NaN until `reset` or `loadState`: the fault is never hidden, and a runtime
 * has to keep such bins away.
 */
import type { Kernels } from '../../kernels/kernels.ts';
import type { Decoder, Model } from '../decoder.ts';
import { FeatureProjection } from '../feature-projection.ts';
import {
  addIdentityInPlace,
  multiply,
  multiplyTransposed,
  solveInPlace,
  symmetriseInPlace,
} from './dense.ts';
import type { KalmanConfig } from './config.ts';
import { PROJECTION } from './account.ts';
import { observe } from './observation.ts';
import { steadyState } from './riccati.ts';

export class KalmanDecoder implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly k: number;
  private readonly isFull: boolean;
  private readonly outputMean: Float64Array;
  private readonly outputScale: Float64Array;
  private readonly projection: FeatureProjection;

  /** A in mode 'full', else M1 = (I - K C) A. [k x k] */
  private readonly transition: Float64Array;
  /** b in mode 'full', else m0 = (I - K C) b - K d. [k] */
  private readonly offset: Float64Array;
  private readonly Q: Float64Array;
  private readonly P0: Float64Array;
  /** M = C^T R^-1 C. [k x k] */
  private readonly information: Float64Array;
  /** C^T R^-1 d. [k] */
  private readonly informationOffset: Float64Array;

  private readonly state: Float64Array;
  private readonly stateView: Uint8Array;
  private readonly x: Float64Array;
  private readonly P: Float64Array;
  private readonly waiting: Float64Array;

  private readonly predictedX: Float64Array;
  private readonly said: Float64Array;
  private readonly predictedP: Float64Array;
  private readonly system: Float64Array;

  constructor(model: Model, config: KalmanConfig, kernels: Kernels) {
    const { inputCount, outputCount } = model.shape;
    const k = outputCount + config.extraStateNames.length;
    this.inputCount = inputCount;
    this.outputCount = outputCount;
    this.k = k;
    this.isFull = config.mode === 'full';
    // In the kernel memory, as everything that a model brings: a decoder is replaced by replacing that memory.
    const place = (values: ArrayLike<number>): Float64Array => {
      const placed = kernels.arena.allocateFloat64(values.length);
      placed.set(values);
      return placed;
    };
    this.outputMean = place(model.normalisation.outputMean);
    this.outputScale = place(model.normalisation.outputScale);

    const [A, b, Q, d, P0] = ['A', 'b', 'Q', 'd', 'P0'].map((name) =>
      Float64Array.from(model.tensors[name].data),
    );
    const { C, R } = model.tensors;
    const observation = observe(C.data, R.data, model.normalisation.featureScale, k);
    const informationOffset = new Float64Array(k);
    multiply(informationOffset, observation.projection, d, k, inputCount, 1);
    this.Q = place(Q);
    this.P0 = place(P0);
    this.information = place(observation.information);
    this.informationOffset = place(informationOffset);

    let rows = observation.projection;
    let transition: Float64Array = A;
    let offset: Float64Array = b;
    if (!this.isFull) {
      const steady = constantGain(A, b, Q, observation.information, informationOffset, k);
      transition = steady.transition;
      offset = steady.offset;
      rows = new Float64Array(k * inputCount); // K = P C^T R^-1
      multiply(rows, steady.P, observation.projection, k, k, inputCount);
    }
    this.transition = place(transition);
    this.offset = place(offset);
    const offsets = new Float64Array(k);
    this.projection = new FeatureProjection(kernels, PROJECTION, model.normalisation, rows, offsets);

    const covarianceCount = this.isFull ? k * k : 0;
    this.state = kernels.arena.allocateFloat64(k + covarianceCount + config.lagBins * k);
    this.stateView = new Uint8Array(this.state.buffer, this.state.byteOffset, this.state.byteLength);
    this.stateBytes = this.stateView.byteLength;
    this.x = this.state.subarray(0, k);
    this.P = this.state.subarray(k, k + covarianceCount);
    this.waiting = this.state.subarray(k + covarianceCount);
    this.predictedX = new Float64Array(k);
    this.said = new Float64Array(k);
    this.predictedP = new Float64Array(k * k);
    this.system = new Float64Array(k * k);
    this.reset();
  }

  step(features: Float32Array, output: Float32Array): void {
    const { k, x, said } = this;
    this.projection.project(features);
    this.delay(this.projection.values);
    multiply(this.predictedX, this.transition, x, k, k, 1);
    if (this.isFull) {
      this.updateFully();
    } else {
      for (let i = 0; i < k; i++) x[i] = this.predictedX[i] + this.offset[i] + said[i];
    }
    for (let o = 0; o < this.outputCount; o++) output[o] = x[o] * this.outputScale[o] + this.outputMean[o];
  }

  reset(): void {
    this.state.fill(0);
    if (this.isFull) this.P.set(this.P0);
  }

  saveState(into: Uint8Array): void {
    into.set(this.stateView);
  }

  loadState(from: Uint8Array): void {
    this.stateView.set(from);
  }

  /** said <- what the bin lagBins ago said; the newest joins the queue. */
  private delay(newest: Float32Array): void {
    const { k, said, waiting } = this;
    if (waiting.length === 0) {
      said.set(newest);
      return;
    }
    for (let i = 0; i < k; i++) said[i] = waiting[i];
    waiting.copyWithin(0, k);
    waiting.set(newest, waiting.length - k);
  }

  /** P- = A P A^T + Q; P = (I + P- M)^-1 P-; x = x- + P (G (z - d) - M x-). predictedX holds A x. */
  private updateFully(): void {
    const { k, x, P, predictedX, predictedP, system, said } = this;
    multiply(system, this.transition, P, k, k, k);
    multiplyTransposed(predictedP, system, this.transition, k, k, k);
    for (let i = 0; i < k * k; i++) predictedP[i] += this.Q[i];
    multiply(system, predictedP, this.information, k, k, k);
    addIdentityInPlace(system, k);
    P.set(predictedP);
    solveInPlace(system, P, k, k);
    symmetriseInPlace(P, k);
    for (let i = 0; i < k; i++) predictedX[i] += this.offset[i];
    for (let i = 0; i < k; i++) {
      said[i] -= this.informationOffset[i];
      for (let j = 0; j < k; j++) said[i] -= this.information[i * k + j] * predictedX[j];
    }
    multiply(x, P, said, k, k, 1);
    for (let i = 0; i < k; i++) x[i] += predictedX[i];
  }
}

/** M1 = (I - P M) A and m0 = (I - P M) b - P C^T R^-1 d at the covariance P that the filter settles at (K C = P M). */
function constantGain(
  A: Float64Array,
  b: Float64Array,
  Q: Float64Array,
  M: Float64Array,
  informationOffset: Float64Array,
  k: number,
): { P: Float64Array; transition: Float64Array; offset: Float64Array } {
  const P = steadyState(A, Q, M, k).updated;
  const kept = new Float64Array(k * k); // I - K C
  multiply(kept, P, M, k, k, k);
  for (let i = 0; i < k * k; i++) kept[i] = -kept[i];
  addIdentityInPlace(kept, k);
  const transition = new Float64Array(k * k);
  multiply(transition, kept, A, k, k, k);
  const offset = new Float64Array(k);
  const lost = new Float64Array(k);
  multiply(offset, kept, b, k, k, 1);
  multiply(lost, P, informationOffset, k, k, 1);
  for (let i = 0; i < k; i++) offset[i] -= lost[i];
  return { P, transition, offset };
}
