/**
 * Operations as TensorFlow.js computes them. Recording gives each tensor a shape and a function of earlier values;
 * a run evaluates them in order. Gradients are TensorFlow's own: nothing here differentiates.
 */
import type { Tensor as Value, Variable } from '@tensorflow/tfjs-core';
import { assert } from '../../core/errors.ts';
import { hash32 } from '../../core/rng.ts';
import { assertBatchNormShapes } from '../batch-norm.ts';
import type { BatchNormTensors } from '../batch-norm.ts';
import { NORM_EPSILON } from '../engine.ts';
import type { CompileOptions, Operations, Tensor } from '../engine.ts';
import { bandedAttention } from './banded-attention.ts';
import { shiftMixValue, wkvScanValue } from './rwkv.ts';
import { causalConvValue } from './causal-conv.ts';
import { selectiveScanValue } from './selective-scan.ts';
import { assertS4dShapes } from '../s4d.ts';
import type { S4dTensors } from '../s4d.ts';
import { assertNeuronShapes } from '../spiking-neuron.ts';
import type { SpikingNeuron } from '../spiking-neuron.ts';
import { batchNormByBatch, batchNormByRunning } from './batch-norm.ts';
import { s4dScanValues } from './s4d-scan.ts';
import { spikingScanValues } from './spiking-scan.ts';
import type { Tensorflow } from './tensorflow.ts';

/** What a run knows beyond the values: dropout needs it. */
interface Run {
  isTraining: boolean;
  step: number;
}

/** Computes a tensor from those before it. */
type Formula = (run: Run) => Value;

interface Recorded extends Tensor {
  formula: Formula;
}

export class TfjsOperations implements Operations {
  readonly inputs = new Map<string, Value>();
  readonly parameters = new Map<string, Variable>();
  private readonly tf: Tensorflow;
  private readonly options: CompileOptions;
  private readonly list: Recorded[] = [];
  /** Of the run that is going on. */
  private readonly values = new Map<Tensor, Value>();

  constructor(tf: Tensorflow, options: CompileOptions) {
    this.tf = tf;
    this.options = options;
  }

  /** Evaluates everything recorded and hands the values to `take`; call it inside tf.tidy. */
  evaluate<T>(run: Run, take: (valueOf: (tensor: Tensor) => Value) => T): T {
    try {
      for (const recorded of this.list) this.values.set(recorded, recorded.formula(run));
      return take((tensor) => this.valueOf(tensor));
    } finally {
      this.values.clear();
    }
  }

  input(name: string, shape: readonly number[]): Tensor {
    this.setInput(name, this.tf.zeros([...shape]));
    return this.record(shape, () => present(this.inputs.get(name), name));
  }

  /** Takes the place of an input's value. */
  setInput(name: string, value: Value): void {
    this.inputs.get(name)?.dispose();
    this.inputs.set(name, value);
  }

  parameter(name: string, shape: readonly number[]): Tensor {
    const { tf } = this;
    const variable = tf.tidy(() => tf.variable(tf.zeros([...shape])));
    this.parameters.set(name, variable);
    return this.record(shape, () => variable);
  }

  linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
    const { tf } = this;
    const [outCount, inCount] = weight.shape;
    assert(x.shape.at(-1) === inCount, `linear: the weight takes ${inCount} inputs`);
    assert(bias === undefined || bias.shape.join() === `${outCount}`, 'linear: one bias per output');
    const shape = [...x.shape.slice(0, -1), outCount]; // [..., O]
    return this.record(shape, () => {
      const rows = tf.reshape(this.valueOf(x), [-1, inCount]);
      const product = tf.matMul(rows, this.valueOf(weight), false, true); // [rows, O]
      return tf.reshape(bias === undefined ? product : tf.add(product, this.valueOf(bias)), shape);
    });
  }

  gruScan(gateInputs: Tensor, weightHh: Tensor, biasHh: Tensor): Tensor {
    const { tf } = this;
    const [timeCount, batchCount, gateCount] = gateInputs.shape;
    const hiddenCount = gateCount / 3;
    assert(
      weightHh.shape.join() === `${gateCount},${hiddenCount}` && biasHh.shape.join() === `${gateCount}`,
      'gruScan: weight is [3H, H] and bias [3H]',
    );
    return this.record([timeCount, batchCount, hiddenCount], () => {
      let h: Value = tf.zeros([batchCount, hiddenCount]);
      const states = this.steps(gateInputs).map((gi) => {
        const gh = tf.add(tf.matMul(h, this.valueOf(weightHh), false, true), this.valueOf(biasHh)); // [B, 3H]
        const [inR, inZ, inN] = tf.split(gi, 3, 1); // [B, H] each
        const [hiddenR, hiddenZ, hiddenN] = tf.split(gh, 3, 1);
        const r = tf.sigmoid(tf.add(inR, hiddenR));
        const z = tf.sigmoid(tf.add(inZ, hiddenZ));
        const n = tf.tanh(tf.add(inN, tf.mul(r, hiddenN)));
        h = tf.add(tf.mul(tf.sub(1, z), n), tf.mul(z, h));
        return h;
      });
      return tf.stack(states);
    });
  }

  bandedAttention(qkv: Tensor, headCount: number, windowBins: number): Tensor {
    const [timeCount, batchCount, qkvWidth] = qkv.shape;
    const headWidth = qkvWidth / 3 / headCount;
    assert(headWidth % 2 === 0, 'bandedAttention: x is [T, B, 3E], and heads of an even width divide E');
    assert(windowBins >= 1, 'bandedAttention: a window holds one bin at least');
    return this.record([timeCount, batchCount, qkvWidth / 3], () =>
      bandedAttention(this.tf, this.valueOf(qkv), headCount, windowBins),
    );
  }

  shiftMix(x: Tensor, mu: Tensor): Tensor {
    assert(mu.shape.join() === `${x.shape[2]}`, 'shiftMix: one share per feature');
    return this.record(x.shape, () => shiftMixValue(this.tf, this.valueOf(x), this.valueOf(mu)));
  }

  wkvScan(key: Tensor, value: Tensor, decay: Tensor, first: Tensor): Tensor {
    assertSameShape(key, value);
    const width = `${key.shape[2]}`;
    assert(
      decay.shape.join() === width && first.shape.join() === width,
      'wkvScan: one decay and one first weight per feature',
    );
    const of = (tensor: Tensor): Value => this.valueOf(tensor);
    return this.record(key.shape, () => wkvScanValue(this.tf, of(key), of(value), of(decay), of(first)));
  }

  causalConv(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    const channelCount = x.shape[2];
    assert(
      weight.shape.length === 3 &&
        weight.shape[0] === channelCount &&
        weight.shape[1] === 1 &&
        bias.shape.join() === `${channelCount}`,
      'causalConv: weight is [F, 1, K] and bias [F]',
    );
    return this.record(x.shape, () =>
      causalConvValue(this.tf, this.valueOf(x), this.valueOf(weight), this.valueOf(bias)),
    );
  }

  selectiveScan(x: Tensor, dt: Tensor, aLog: Tensor, b: Tensor, c: Tensor, skip: Tensor): Tensor {
    assertSameShape(x, dt);
    assertSameShape(b, c);
    const [timeCount, batchCount, channelCount] = x.shape;
    const stateCount = b.shape[2];
    assert(
      b.shape.join() === `${timeCount},${batchCount},${stateCount}` &&
        aLog.shape.join() === `${channelCount},${stateCount}` &&
        skip.shape.join() === `${channelCount}`,
      'selectiveScan: b and c are [T, B, N], aLog is [F, N] and skip [F]',
    );
    return this.record(x.shape, () => {
      const [xs, dts, aLogs, bs, cs, skips] = [x, dt, aLog, b, c, skip].map((each) => this.valueOf(each));
      return selectiveScanValue(this.tf, xs, dts, aLogs, bs, cs, skips);
    });
  }

  dropout(x: Tensor, rate: number, salt: number): Tensor {
    const { tf } = this;
    const seed = this.options.seed + salt;
    return this.record(x.shape, ({ isTraining, step }) => {
      const value = this.valueOf(x);
      if (!isTraining) return value;
      return tf.mul(value, tf.tensor(this.dropoutMask(x.shape, rate, seed, step), [...x.shape]));
    });
  }

  layerNorm(x: Tensor, gain: Tensor, bias: Tensor): Tensor {
    const { tf } = this;
    const width = `${x.shape.at(-1) ?? 0}`;
    assert(
      gain.shape.join() === width && bias.shape.join() === width,
      'layerNorm: one gain and one bias per feature',
    );
    return this.record(x.shape, () => {
      const { mean, variance } = tf.moments(this.valueOf(x), -1, true);
      const centred = tf.sub(this.valueOf(x), mean);
      const normal = tf.div(centred, tf.sqrt(tf.add(variance, NORM_EPSILON)));
      return tf.add(tf.mul(normal, this.valueOf(gain)), this.valueOf(bias));
    });
  }

  rmsNorm(x: Tensor, gain: Tensor): Tensor {
    const { tf } = this;
    assert(gain.shape.join() === `${x.shape.at(-1) ?? 0}`, 'rmsNorm: one gain per feature');
    return this.record(x.shape, () => {
      const square = tf.mean(tf.square(this.valueOf(x)), -1, true);
      return tf.mul(tf.div(this.valueOf(x), tf.sqrt(tf.add(square, NORM_EPSILON))), this.valueOf(gain));
    });
  }

  batchNorm(x: Tensor, tensors: BatchNormTensors): Tensor {
    assertBatchNormShapes(x, tensors);
    const batchCount = x.shape[1];
    const share = batchCount / (this.options.batch?.globalCount ?? batchCount);
    return this.record(x.shape, ({ isTraining }) => {
      const values = this.valuesOf(tensors);
      if (!isTraining) return batchNormByRunning(this.tf, this.valueOf(x), values);
      return batchNormByBatch(this.tf, this.valueOf(x), values, share);
    });
  }

  glu(x: Tensor): Tensor {
    const { tf } = this;
    const width = x.shape.at(-1) ?? 0;
    assert(width > 0 && width % 2 === 0, 'glu: an even number of features');
    return this.record([...x.shape.slice(0, -1), width / 2], () => {
      const [value, gate] = tf.split(this.valueOf(x), 2, x.shape.length - 1);
      return tf.mul(value, tf.sigmoid(gate));
    });
  }

  s4dScan(u: Tensor, tensors: S4dTensors): Tensor {
    assertS4dShapes(u, tensors);
    return this.record(u.shape, () =>
      this.tf.stack(s4dScanValues(this.tf, this.steps(u), this.valuesOf(tensors))),
    );
  }

  spikingScan(y: Tensor, lnVth: Tensor, neuron: SpikingNeuron): Tensor {
    assertNeuronShapes(y, lnVth, neuron);
    return this.record(y.shape, () => {
      let own: Value | undefined;
      if (neuron.type === 'refractory') own = this.valueOf(neuron.lnMagnitude);
      if (neuron.type === 'alif') own = this.valueOf(neuron.lnRho);
      return this.tf.stack(spikingScanValues(this.tf, this.steps(y), this.valueOf(lnVth), neuron, own));
    });
  }

  spikeRatePenalty(s: Tensor, targetRate: number, weight: number): Tensor {
    const { tf } = this;
    const batchCount = s.shape[1];
    const globalCount = this.options.batch?.globalCount ?? batchCount;
    return this.record([], () => {
      const rates = tf.mean(this.valueOf(s), [0, 2]); // [B]
      return tf.mul(tf.sum(tf.square(tf.sub(rates, targetRate))), weight / globalCount);
    });
  }

  joinBatch(tensors: readonly Tensor[]): Tensor {
    const [timeCount, , width] = tensors[0].shape;
    const batchCount = tensors.reduce((sum, { shape }) => sum + shape[1], 0);
    return this.record([timeCount, batchCount, width], () =>
      this.tf.concat(
        tensors.map((tensor) => this.valueOf(tensor)),
        1,
      ),
    );
  }

  slice(x: Tensor, start: number, count: number): Tensor {
    const width = x.shape.at(-1) ?? 0;
    assert(start >= 0 && count > 0 && start + count <= width, 'slice: a block of the features');
    const leading = x.shape.slice(0, -1);
    return this.record([...leading, count], () =>
      this.tf.slice(this.valueOf(x), [...leading.map(() => 0), start], [...leading, count]),
    );
  }

  silu(x: Tensor): Tensor {
    return this.record(x.shape, () => this.tf.mul(this.valueOf(x), this.tf.sigmoid(this.valueOf(x))));
  }

  gelu(x: Tensor): Tensor {
    const { tf } = this;
    return this.record(x.shape, () => {
      const value = this.valueOf(x);
      const cube = tf.mul(tf.mul(value, tf.square(value)), 0.044715);
      const t = tf.tanh(tf.mul(tf.add(value, cube), Math.sqrt(2 / Math.PI)));
      return tf.mul(tf.mul(value, 0.5), tf.add(t, 1));
    });
  }

  softplus(x: Tensor): Tensor {
    return this.record(x.shape, () => this.tf.softplus(this.valueOf(x)));
  }

  squaredRelu(x: Tensor): Tensor {
    return this.record(x.shape, () => this.tf.square(this.tf.relu(this.valueOf(x))));
  }

  sigmoid(x: Tensor): Tensor {
    return this.record(x.shape, () => this.tf.sigmoid(this.valueOf(x)));
  }

  tanh(x: Tensor): Tensor {
    return this.record(x.shape, () => this.tf.tanh(this.valueOf(x)));
  }

  add(a: Tensor, b: Tensor): Tensor {
    assertSameShape(a, b);
    return this.record(a.shape, () => this.tf.add(this.valueOf(a), this.valueOf(b)));
  }

  multiply(a: Tensor, b: Tensor): Tensor {
    assertSameShape(a, b);
    return this.record(a.shape, () => this.tf.mul(this.valueOf(a), this.valueOf(b)));
  }

  squaredError(prediction: Tensor, target: Tensor, weight: Tensor): Tensor {
    const { tf } = this;
    assertSameShape(prediction, target);
    const [timeCount, batchCount, outCount] = prediction.shape;
    const globalCount = this.options.batch?.globalCount ?? batchCount;
    assert(weight.shape.join() === `${timeCount}`, 'squaredError: one weight per time step');
    return this.record([], () => {
      const weights = this.valueOf(weight);
      const errors = tf.squaredDifference(this.valueOf(prediction), this.valueOf(target));
      const sum = tf.sum(tf.mul(errors, tf.reshape(weights, [timeCount, 1, 1])));
      return tf.div(sum, tf.mul(tf.sum(weights), globalCount * outCount));
    });
  }

  dispose(): void {
    for (const value of [...this.inputs.values(), ...this.parameters.values()]) value.dispose();
  }

  /** 0 or 1 / (1 - rate) per element of [T, B, F]; the mask of a part of the batch is that part of the whole mask. */
  private dropoutMask(shape: readonly number[], rate: number, seed: number, step: number): Float32Array {
    const [timeCount, batchCount, featureCount] = shape;
    const { start, globalCount } = this.options.batch ?? { start: 0, globalCount: batchCount };
    const keepBelow = (1 - rate) * 2 ** 32;
    const mask = new Float32Array(timeCount * batchCount * featureCount);
    for (let at = 0; at < mask.length; at++) {
      const t = Math.floor(at / (batchCount * featureCount));
      const globalIndex = at + (t * (globalCount - batchCount) + start) * featureCount;
      mask[at] = hash32(seed, step, globalIndex) < keepBelow ? 1 / (1 - rate) : 0;
    }
    return mask;
  }

  private valuesOf<Name extends string>(tensors: Readonly<Record<Name, Tensor>>): Record<Name, Value> {
    const entries = Object.entries<Tensor>(tensors).map(([name, tensor]) => [name, this.valueOf(tensor)]);
    return Object.fromEntries(entries) as Record<Name, Value>;
  }

  /** x [T, ...] as T values [...]. */
  private steps(x: Tensor): Value[] {
    const value = this.valueOf(x);
    // TensorFlow.js 4.22 throws in the gradient of unstacking into one.
    return x.shape[0] === 1 ? [this.tf.reshape(value, x.shape.slice(1))] : this.tf.unstack(value);
  }

  private record(shape: readonly number[], formula: Formula): Tensor {
    const recorded = { shape, formula };
    this.list.push(recorded);
    return recorded;
  }

  private valueOf(tensor: Tensor): Value {
    return present(this.values.get(tensor), 'a tensor of another program');
  }
}

function assertSameShape(a: Tensor, b: Tensor): void {
  assert(a.shape.join() === b.shape.join(), `shapes differ: [${a.shape.join()}] and [${b.shape.join()}]`);
}

function present<T>(value: T | undefined, what: string): T {
  assert(value !== undefined, `no value for ${what}`);
  return value;
}
