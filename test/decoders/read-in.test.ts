import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/decoders/decoder.ts';
import { accountModel } from '../../src/decoders/model-account.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { coreShape, mergeReadIn } from '../../src/decoders/read-in.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { decode, makeKernels } from '../compliance/decoder.ts';
import { randomCounts, randomModel } from '../support/decoder-models.ts';
import { randomReadIn, randomSession, readInModel } from '../support/read-in-models.ts';
import { codeOf } from '../support/recording-errors.ts';

const SHAPE = { inputCount: 12, outputCount: 2 };
const LATENTS = 7;
const BINS = 60;
const gradientKinds = decoderKinds.filter(({ training }) => training === 'gradient');
const gru = findDecoderKind('gru');

/** Two sessions with other channels than the one in service. */
function pretrained(): Model {
  const sessions = [randomSession('monday', 9, LATENTS, 5), randomSession('tuesday', 15, LATENTS, 6)];
  return { ...readInModel(gru, SHAPE, { hiddenCount: 8 }, 1, LATENTS), sessions };
}

describe.each(gradientKinds.map((kind) => ({ kind, name: kind.name })))(
  'a $name behind a read-in',
  ({ kind }) => {
    const model = readInModel(kind, SHAPE, {}, 3, LATENTS);
    const features = randomCounts(BINS, SHAPE.inputCount, 4);
    const scale = Math.max(...model.normalisation.outputScale);

    it('names the tensors of its first and last map', () => {
      const shapes = new Map(
        kind.parameters(model.config, coreShape(model)).map((spec) => [spec.name, spec.shape] as const),
      );
      const { input, readout } = kind.ends!;
      expect(shapes.get(input.weight)![1]).toBe(LATENTS);
      expect(shapes.get(input.bias)).toEqual([shapes.get(input.weight)![0]]);
      expect(shapes.get(readout.weight)![0]).toBe(SHAPE.outputCount);
      expect(shapes.get(readout.bias)).toEqual([SHAPE.outputCount]);
    });

    it('streams what its reference computes', () => {
      const reference = kind.referenceSequence(model, features, BINS);
      const streamed = decode(kind.createDecoder(model, makeKernels()), features);
      for (let i = 0; i < streamed.length; i++) {
        expect(Math.abs(streamed[i] - reference[i])).toBeLessThan(1e-4 * scale);
      }
    });

    it('merged, is a plain model that computes the same', () => {
      const merged = mergeReadIn(model, kind);
      expect(merged.readIn).toBeUndefined();
      expect(decodeModel(encodeModel(merged))).toEqual(merged);
      const streamed = decode(kind.createDecoder(model, makeKernels()), features);
      const plain = decode(kind.createDecoder(merged, makeKernels()), features);
      for (let i = 0; i < streamed.length; i++) {
        expect(Math.abs(streamed[i] - plain[i])).toBeLessThan(1e-5 * scale);
      }
    });

    it('is merged for int8, and counted as what a step computes', () => {
      const int8 = quantiseModel(model);
      expect(int8.readIn).toBeUndefined();
      expect(decodeModel(encodeModel(int8))).toEqual(int8);
      const { maps } = kind.account(model.config, SHAPE);
      expect(accountModel(model, kind).maps).toEqual(maps);
    });

    it('comes back from its file the same', () => {
      expect(decodeModel(encodeModel(model))).toEqual(model);
    });
  },
);

describe('a model with sessions', () => {
  it('comes back from its file with all of them, in their order', () => {
    const model = pretrained();
    expect(decodeModel(encodeModel(model))).toEqual(model);
  });

  it('keeps none of them when it is merged', () => {
    expect(Object.keys(mergeReadIn(pretrained(), gru))).not.toContain('sessions');
  });

  it.each<[string, (model: Model) => Model, string]>([
    [
      'sessions without a read-in',
      (model) => ({ ...mergeReadIn(model, gru), sessions: model.sessions! }),
      'DEC_MODEL_READ_IN_INVALID',
    ],
    [
      'a read-in from too few channels',
      (model) => ({ ...model, readIn: randomReadIn(LATENTS, SHAPE.inputCount - 1, 1) }),
      'DEC_MODEL_SHAPE_MISMATCH',
    ],
    [
      'a read-in to other latents than the core takes',
      (model) => ({ ...model, readIn: randomReadIn(LATENTS + 1, SHAPE.inputCount, 1), sessions: [] }),
      'DEC_MODEL_SHAPE_MISMATCH',
    ],
    [
      'a session of other latents',
      (model) => ({ ...model, sessions: [randomSession('odd', 9, LATENTS - 1, 1)] }),
      'DEC_MODEL_SHAPE_MISMATCH',
    ],
    [
      'a session with fewer labels than channels',
      (model) => ({ ...model, sessions: [{ ...model.sessions![0], channelLabels: ['one'] }] }),
      'DEC_MODEL_SHAPE_MISMATCH',
    ],
    [
      'a session with a negative scale',
      (model) => ({
        ...model,
        sessions: [{ ...model.sessions![0], featureScale: new Float32Array(9).fill(-1) }],
      }),
      'DEC_MODEL_READ_IN_INVALID',
    ],
    [
      'NaN in a read-in',
      (model) => {
        const readIn = randomReadIn(LATENTS, SHAPE.inputCount, 1);
        readIn.weight.data[3] = Number.NaN;
        return { ...model, readIn };
      },
      'DEC_MODEL_VALUE_NOT_FINITE',
    ],
    [
      'a read-in before a kind that has none',
      (model) => ({
        ...randomModel(findDecoderKind('wiener'), SHAPE, {}, 1),
        readIn: model.readIn!,
      }),
      'DEC_MODEL_READ_IN_INVALID',
    ],
  ])('with %s is refused', (_, change, code) => {
    expect(codeOf(() => encodeModel(change(pretrained())))).toBe(code);
  });
});
