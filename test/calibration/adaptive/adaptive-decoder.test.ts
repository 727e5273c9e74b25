/** Adaptive decoders keep the decoder laws, around a core of each kind of state. */
import { describe, expect, it } from 'vitest';
import { AdaptiveDecoder } from '../../../src/calibration/adaptive/adaptive-decoder.ts';
import type { AdaptationOptions } from '../../../src/calibration/adaptive/adaptive-decoder.ts';
import { fitHebbianReference } from '../../../src/calibration/hebbian/hebbian-reference.ts';
import type { DecoderKind, Model } from '../../../src/decoders/decoder.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { openState, sealState } from '../../../src/decoders/state-file.ts';
import { wiener } from '../../../src/decoders/wiener/index.ts';
import { decode, decoderLaws, makeKernels } from '../../compliance/decoder.ts';
import type { DecoderCase } from '../../compliance/decoder.ts';
import { randomCounts, randomModel } from '../../support/decoder-models.ts';
import { readInModel } from '../../support/read-in-models.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';

const SHAPE = { inputCount: 9, outputCount: 2 };
/** Adapted outputs are not those of the reference sequence, which does not adapt. */
const laws = decoderLaws.filter(({ name }) => !name.startsWith('step by step equals'));

function hebbianOf(model: Model): NonNullable<AdaptationOptions['hebbian']> {
  const counts = randomCounts(1000, model.shape.inputCount, 77);
  if (model.readIn === undefined) throw new Error('a model with a read-in is wanted');
  return { reference: fitHebbianReference(counts, model.normalisation, model.readIn, model.binMs) };
}

/** The kind with its decoders behind adaptation. */
function adaptive(kind: DecoderKind, optionsOf: (model: Model) => AdaptationOptions): DecoderKind {
  return {
    ...kind,
    createDecoder: (model, kernels) => new AdaptiveDecoder(model, kind, kernels, optionsOf(model)),
  };
}

const gruConfig = gru.configSchema.parse({ hiddenCount: 8 });
const wienerConfig = wiener.configSchema.parse({});
const cases: [string, DecoderKind, DecoderCase][] = [
  [
    'GRU, normalisation only',
    adaptive(gru, () => ({})),
    { config: gruConfig, shape: SHAPE, makeModel: (seed) => randomModel(gru, SHAPE, gruConfig, seed) },
  ],
  [
    'wiener, normalisation only',
    adaptive(wiener, () => ({})),
    {
      config: wienerConfig,
      shape: SHAPE,
      makeModel: (seed) => randomModel(wiener, SHAPE, wienerConfig, seed),
    },
  ],
  [
    'GRU, normalisation and Hebbian read-in',
    adaptive(gru, (model) => ({ hebbian: hebbianOf(model) })),
    { config: gruConfig, shape: SHAPE, makeModel: (seed) => readInModel(gru, SHAPE, gruConfig, seed) },
  ],
];

describe.each(cases)('adaptive decoder: %s', (_, kind, decoderCase) => {
  it.each(laws)('$name', ({ name, check }) => {
    const isAboutTensors = name.startsWith('lists the tensors');
    if (isAboutTensors && decoderCase.makeModel(1).readIn !== undefined) return; // tensors are the core's, see read-in.test.ts
    check(kind, decoderCase, makeKernels());
  });
});

describe('adaptive decoder', () => {
  const model = readInModel(gru, SHAPE, gruConfig, 3);
  const counts = randomCounts(200, SHAPE.inputCount, 4);

  it('with everything held still, is the decoder', () => {
    const plain = decode(gru.createDecoder(model, makeKernels()), counts);
    const still = new AdaptiveDecoder(model, gru, makeKernels(), {
      normalisation: false,
      hebbian: { ...hebbianOf(model), options: { eta: 0, modulatorS: 0 } },
    });
    const outputs = decode(still, counts);
    outputs.forEach((value, i) => {
      expect(value / model.normalisation.outputScale[i % 2]).toBeCloseTo(
        plain[i] / model.normalisation.outputScale[i % 2],
        4,
      );
    });
  });

  it('adapts: outputs come to differ', () => {
    const still = decode(gru.createDecoder(model, makeKernels()), counts);
    for (const options of [{}, { normalisation: false as const, hebbian: hebbianOf(model) }]) {
      const outputs = decode(new AdaptiveDecoder(model, gru, makeKernels(), options), counts);
      const differences = outputs.map((value, i) => Math.abs(value - still[i]));
      expect(Math.max(...differences)).toBeGreaterThan(1e-3);
    }
  });

  it('keeps what it has adapted when only the core starts anew', () => {
    const decoder = new AdaptiveDecoder(model, gru, makeKernels());
    decode(decoder, counts);
    const before = new Uint8Array(decoder.stateBytes);
    decoder.saveState(before);
    decoder.resetCore();
    const after = new Uint8Array(decoder.stateBytes);
    decoder.saveState(after);
    const ownBytes = 4 * (2 * SHAPE.inputCount + 2);
    expect(after.subarray(0, ownBytes)).toEqual(before.subarray(0, ownBytes));
    expect(after).not.toEqual(before);
  });

  it.each([
    ['float32', gru, randomModel(gru, SHAPE, gruConfig, 5)],
    ['float64', wiener, randomModel(wiener, SHAPE, wienerConfig, 5)],
  ] as const)('has a state that can be sealed, around a core of %s', (_, kind, coreModel) => {
    const owner = { kind, modelHash: 'ab'.repeat(32) };
    const decoder = new AdaptiveDecoder(coreModel, kind, makeKernels());
    decode(decoder, counts);
    const sealed = sealState(decoder, owner);
    const other = new AdaptiveDecoder(coreModel, kind, makeKernels());
    openState(sealed, other, owner);
    expect(decode(other, counts)).toEqual(decode(decoder, counts));
  });

  it('refuses Hebbian adaptation of a model without a read-in', () => {
    const plain = randomModel(gru, SHAPE, gruConfig, 3);
    expect(
      betzErrorOf(() => new AdaptiveDecoder(plain, gru, makeKernels(), { hebbian: hebbianOf(model) })).code,
    ).toBe('CAL_READ_IN_MISSING');
  });
});
