/** Models whose core stands behind a read-in. */
import { Rng } from '../../src/core/rng.ts';
import type { DecoderKind, DecoderShape, Model, ReadIn, SessionReadIn } from '../../src/decoders/decoder.ts';
import { randomModel } from './decoder-models.ts';

/** The same as `randomModel`, but that its core takes `latentCount` inputs. */
export function readInModel(
  kind: DecoderKind,
  shape: DecoderShape,
  config: Model['config'],
  seed: number,
  latentCount = 7,
): Model {
  const channels = randomModel(kind, shape, config, seed);
  const core = randomModel(kind, { ...shape, inputCount: latentCount }, config, seed);
  return {
    ...channels,
    tensors: core.tensors,
    readIn: randomReadIn(latentCount, shape.inputCount, seed + 1),
  };
}

export function randomReadIn(latentCount: number, inputCount: number, seed: number): ReadIn {
  const rng = new Rng(seed);
  const draw = (count: number, spread: number): Float32Array =>
    Float32Array.from({ length: count }, () => rng.normal(0, spread));
  return {
    weight: {
      shape: [latentCount, inputCount],
      data: draw(latentCount * inputCount, 1 / Math.sqrt(inputCount)),
    },
    bias: { shape: [latentCount], data: draw(latentCount, 0.3) },
  };
}

export function randomSession(
  name: string,
  channelCount: number,
  latentCount: number,
  seed: number,
): SessionReadIn {
  const rng = new Rng(seed);
  const draw = (): Float32Array => Float32Array.from({ length: channelCount }, () => rng.uniform(0.1, 2));
  return {
    name,
    channelLabels: Array.from({ length: channelCount }, (_, i) => `${name} ${i}`),
    featureMean: draw(),
    featureScale: draw(),
    readIn: randomReadIn(latentCount, channelCount, seed),
  };
}
