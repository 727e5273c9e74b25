/** Random but valid models of any kind, and random spike counts to decode. */
import type { BinnedRecording } from '../../src/core/recording.ts';
import { Rng } from '../../src/core/rng.ts';
import type { DecoderKind, DecoderShape, Model, TensorData, Tensors } from '../../src/decoders/decoder.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';

/** @param config completed with the kind's defaults */
export function randomModel(
  kind: DecoderKind,
  shape: DecoderShape,
  config: Model['config'],
  seed: number,
): Model {
  const rng = new Rng(seed);
  const parsed = kind.configSchema.parse(config);
  return {
    kind: kind.name,
    config: parsed,
    shape,
    tensors: randomTensors(kind, shape, parsed, rng),
    normalisation: {
      featureMean: filled(shape.inputCount, () => rng.uniform(0.1, 1)),
      // The third channel was silent in calibration.
      featureScale: filled(shape.inputCount, (i) => (i === 2 ? 0 : rng.uniform(0.5, 2))),
      outputMean: filled(shape.outputCount, () => rng.normal()),
      outputScale: filled(shape.outputCount, () => rng.uniform(0.1, 5)),
    },
    features: {
      name: 'spikeCounts',
      smoothing: 0.5,
      channelLabels: Array.from({ length: shape.inputCount }, (_, i) => `ch${i}`),
    },
    output: {
      name: 'handVelocity',
      labels: Array.from({ length: shape.outputCount }, (_, i) => `d${i}`),
      unit: 'm/s',
    },
    binMs: 20,
    provenance: { seed },
  };
}

/**
 * The same with noise added to every tensor: no matrix of it is zero and no gain one, as some kinds begin training with,
 * so that every part shows in the output.
 */
export function shakenModel(
  kind: DecoderKind,
  shape: DecoderShape,
  config: Model['config'],
  seed: number,
): Model {
  const model = randomModel(kind, shape, config, seed);
  const rng = new Rng(seed + 1);
  const shaken = Object.entries(model.tensors).map(([name, { shape: size, data }]) => {
    const spread = size.length > 1 ? 0.5 / Math.sqrt(data.length / size[0]) : 0.1;
    return [name, { shape: size, data: data.map((value) => value + rng.normal(0, spread)) }] as const;
  });
  return { ...model, tensors: Object.fromEntries(shaken) };
}

/** A GRU of random weights that decodes such a recording, badly: any calibration is better. */
export function untrainedFor(recording: BinnedRecording, hiddenCount = 32): Model {
  const { name, labels, unit } = recording.target;
  const shape = { inputCount: recording.channels.length, outputCount: labels.length };
  return {
    ...shakenModel(findDecoderKind('gru'), shape, { hiddenCount }, 1),
    binMs: recording.binMs,
    features: {
      name: 'spikeCounts',
      smoothing: 0,
      channelLabels: recording.channels.map(({ label }) => label),
    },
    output: { name, labels, unit },
  };
}

/** Outputs as before, but the loss of a training by gradient overflows. */
export function withHugeReadout(model: Model): Model {
  const factor = 1e22;
  const { tensors, normalisation } = model;
  const grown = ['readout.weight', 'readout.bias'].map((name) => {
    const { shape, data } = tensors[name];
    return [name, { shape, data: data.map((value) => value * factor) }] as const;
  });
  return {
    ...model,
    tensors: { ...tensors, ...Object.fromEntries(grown) },
    normalisation: {
      ...normalisation,
      outputScale: normalisation.outputScale.map((scale) => scale / factor),
    },
  };
}

/** [binCount x inputCount] Poisson counts, most of them zero. */
export function randomCounts(binCount: number, inputCount: number, seed: number): Float32Array {
  const rng = new Rng(seed);
  return filled(binCount * inputCount, () => rng.poisson(0.4));
}

/** A random covariance matrix, [size x size], with variances near `scale`. */
export function randomCovariance(size: number, scale: number, rng: Rng): TensorData {
  const root = filled(size * size, () => rng.normal());
  const data = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = i === j ? size : 0;
      for (let l = 0; l < size; l++) sum += root[i * size + l] * root[j * size + l];
      data[i * size + j] = (scale * sum) / (2 * size);
    }
  }
  return { shape: [size, size], data };
}

function randomTensors(kind: DecoderKind, shape: DecoderShape, config: Model['config'], rng: Rng): Tensors {
  if (kind.training === 'gradient') return withoutZeros(kind.initialise(config, shape, rng), rng);
  if (kind.name === 'kalman') return randomKalman(kind, shape, config, rng);
  const tensors: Record<string, TensorData> = {};
  for (const spec of kind.parameters(config, shape)) {
    const size = spec.shape.reduce((product, n) => product * n, 1);
    const spread = 1 / Math.sqrt(size / spec.shape[0]); // outputs of order one
    tensors[spec.name] = { shape: spec.shape, data: filled(size, () => rng.normal(0, spread)) };
  }
  return tensors;
}

/** Tensors that training starts at zero would hide what they are multiplied with: those get random numbers. */
function withoutZeros(tensors: Tensors, rng: Rng): Tensors {
  const replaced = Object.entries(tensors).map(([name, { shape, data }]): [string, TensorData] => {
    if (data.some((value) => value !== 0)) return [name, { shape, data }];
    const spread = shape.length > 1 ? 1 / Math.sqrt(data.length / shape[0]) : 0.1;
    return [name, { shape, data: filled(data.length, () => rng.normal(0, spread)) }];
  });
  return Object.fromEntries(replaced);
}

/** A stable filter: states decay, and every noise is a covariance. */
function randomKalman(kind: DecoderKind, shape: DecoderShape, config: Model['config'], rng: Rng): Tensors {
  const sizes = new Map(kind.parameters(config, shape).map((spec) => [spec.name, spec.shape]));
  const k = sizes.get('A')![0];
  const n = shape.inputCount;
  const matrix = (rows: number, cols: number, draw: (i: number) => number): TensorData => ({
    shape: [rows, cols],
    data: filled(rows * cols, draw),
  });
  const vector = (size: number, spread: number): TensorData => ({
    shape: [size],
    data: filled(size, () => rng.normal(0, spread)),
  });
  return {
    A: matrix(k, k, (i) => (i % (k + 1) === 0 ? rng.uniform(0.7, 0.95) : rng.normal(0, 0.05 / k))),
    b: vector(k, 0.05),
    Q: randomCovariance(k, 0.1, rng),
    C: matrix(n, k, () => rng.normal(0, 0.3)),
    d: vector(n, 0.1),
    R: randomCovariance(n, 1, rng),
    P0: randomCovariance(k, 1, rng),
  };
}

function filled(length: number, draw: (index: number) => number): Float32Array {
  return Float32Array.from({ length }, (_, i) => draw(i));
}
