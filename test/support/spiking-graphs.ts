/** Computations with the operations of spiking decoders. */
import type { SpikingNeuron, Surrogate } from '../../src/tensor/spiking-neuron.ts';
import type { Graph, Named } from './graph.ts';

/** Time, batch, channels, states: odd sizes; more channels than one block of the kernels. */
const [T, B, H, N] = [5, 3, 18, 3];

const SURROGATE_GRADIENT =
  'the loss is a step function of what lies before a spike, and its gradient a surrogate: see the tests of the kernels';
const OWN_STATISTICS = 'every part of a batch is normalised by its own statistics';

const STATE_SPACE = { logDt: [H], logAReal: [H, N], aImag: [H, N], c: [H, N, 2], d: [H] };
const NORM = { gain: [H], bias: [H], runningMean: [H], runningVariance: [H] };
const STATISTICS = ['runningMean', 'runningVariance'];

const stateSpaceOf = ({ logDt, logAReal, aImag, c, d }: Named) => ({ logDt, logAReal, aImag, c, d });
const normOf = ({ gain, bias, runningMean, runningVariance }: Named) => ({
  gain,
  bias,
  runningMean,
  runningVariance,
});

const SURROGATES: readonly Surrogate[] = [
  { shape: 'triangular', sharpness: 1 },
  { shape: 'dspike', sharpness: 3 },
  { shape: 'fastSigmoid', sharpness: 5 },
];

function neuronGraph(
  name: string,
  own: readonly string[],
  neuronOf: (tensors: Named) => SpikingNeuron,
): Graph[] {
  const parameters = { lnVth: [H], ...Object.fromEntries(own.map((parameter) => [parameter, [H]])) };
  return [
    {
      name: `${name}, of data`,
      inputs: { x: [T, B, H] },
      parameters: { ...parameters },
      predict: (ops, tensors) => ops.spikingScan(tensors['x'], tensors['lnVth'], neuronOf(tensors)),
      exempt: { differences: SURROGATE_GRADIENT },
    },
    {
      name: `${name}, two scans of one tensor that share parameters`,
      inputs: { x: [T, B, H] },
      parameters: { ...parameters, y: [T, B, H] },
      predict: (ops, tensors) => {
        const { x, y, lnVth } = tensors;
        const sum = ops.add(ops.add(x, x), ops.add(y, y));
        const spikes = ops.spikingScan(sum, lnVth, neuronOf(tensors));
        return ops.add(ops.spikingScan(ops.add(spikes, sum), lnVth, neuronOf(tensors)), ops.tanh(sum));
      },
      exempt: { differences: SURROGATE_GRADIENT, parts: 'y is a parameter with a batch' },
    },
  ];
}

export const SPIKING_GRAPHS: readonly Graph[] = [
  {
    name: 'S4D scan, by its input too',
    inputs: {},
    parameters: { u: [T, B, H], ...STATE_SPACE },
    predict: (ops, tensors) => ops.s4dScan(tensors['u'], stateSpaceOf(tensors)),
  },
  {
    name: 'S4D scans of data, sharing parameters, and one state',
    inputs: { x: [T, B, H] },
    parameters: { ...STATE_SPACE, one: [H, 1], two: [H, 1, 2] },
    predict: (ops, tensors) => {
      const model = stateSpaceOf(tensors);
      const { x, one, two } = tensors;
      const once = ops.s4dScan(x, model);
      const narrow = ops.s4dScan(x, { ...model, logAReal: one, aImag: one, c: two });
      return ops.add(ops.add(once, narrow), ops.s4dScan(ops.tanh(once), model));
    },
  },
  {
    name: 'gated linear unit, of a tensor used twice',
    inputs: {},
    parameters: { x: [T, B, H] },
    predict: (ops, { x }) => ops.add(ops.glu(x), ops.slice(x, 3, H / 2)),
  },
  {
    name: 'gated linear unit of data',
    inputs: { x: [T, B, H] },
    parameters: { w: [H, H] },
    predict: (ops, { x, w }) => ops.add(ops.glu(x), ops.glu(ops.linear(x, w))),
  },
  {
    name: 'batch norm, of a tensor used twice',
    inputs: {},
    parameters: { x: [T, B, H], ...NORM },
    predict: (ops, tensors) => {
      const { x } = tensors;
      return ops.add(ops.batchNorm(x, normOf(tensors)), ops.multiply(x, x));
    },
    statistics: STATISTICS,
  },
  {
    name: 'batch norm of data, shared parameters',
    inputs: { x: [T, B, H] },
    parameters: NORM,
    predict: (ops, tensors) => {
      const { x } = tensors;
      const once = ops.batchNorm(x, normOf(tensors));
      return ops.add(ops.tanh(once), ops.batchNorm(ops.multiply(x, x), normOf(tensors)));
    },
    statistics: STATISTICS,
    exempt: { parts: OWN_STATISTICS },
  },
  {
    name: 'spike rate penalty', // of a smooth function, so that differences hold
    inputs: { x: [T, B, H] },
    parameters: { w: [H, H] },
    predict: (ops, { x, w }) => ops.sigmoid(ops.linear(x, w)),
    penalise: (ops, { x, w }) => {
      const rate = ops.sigmoid(ops.linear(x, w));
      return ops.spikeRatePenalty(ops.multiply(rate, rate), 0.15, 3);
    },
  },
  ...SURROGATES.flatMap((surrogate) => [
    ...neuronGraph(`lif neurons, ${surrogate.shape}`, [], () => ({ type: 'lif', decay: 0.375, surrogate })),
    ...neuronGraph(`refractory neurons, ${surrogate.shape}`, ['lnMagnitude'], ({ lnMagnitude }) => ({
      type: 'refractory',
      decay: 0.375,
      traceDecay: 0.75,
      lnMagnitude,
      surrogate,
    })),
    ...neuronGraph(`alif neurons, ${surrogate.shape}`, ['lnRho'], ({ lnRho }) => ({
      type: 'alif',
      decay: 0.375,
      adaptation: 0.5,
      lnRho,
      surrogate,
    })),
  ]),
  ...neuronGraph('integer neurons', [], () => ({ type: 'ilif', decay: 0.375, levelCount: 3 })),
];
