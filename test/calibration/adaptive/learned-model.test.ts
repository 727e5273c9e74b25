/** A model with what was learned decodes as the decoder that learned it, once that learns no more. */
import { describe, expect, it } from 'vitest';
import { ADAPTATIONS, adaptationOptions } from '../../../src/calibration/adaptive/adaptations.ts';
import type { Adaptation } from '../../../src/calibration/adaptive/adaptations.ts';
import { AdaptiveDecoder } from '../../../src/calibration/adaptive/adaptive-decoder.ts';
import { learnedWays, mergeLearned } from '../../../src/calibration/adaptive/learned-model.ts';
import { withReadInStatistics } from '../../../src/calibration/hebbian/read-in-statistics.ts';
import type { DecoderKind, Model } from '../../../src/decoders/decoder.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { kalman } from '../../../src/decoders/kalman/index.ts';
import { mamba } from '../../../src/decoders/mamba/index.ts';
import { decodeModel, encodeModel } from '../../../src/decoders/model-file.ts';
import { quantiseModel } from '../../../src/decoders/quantise-model.ts';
import { wiener } from '../../../src/decoders/wiener/index.ts';
import { decode, makeKernels } from '../../compliance/decoder.ts';
import { randomCounts, randomModel, shakenModel } from '../../support/decoder-models.ts';
import { readInModel } from '../../support/read-in-models.ts';

const SHAPE = { inputCount: 9, outputCount: 2 };
const gruConfig = { hiddenCount: 8 };
const mambaConfig = { width: 8, layerCount: 1 };

function readIn(kind: DecoderKind, config: Model['config'], seed = 3): Model {
  const model = readInModel(kind, SHAPE, kind.configSchema.parse(config), seed);
  return withReadInStatistics(model, randomCounts(1000, SHAPE.inputCount, 77));
}

const plain = (kind: DecoderKind, config: Model['config']): Model => shakenModel(kind, SHAPE, config, 3);

/** Twice as many counts as the statistics of the model are of; one channel is beyond what a deviation may become. */
function changedCounts(binCount: number, seed: number): Float32Array {
  return randomCounts(binCount, SHAPE.inputCount, seed).map(
    (count, i) => count * (i % SHAPE.inputCount === 7 ? 40 : 2),
  );
}

/** From such counts, with a behaviour that follows from them. */
function learn(decoder: AdaptiveDecoder, binCount = 900): void {
  const counts = changedCounts(binCount, 5);
  const output = new Float32Array(SHAPE.outputCount);
  const truth = new Float32Array(SHAPE.outputCount);
  for (let at = 0; at < counts.length; at += SHAPE.inputCount) {
    const row = counts.subarray(at, at + SHAPE.inputCount);
    decoder.step(row, output);
    for (let o = 0; o < truth.length; o++) truth[o] = row[o] - row[o + 3];
    decoder.learn(truth);
  }
}

/** The file of a plain decoder from here on, and that decoder with the recurrent state of the one that learned. */
function learnedOf(
  model: Model,
  kind: DecoderKind,
  adaptations: readonly Adaptation[],
): { model: Model; ways: Adaptation[]; before: Float32Array; adapted: Float32Array; saved: Float32Array } {
  const next = changedCounts(150, 6);
  const decoder = new AdaptiveDecoder(model, kind, makeKernels(), adaptationOptions(adaptations));
  learn(decoder);
  const parts = decoder.learned();
  const file = decodeModel(encodeModel(mergeLearned(model, parts)));
  const state = new Uint8Array(decoder.core.stateBytes);
  decoder.core.saveState(state);
  const [before, saved] = [model, file].map((of) => {
    const plainDecoder = kind.createDecoder(of, makeKernels());
    plainDecoder.loadState(state);
    return decode(plainDecoder, next);
  });
  return { model: file, ways: learnedWays(parts), before, adapted: decode(decoder, next), saved };
}

/** Largest difference, in deviations of the output. */
function distance({ normalisation }: Model, a: Float32Array, b: Float32Array): number {
  return a.reduce((max, y, i) => Math.max(max, Math.abs(y - b[i]) / normalisation.outputScale[i % 2]), 0);
}

const cases: [string, readonly Adaptation[], DecoderKind, Model][] = [
  ['GRU', ['normalise'], gru, plain(gru, gruConfig)],
  ['GRU', ['rls'], gru, plain(gru, gruConfig)],
  ['GRU', ['hebbian'], gru, readIn(gru, gruConfig)],
  ['GRU', ['normalise', 'hebbian'], gru, readIn(gru, gruConfig)],
  ['GRU', ADAPTATIONS, gru, readIn(gru, gruConfig)],
  ['Mamba', ['normalise'], mamba, plain(mamba, mambaConfig)],
  ['Mamba', ['rls'], mamba, plain(mamba, mambaConfig)],
  ['Mamba', ['hebbian'], mamba, readIn(mamba, mambaConfig)],
  ['Mamba', ADAPTATIONS, mamba, readIn(mamba, mambaConfig)],
  ['Wiener filter', ['normalise'], wiener, plain(wiener, {})],
  ['Kalman filter', ['normalise'], kalman, randomModel(kalman, SHAPE, {}, 3)],
];

describe('a model with what was learned', () => {
  it.each(cases)('decodes as the adapted decoder within 1e-4: %s, %s', (_, adaptations, kind, model) => {
    const { ways, before, adapted, saved } = learnedOf(model, kind, adaptations);
    expect(ways).toEqual(adaptations);
    expect(distance(model, adapted, before)).toBeGreaterThan(0.01);
    expect(distance(model, adapted, saved)).toBeLessThan(1e-4);
  });

  it('decodes as an adapted int8 decoder but for rounding', () => {
    const model = quantiseModel(plain(gru, gruConfig));
    const { before, adapted, saved } = learnedOf(model, gru, ['normalise']);
    expect(distance(model, adapted, before)).toBeGreaterThan(0.05);
    expect(distance(model, adapted, saved)).toBeLessThan(5e-4);
  });

  it('keeps all else of the model as it was', () => {
    const model = readIn(gru, gruConfig);
    const { model: learned } = learnedOf(model, gru, ADAPTATIONS);
    const { weight, bias } = gru.ends!.readout;
    for (const [name, tensor] of Object.entries(model.tensors)) {
      if (name === weight || name === bias) expect(learned.tensors[name]).not.toEqual(tensor);
      else expect(learned.tensors[name], name).toEqual(tensor);
    }
    expect(learned.normalisation.featureScale[2], 'a channel that is ignored').toBe(0);
    expect(learned.normalisation.outputMean).toEqual(model.normalisation.outputMean);
    expect(learned.readInStatistics?.rest).not.toEqual(model.readInStatistics?.rest);
    expect(learned.readInStatistics?.latentMean).toEqual(model.readInStatistics?.latentMean);
    const { config, shape, features, output, binMs } = model;
    expect(learned).toMatchObject({ config, shape, features, output, binMs });
  });

  it('has nothing of a readout that is not in use, and nothing of what does not adapt', () => {
    const model = readIn(gru, gruConfig);
    const decoder = new AdaptiveDecoder(model, gru, makeKernels(), adaptationOptions(['rls']));
    learn(decoder, 100);
    expect(learnedWays(decoder.learned())).toEqual([]);
    expect(mergeLearned(model, decoder.learned())).toEqual(model);
  });

  it('is a copy: what is learned afterwards does not reach it', () => {
    const model = readIn(gru, gruConfig);
    const decoder = new AdaptiveDecoder(model, gru, makeKernels(), adaptationOptions(ADAPTATIONS));
    learn(decoder);
    const learned = mergeLearned(model, decoder.learned());
    const bytes = encodeModel(learned);
    learn(decoder, 100);
    expect(encodeModel(mergeLearned(model, decoder.learned()))).not.toEqual(bytes);
    expect(encodeModel(learned)).toEqual(bytes);
  });
});
