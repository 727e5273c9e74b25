/**
 * Decoders that are trained by gradient, to time, with random weights: speed does not depend on what was learned, but for
 * spikes, each of which costs time: thresholds are set so that neurons fire as often as is asked for.
 */
import { BetzError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import type { DecoderKind, Model } from '../decoders/decoder.ts';
import { gru } from '../decoders/gru/index.ts';
import { parseConfig } from '../decoders/parse-config.ts';
import { quantiseModel } from '../decoders/quantise-model.ts';
import { decoderKinds } from '../decoders/registry.ts';
import { spikingSsm } from '../decoders/spiking-ssm/index.ts';
import { layerNames, spikingSsmConfigSchema } from '../decoders/spiking-ssm/spiking-ssm.ts';
import { loadKernels } from '../host/load-kernels.ts';
import { simulatedCounts } from './latency.ts';
import type { BenchSubject, LatencyBenchOptions } from './latency.ts';

const OUTPUT_COUNT = 2;
/** Of the other kinds, in their default two layers: the size that targets are stated for. */
const WIDTH = 128;
/** Of the search for thresholds: halvings of the range of their logarithm, and bins that a rate is counted over. */
const THRESHOLD_HALVINGS = 10;
const LN_THRESHOLD_MAX = 4;
const RATE_BINS = 256;
const RATE_TOLERANCE = 0.02;

/**
 * GRUs of the sizes asked for, and every other kind at one size, in float32 and in int8.
 * @throws BetzError DEC_CONFIG_INVALID, CFG_SPIKE_RATE
 */
export function gradientSubjects(options: LatencyBenchOptions): BenchSubject[] {
  const { inputCount, hiddenCounts } = options;
  const others = decoderKinds.filter((kind) => kind.training === 'gradient' && kind !== gru);
  return [
    ...hiddenCounts.flatMap((hiddenCount) =>
      precisions(gru, `${inputCount}-${hiddenCount}`, { hiddenCount }, options),
    ),
    ...others.flatMap((kind) => precisions(kind, `${inputCount}-${WIDTH}`, { width: WIDTH }, options)),
  ];
}

function precisions(
  kind: DecoderKind,
  size: string,
  settings: Record<string, unknown>,
  options: LatencyBenchOptions,
): BenchSubject[] {
  const { inputCount, seed } = options;
  const config = parseConfig(kind, settings);
  const shape = { inputCount, outputCount: OUTPUT_COUNT };
  const model: Model = {
    kind: kind.name,
    config,
    shape,
    tensors: kind.initialise(config, shape, new Rng(seed)),
    normalisation: {
      featureMean: new Float32Array(inputCount).fill(0.2),
      featureScale: new Float32Array(inputCount).fill(2),
      outputMean: new Float32Array(OUTPUT_COUNT),
      outputScale: new Float32Array(OUTPUT_COUNT).fill(1),
    },
    features: { name: 'spikeCounts', smoothing: 0, channelLabels: [] },
    output: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
    binMs: 10,
    provenance: {},
  };
  if (kind === spikingSsm) setSpikeRate(model, options);
  return [model, quantiseModel(model)].map((candidate) => ({ kind, size, model: candidate }));
}

/** Sets the thresholds of a spiking decoder, all to one value. @throws BetzError CFG_SPIKE_RATE */
function setSpikeRate(model: Model, { inputCount, seed, spikeRate }: LatencyBenchOptions): void {
  const { layerCount } = spikingSsmConfigSchema.parse(model.config);
  const rows = simulatedCounts(inputCount, RATE_BINS, seed);
  const output = new Float32Array(OUTPUT_COUNT);
  let [low, high] = [-LN_THRESHOLD_MAX, LN_THRESHOLD_MAX];
  let reached = 0;
  for (let halving = 0; halving < THRESHOLD_HALVINGS; halving++) {
    const lnThreshold = (low + high) / 2;
    for (let layer = 0; layer < layerCount; layer++)
      model.tensors[layerNames(layer).lnVth].data.fill(lnThreshold);
    const decoder = spikingSsm.createDecoder(model, loadKernels());
    for (const row of rows) decoder.step(row, output);
    reached = decoder.spikeRate ?? 0;
    if (reached > spikeRate) low = lnThreshold;
    else high = lnThreshold;
  }
  if (Math.abs(reached - spikeRate) <= RATE_TOLERANCE) return;
  throw new BetzError('CFG_SPIKE_RATE', 'neurons cannot be made to fire that often', {
    value: spikeRate,
    tip: `With random weights ${reached.toFixed(2)} spikes per neuron and bin are the closest: give a rate up to about 0.4.`,
  });
}
