/**
 * The differentiable layer that decoders are trained on. A decoder's sequence form is written once against
 * `Operations`; an `Engine` gives it values and gradients. Two engines: wasm (our kernels, the default) and tfjs
 * (TensorFlow.js, an independent automatic differentiation and so the oracle for ours).
 *
 * Tensors are float32, row-major; sequences are time-major: [time, batch, features].
 */
import type { BatchNormTensors } from './batch-norm.ts';
import type { S4dTensors } from './s4d.ts';
import type { SpikingNeuron } from './spiking-neuron.ts';
import type { Tensor } from './tensor.ts';

export type { Tensor };

export interface Operations {
  /** Data that changes from run to run and needs no gradient. */
  input(name: string, shape: readonly number[]): Tensor;
  /** A learned tensor. */
  parameter(name: string, shape: readonly number[]): Tensor;
  /** y = x W^T + b. x [..., I], weight [O, I], bias [O] -> [..., O] */
  linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor;
  /**
   * A GRU layer over time from a zero state, PyTorch's equations (docs/decoders.md).
   * @param gateInputs [T, B, 3H], W_ih x + b_ih, rows r, z, n
   * @param weightHh [3H, H]
   * @param biasHh [3H]
   * @returns hidden states [T, B, H]
   */
  gruScan(gateInputs: Tensor, weightHh: Tensor, biasHh: Tensor): Tensor;
  /** y_t = mu x_t + (1 - mu) x_{t-1}, x_{-1} = 0. x [T, B, F], mu [F] */
  shiftMix(x: Tensor, mu: Tensor): Tensor;
  /**
   * RWKV-4's weighted average over time (docs/decoders.md), stable for keys of any size: with w = -exp(decay),
   * wkv_t = (A + exp(first + k_t) v_t) / (B + exp(first + k_t)); then A <- exp(w) A + exp(k_t) v_t, B <- exp(w) B + exp(k_t).
   * key, value [T, B, F], decay, first [F] -> [T, B, F]
   */
  wkvScan(key: Tensor, value: Tensor, decay: Tensor, first: Tensor): Tensor;
  /**
   * Causal attention of every bin to itself and the windowBins - 1 bins before it, heads side by side:
   * softmax(q k^T / sqrt(headWidth)) v, with q and k turned by their time (rotary.ts), which counts from 0.
   * @param qkv [T, B, 3E], q, k, v; headCount divides E into heads of an even width
   * @returns [T, B, E]
   */
  bandedAttention(qkv: Tensor, headCount: number, windowBins: number): Tensor;
  /**
   * Causal depthwise convolution over time: y[t, b, f] = bias[f] + sum over k of weight[f, 0, k] x[t - K + 1 + k, b, f],
   * zeros before the first step. x [T, B, F], weight [F, 1, K] (PyTorch's conv1d), bias [F]
   */
  causalConv(x: Tensor, weight: Tensor, bias: Tensor): Tensor;
  /**
   * Mamba's selective state space over time, from a zero state: h <- exp(dt A) h + dt x b, y = c . h + skip x,
   * A = -exp(aLog), for every feature F states of its own.
   * @param x [T, B, F]
   * @param dt [T, B, F], not negative
   * @param aLog [F, N]
   * @param b [T, B, N]
   * @param c [T, B, N]
   * @param skip [F]
   * @returns [T, B, F]
   */
  selectiveScan(x: Tensor, dt: Tensor, aLog: Tensor, b: Tensor, c: Tensor, skip: Tensor): Tensor;
  /**
   * Zeroes elements with probability `rate` and scales the rest by 1 / (1 - rate); the identity when the program
   * does not train. The mask is hash32(seed + salt, step, global element index): the same for any thread count.
   * x [T, B, F]
   */
  dropout(x: Tensor, rate: number, salt: number): Tensor;
  /** Over the features: gain (x - mean) / sqrt(variance + NORM_EPSILON) + bias. x [..., F], gain, bias [F] */
  layerNorm(x: Tensor, gain: Tensor, bias: Tensor): Tensor;
  /** Over the features: gain x / sqrt(mean x^2 + NORM_EPSILON). x [..., F], gain [F] */
  rmsNorm(x: Tensor, gain: Tensor): Tensor;
  /** Over time and batch, by running statistics when the program does not train: batch-norm.ts. x [T, B, F] */
  batchNorm(x: Tensor, tensors: BatchNormTensors): Tensor;
  /** The first half of the features times the sigmoid of the second. x [..., 2F] -> [..., F] */
  glu(x: Tensor): Tensor;
  /** One diagonal state space model per channel, from a zero state: s4d.ts. u [T, B, H] -> y [T, B, H] */
  s4dScan(u: Tensor, tensors: S4dTensors): Tensor;
  /** Spikes of neurons over time, with a surrogate gradient: spiking-neuron.ts. y [T, B, H], lnVth [H] -> s [T, B, H] */
  spikingScan(y: Tensor, lnVth: Tensor, neuron: SpikingNeuron): Tensor;
  /**
   * Scalar: weight / B times the sum over the batch of (rate - targetRate)^2, where a row's rate is the mean of s over
   * time and channels. Rows count one by one, so that parts of a batch add up: the square of the batch's rate would not.
   * s [T, B, H]
   */
  spikeRatePenalty(s: Tensor, targetRate: number, weight: number): Tensor;
  /** Sequences side by side: [T, B1, F], [T, B2, F], ... -> [T, B1 + B2 + ..., F]. */
  joinBatch(tensors: readonly Tensor[]): Tensor;
  /** Features [start, start + count) of x. */
  slice(x: Tensor, start: number, count: number): Tensor;
  sigmoid(x: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  /** x sigmoid(x) */
  silu(x: Tensor): Tensor;
  /** x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
  gelu(x: Tensor): Tensor;
  /** log(1 + exp(x)) */
  softplus(x: Tensor): Tensor;
  /** max(0, x)^2 */
  squaredRelu(x: Tensor): Tensor;
  /** Elementwise, equal shapes. */
  add(a: Tensor, b: Tensor): Tensor;
  /** Elementwise, equal shapes. */
  multiply(a: Tensor, b: Tensor): Tensor;
  /**
   * Scalar: sum over t, b, o of weight[t] (prediction - target)^2 / (B O sum(weight)). The batch in the
   * denominator is the global one when a batch is split over threads.
   * prediction, target [T, B, O], weight [T]
   */
  squaredError(prediction: Tensor, target: Tensor, weight: Tensor): Tensor;
}

/** Of both norms, as PyTorch's default for layer norm. */
export const NORM_EPSILON = 1e-5;

/** What the computation is built from: losses whose sum is to be minimised, and tensors to read. */
export interface Built {
  losses: readonly Tensor[];
  outputs: Readonly<Record<string, Tensor>>;
}

export interface CompileOptions {
  /** Seed of dropout masks. */
  seed: number;
  /** The part of the batch this program computes: rows [start, start + B) of `globalCount`. Default: all of it. */
  batch?: { start: number; globalCount: number };
}

export interface Engine {
  readonly name: string;
  compile(build: (operations: Operations) => Built, options: CompileOptions): Program;
}

/** A compiled computation. Sizes are fixed; a run allocates nothing on the wasm engine. */
export interface Program {
  readonly parameterNames: readonly string[];
  /** Sets an input or a parameter; the length must fit. */
  write(name: string, values: Float32Array): void;
  /** Forward only, dropout off. Returns the loss. */
  evaluate(): number;
  /** Forward and backward, dropout on with the masks of this step. Returns the loss. */
  run(step: number): number;
  /** Copies an output or a parameter. */
  read(name: string): Float32Array;
  /** Gradient of the loss by a parameter, of the last run. A view on the wasm engine: copy to keep. */
  gradient(name: string): Float32Array;
  dispose(): void;
}
