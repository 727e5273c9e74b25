/** Decoders that are trained by gradient, to time, with random weights: speed does not depend on what was learned. */
import { Rng } from '../core/rng.ts';
import type { DecoderKind, Model } from '../decoders/decoder.ts';
import { gru } from '../decoders/gru/index.ts';
import { quantiseModel } from '../decoders/quantise-model.ts';
import { decoderKinds } from '../decoders/registry.ts';
import type { BenchSubject, LatencyBenchOptions } from './latency.ts';

const OUTPUT_COUNT = 2;
/** Of the other kinds, in their default two layers: the size that targets are stated for. */
const WIDTH = 128;

/** GRUs of the sizes asked for, and every other kind at one size, in float32 and in int8. */
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
  { inputCount, seed }: LatencyBenchOptions,
): BenchSubject[] {
  const config = kind.configSchema.parse(settings);
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
  return [model, quantiseModel(model)].map((candidate) => ({ kind, size, model: candidate }));
}
