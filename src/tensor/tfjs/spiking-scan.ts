/**
 * Spiking neurons over time in TensorFlow's operations; equations in ../spiking-neuron.ts. Only the step itself has a
 * gradient of our own making, the surrogate; everything around it is differentiated by TensorFlow.
 */
import type { GradSaveFunc, Tensor as Value } from '@tensorflow/tfjs-core';
import type { SpikingNeuron, Surrogate } from '../spiking-neuron.ts';
import type { Tensorflow } from './tensorflow.ts';

/**
 * @param steps [B, H] of each time
 * @param lnVth [H]
 * @param own [H] lnMagnitude or lnRho, where the neuron has one
 * @returns spikes [B, H] of each time
 */
export function spikingScanValues(
  tf: Tensorflow,
  steps: readonly Value[],
  lnVth: Value,
  neuron: SpikingNeuron,
  own: Value | undefined,
): Value[] {
  const gain = tf.exp(tf.neg(lnVth));
  const inputs = steps.map((y) => tf.mul(y, gain));
  const { decay } = neuron;
  const zero = tf.zeros(inputs[0].shape);
  let u: Value = zero; // after the reset
  switch (neuron.type) {
    case 'lif':
      return inputs.map((x) => {
        const membrane = tf.add(tf.mul(u, decay), x);
        const s = fire(tf, tf.sub(membrane, 1), neuron.surrogate);
        u = tf.mul(membrane, tf.sub(1, constant(tf, s)));
        return s;
      });
    case 'refractory': {
      const magnitude = tf.exp(own ?? zero);
      let r: Value = zero;
      return inputs.map((x) => {
        u = tf.sub(tf.add(tf.mul(u, decay), x), tf.mul(magnitude, r));
        const s = fire(tf, tf.sub(u, 1), neuron.surrogate);
        r = tf.add(tf.mul(r, neuron.traceDecay), constant(tf, s));
        return s;
      });
    }
    case 'alif': {
      const keep = tf.exp(tf.neg(tf.exp(tf.neg(own ?? zero)))); // exp(-1 / rho)
      let a: Value = zero;
      return inputs.map((x) => {
        const membrane = tf.add(tf.mul(u, decay), x);
        const threshold = tf.add(tf.mul(a, neuron.adaptation), 1);
        const s = fire(tf, tf.sub(membrane, threshold), neuron.surrogate);
        u = tf.mul(membrane, tf.sub(1, constant(tf, s)));
        a = tf.add(tf.mul(a, keep), s);
        return s;
      });
    }
    case 'ilif':
      return inputs.map((x) => {
        const membrane = tf.add(tf.mul(u, decay), x);
        const k = fireInteger(tf, membrane, neuron.levelCount);
        u = tf.sub(membrane, constant(tf, k));
        return tf.div(k, neuron.levelCount);
      });
  }
}

/** The value without its gradient. */
function constant(tf: Tensorflow, value: Value): Value {
  return withGradient(tf, value, tf.clone, (_, dy) => tf.zerosLike(dy));
}

/** 1 where x >= 0, with a surrogate gradient. */
function fire(tf: Tensorflow, x: Value, surrogate: Surrogate): Value {
  return withGradient(
    tf,
    x,
    (distance) => tf.cast(tf.greaterEqual(distance, 0), 'float32'),
    (distance, dy) => tf.mul(dy, slopeOf(tf, distance, surrogate)),
  );
}

/** floor(clip(x, 0, levelCount) + 1/2), straight through inside. */
function fireInteger(tf: Tensorflow, x: Value, levelCount: number): Value {
  return withGradient(
    tf,
    x,
    (u) => tf.floor(tf.add(tf.clipByValue(u, 0, levelCount), 0.5)),
    (u, dy) => {
      const isOpen = tf.logicalAnd(tf.greaterEqual(u, 0), tf.lessEqual(u, levelCount));
      return tf.mul(dy, tf.cast(isOpen, 'float32'));
    },
  );
}

/** A function of one value with a gradient of its own. @param backward from x and the gradient by the result */
function withGradient(
  tf: Tensorflow,
  x: Value,
  forward: (x: Value) => Value,
  backward: (x: Value, dy: Value) => Value,
): Value {
  return tf.customGrad((input, save) => {
    (save as GradSaveFunc)([input as Value]);
    return {
      value: forward(input as Value),
      gradFunc: (dy: Value, saved: Value[]) => backward(saved[0], dy),
    };
  })(x);
}

function slopeOf(tf: Tensorflow, x: Value, { shape, sharpness }: Surrogate): Value {
  const distance = tf.abs(x);
  switch (shape) {
    case 'triangular':
      return tf.maximum(tf.sub(1, distance), 0);
    case 'dspike': {
      const scale = sharpness / 2 / Math.tanh(sharpness / 2);
      const slope = tf.mul(tf.sub(1, tf.square(tf.tanh(tf.mul(x, sharpness)))), scale);
      return tf.mul(slope, tf.cast(tf.less(distance, 0.5), 'float32'));
    }
    case 'fastSigmoid':
      return tf.div(1, tf.square(tf.add(tf.mul(distance, sharpness), 1)));
  }
}
