/** Adaptive decoders keep the decoder laws, around a core of each kind of state. */
import { describe, expect, it } from 'vitest';
import { AdaptiveDecoder } from '../../../src/calibration/adaptive/adaptive-decoder.ts';
import type { AdaptationOptions } from '../../../src/calibration/adaptive/adaptive-decoder.ts';
import { fitReadInStatistics } from '../../../src/calibration/hebbian/read-in-statistics.ts';
import { LEARNING } from '../../../src/decoders/decoder.ts';
import type { Decoder, DecoderKind, Model } from '../../../src/decoders/decoder.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { kalman } from '../../../src/decoders/kalman/index.ts';
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

function withStatistics(model: Model): Model {
  if (model.readIn === undefined) return model;
  const counts = randomCounts(1000, model.shape.inputCount, 77);
  const readInStatistics = fitReadInStatistics(counts, model.normalisation, model.readIn, model.binMs);
  return { ...model, readInStatistics };
}

/** One that learns from every bin right after it has decoded it, with a truth that swings. */
class LearningAtOnce implements Decoder {
  readonly inputCount: number;
  readonly outputCount: number;
  readonly stateBytes: number;
  private readonly decoder: AdaptiveDecoder;
  private readonly truth: Float32Array;

  constructor(decoder: AdaptiveDecoder) {
    this.decoder = decoder;
    this.inputCount = decoder.inputCount;
    this.outputCount = decoder.outputCount;
    this.stateBytes = decoder.stateBytes;
    this.truth = new Float32Array(decoder.outputCount);
  }

  step(features: Float32Array, output: Float32Array): void {
    this.decoder.step(features, output);
    for (let o = 0; o < this.truth.length; o++) this.truth[o] = features[o] - features[o + 2];
    this.decoder.learn(this.truth);
  }

  reset(): void {
    this.decoder.reset();
  }

  saveState(into: Uint8Array): void {
    this.decoder.saveState(into);
  }

  loadState(from: Uint8Array): void {
    this.decoder.loadState(from);
  }
}

/** The kind with its decoders behind adaptation. */
function adaptive(kind: DecoderKind, options: AdaptationOptions): DecoderKind {
  return {
    ...kind,
    createDecoder: (model, kernels) =>
      new LearningAtOnce(new AdaptiveDecoder(withStatistics(model), kind, kernels, options)),
  };
}

const gruConfig = gru.configSchema.parse({ hiddenCount: 8 });
const wienerConfig = wiener.configSchema.parse({});
const cases: [string, DecoderKind, DecoderCase][] = [
  [
    'GRU, normalisation only',
    adaptive(gru, {}),
    { config: gruConfig, shape: SHAPE, makeModel: (seed) => randomModel(gru, SHAPE, gruConfig, seed) },
  ],
  [
    'wiener, normalisation only',
    adaptive(wiener, {}),
    {
      config: wienerConfig,
      shape: SHAPE,
      makeModel: (seed) => randomModel(wiener, SHAPE, wienerConfig, seed),
    },
  ],
  [
    'GRU, normalisation and Hebbian read-in',
    adaptive(gru, { hebbian: {} }),
    { config: gruConfig, shape: SHAPE, makeModel: (seed) => readInModel(gru, SHAPE, gruConfig, seed) },
  ],
  [
    'GRU, a readout that learns',
    adaptive(gru, { normalisation: false, readout: {} }),
    { config: gruConfig, shape: SHAPE, makeModel: (seed) => randomModel(gru, SHAPE, gruConfig, seed) },
  ],
  [
    'GRU, all of it',
    adaptive(gru, { hebbian: {}, readout: { halfLifeS: 10, windowS: 1 } }),
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

/** Decodes and learns, without a truth. */
function run(decoder: AdaptiveDecoder, counts: Float32Array): Float32Array {
  return decode(new LearningAtOnce(decoder), counts);
}

describe('adaptive decoder', () => {
  const model = withStatistics(readInModel(gru, SHAPE, gruConfig, 3));
  const counts = randomCounts(200, SHAPE.inputCount, 4);

  it.each([
    ['it has not learned', {}, decode],
    ['everything is held still', { normalisation: false, hebbian: { eta: 0, modulatorS: 0 } }, run],
    ['its readout has not earned it', { normalisation: false, readout: {} }, decode],
  ] as const)('is the decoder as long as %s', (_, options, run) => {
    const plain = decode(gru.createDecoder(model, makeKernels()), counts);
    const outputs = run(new AdaptiveDecoder(model, gru, makeKernels(), options), counts);
    outputs.forEach((value, i) => {
      const scale = model.normalisation.outputScale[i % 2];
      expect(value / scale).toBeCloseTo(plain[i] / scale, 4);
    });
  });

  it.each([wiener, kalman])(
    'is the decoder before it has learned, ignored channels included: $name',
    (kind) => {
      const closedForm = randomModel(kind, SHAPE, {}, 3);
      const plain = decode(kind.createDecoder(closedForm, makeKernels()), counts);
      const outputs = decode(new AdaptiveDecoder(closedForm, kind, makeKernels()), counts);
      const { outputScale } = closedForm.normalisation;
      outputs.forEach((value, i) => {
        expect(value / outputScale[i % 2]).toBeCloseTo(plain[i] / outputScale[i % 2], 4);
      });
    },
  );

  it('adapts: outputs come to differ', () => {
    const still = decode(gru.createDecoder(model, makeKernels()), counts);
    for (const options of [{}, { normalisation: false as const, hebbian: {} }]) {
      const outputs = run(new AdaptiveDecoder(model, gru, makeKernels(), options), counts);
      const differences = outputs.map((value, i) => Math.abs(value - still[i]));
      expect(Math.max(...differences)).toBeGreaterThan(1e-3);
    }
  });

  it('keeps what it has adapted when only the core starts anew', () => {
    const decoder = new AdaptiveDecoder(model, gru, makeKernels());
    run(decoder, counts);
    const before = new Uint8Array(decoder.stateBytes);
    decoder.saveState(before);
    decoder.core.reset();
    const after = new Uint8Array(decoder.stateBytes);
    decoder.saveState(after);
    const ownBytes = decoder.stateBytes - decoder.core.stateBytes;
    expect(after.subarray(0, ownBytes)).toEqual(before.subarray(0, ownBytes));
    expect(after).not.toEqual(before);
  });

  it('changes nothing but its core in a step', () => {
    const decoder = new AdaptiveDecoder(model, gru, makeKernels(), { hebbian: {}, readout: {} });
    run(decoder, counts);
    const before = new Uint8Array(decoder.stateBytes);
    decoder.saveState(before);
    const core = new Uint8Array(decoder.core.stateBytes);
    decoder.core.saveState(core);
    decode(decoder, counts);
    decoder.core.loadState(core);
    const after = new Uint8Array(decoder.stateBytes);
    decoder.saveState(after);
    expect(after).toEqual(before);
  });

  it('counts what it learned from, what it held, and forgets the counts with the rest', () => {
    const decoder = new AdaptiveDecoder(model, gru, makeKernels());
    run(decoder, counts);
    expect(decoder.account[LEARNING.learnedBins] + decoder.account[LEARNING.heldBins]).toBe(200);
    const artefact = new Float32Array(SHAPE.inputCount).fill(1e4);
    run(decoder, artefact);
    expect(decoder.account[LEARNING.heldBins]).toBeGreaterThan(0);
    decoder.reset();
    expect([...decoder.account]).toEqual([0, 0, 0, 0]);
  });

  it('teaches its readout nothing from an artefact', () => {
    const decoder = new AdaptiveDecoder(model, gru, makeKernels(), { normalisation: false, readout: {} });
    run(decoder, counts);
    const readoutState = (): Uint8Array => {
      const state = new Uint8Array(decoder.stateBytes);
      decoder.saveState(state);
      return state.subarray(4 * 2, decoder.stateBytes - decoder.core.stateBytes);
    };
    const before = readoutState();
    run(decoder, new Float32Array(SHAPE.inputCount).fill(1e4));
    expect(readoutState()).toEqual(before);
    run(decoder, counts.subarray(0, SHAPE.inputCount));
    expect(readoutState()).not.toEqual(before);
  });

  it('has all that a model brings in its kernel memory', () => {
    const options = { hebbian: {}, readout: {} };
    const [kernels, otherKernels] = [makeKernels(), makeKernels()];
    const decoder = new AdaptiveDecoder(model, gru, kernels, options);
    run(decoder, counts);
    const other = withStatistics(readInModel(gru, SHAPE, gruConfig, 8));
    const expected = new AdaptiveDecoder(other, gru, otherKernels, options);
    kernels.arena.contents().set(otherKernels.arena.contents());
    expect(run(decoder, counts)).toEqual(run(expected, counts));
  });

  it.each([
    ['float32', gru, randomModel(gru, SHAPE, gruConfig, 5)],
    ['float64', wiener, randomModel(wiener, SHAPE, wienerConfig, 5)],
  ] as const)('has a state that can be sealed, around a core of %s', (_, kind, coreModel) => {
    const owner = { kind, modelHash: 'ab'.repeat(32) };
    const decoder = new AdaptiveDecoder(coreModel, kind, makeKernels());
    run(decoder, counts);
    const sealed = sealState(decoder, owner);
    const other = new AdaptiveDecoder(coreModel, kind, makeKernels());
    openState(sealed, other, owner);
    expect(run(other, counts)).toEqual(run(decoder, counts));
  });

  it.each([
    ['CAL_READ_IN_MISSING', gru, randomModel(gru, SHAPE, gruConfig, 3), { hebbian: {} }],
    ['CAL_READ_IN_STATISTICS_MISSING', gru, readInModel(gru, SHAPE, gruConfig, 3), { hebbian: {} }],
    ['CAL_METHOD_UNSUPPORTED', wiener, randomModel(wiener, SHAPE, wienerConfig, 3), { readout: {} }],
  ] as const)('refuses what the model cannot do: %s', (code, kind, unfit, options) => {
    expect(betzErrorOf(() => new AdaptiveDecoder(unfit, kind, makeKernels(), options)).code).toBe(code);
  });
});
