/** The decoder in plain loops in float64, from raw features: the specification of the streaming step. */
import { NORM_EPSILON } from '../../tensor/engine.ts';
import type { Model } from '../decoder.ts';
import { affine, logistic, referenceOutputs } from '../shared/reference-math.ts';
import { layerNames, spikingSsmConfigSchema } from './spiking-ssm.ts';
import type { LayerNames, SpikingSsmConfig } from './spiking-ssm.ts';

type Step = (x: Float64Array) => Float64Array;

/** @returns [binCount x outputCount] */
export function spikingSsmReference(model: Model, features: Float32Array, binCount: number): Float32Array {
  const config = spikingSsmConfigSchema.parse(model.config);
  const { tensors } = model;
  const layers = Array.from({ length: config.layerCount }, (_, layer) => {
    const names = layerNames(layer);
    const stateSpace = referenceStateSpace(model, config, names);
    const neurons = referenceNeurons(model, config, names);
    return (x: Float64Array): Float64Array => {
      const m = affine(tensors[names.mixWeight], tensors[names.mixBias], neurons(stateSpace(x))); // [2H]
      const [gain, bias, mean, variance] = [
        names.gain,
        names.bias,
        names.runningMean,
        names.runningVariance,
      ].map((name) => tensors[name].data);
      return x.map((value, i) => {
        const sum = value + m[i] * logistic(m[config.width + i]);
        return (gain[i] * (sum - mean[i])) / Math.sqrt(variance[i] + NORM_EPSILON) + bias[i];
      });
    };
  });
  return referenceOutputs(model, features, binCount, (input) => {
    let x = affine(tensors['embedding.weight'], tensors['embedding.bias'], input);
    for (const layer of layers) x = layer(x);
    return affine(tensors['readout.weight'], tensors['readout.bias'], x);
  });
}

/** y [H] of u [H], states kept inside. */
function referenceStateSpace(model: Model, { width, stateCount }: SpikingSsmConfig, names: LayerNames): Step {
  const [logDt, logAReal, aImag, c, d] = [names.logDt, names.logAReal, names.aImag, names.c, names.d].map(
    (name) => model.tensors[name].data,
  );
  const pairs = stateCount / 2;
  const [hReal, hImag] = [new Float64Array(width * pairs), new Float64Array(width * pairs)];
  return (u) =>
    u.map((input, channel) => {
      const dt = Math.exp(logDt[channel]);
      let y = d[channel] * input;
      for (let at = channel * pairs; at < (channel + 1) * pairs; at++) {
        const [real, imag] = [-Math.exp(logAReal[at]), aImag[at]]; // lambda
        const [size, angle] = [Math.exp(dt * real), dt * imag];
        const [aReal, aImaginary] = [size * Math.cos(angle), size * Math.sin(angle)];
        const next = aReal * hReal[at] - aImaginary * hImag[at] + input;
        hImag[at] = aReal * hImag[at] + aImaginary * hReal[at];
        hReal[at] = next;
        // 2 Re(C (a - 1) / lambda h)
        const square = real * real + imag * imag;
        const eReal = ((aReal - 1) * real + aImaginary * imag) / square;
        const eImag = (aImaginary * real - (aReal - 1) * imag) / square;
        const fReal = c[2 * at] * eReal - c[2 * at + 1] * eImag;
        const fImag = c[2 * at] * eImag + c[2 * at + 1] * eReal;
        y += 2 * (fReal * hReal[at] - fImag * hImag[at]);
      }
      return y;
    });
}

/** s [H] of y [H], membranes and traces kept inside. */
function referenceNeurons(model: Model, config: SpikingSsmConfig, names: LayerNames): Step {
  const { width, neuron, membraneDecay, traceDecay, adaptation, levelCount } = config;
  const { tensors } = model;
  const lnVth = tensors[names.lnVth].data;
  const v = new Float64Array(width);
  const trace = new Float64Array(width); // r of `refractory`, a of `alif`
  return (y) =>
    y.map((drive, i) => {
      v[i] = membraneDecay * v[i] + Math.exp(-lnVth[i]) * drive;
      switch (neuron) {
        case 'lif': {
          const s = fire(v[i], 1);
          if (s === 1) v[i] = 0;
          return s;
        }
        case 'refractory': {
          v[i] -= Math.exp(tensors[names.lnMagnitude].data[i]) * trace[i];
          const s = fire(v[i], 1);
          trace[i] = traceDecay * trace[i] + s;
          return s;
        }
        case 'alif': {
          const s = fire(v[i], 1 + adaptation * trace[i]);
          if (s === 1) v[i] = 0;
          trace[i] = Math.exp(-Math.exp(-tensors[names.lnRho].data[i])) * trace[i] + s;
          return s;
        }
        case 'ilif': {
          const k = Math.floor(Math.max(0, Math.min(v[i], levelCount)) + 0.5);
          v[i] -= k;
          return k / levelCount;
        }
      }
    });
}

/** NaN where the membrane is, so that a fault shows. */
function fire(membrane: number, threshold: number): number {
  if (Number.isNaN(membrane)) return membrane;
  return membrane >= threshold ? 1 : 0;
}
