import { describe, expect, it } from 'vitest';
import type { Decoder, DecoderKind, Model } from '../../src/decoders/decoder.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { decoderKinds } from '../../src/decoders/registry.ts';
import { wiener } from '../../src/decoders/wiener/index.ts';
import { decoderLaws, makeKernels, describeDecoderLaws } from '../compliance/decoder.ts';
import type { DecoderCase } from '../compliance/decoder.ts';
import { randomModel } from '../support/decoder-models.ts';

/** What a kind is tried with beyond its defaults. */
const CONFIGS: Readonly<Record<string, readonly Model['config'][]>> = {
  gru: [{ hiddenCount: 17 }, { hiddenCount: 24, layerCount: 2 }],
  kalman: [
    {},
    { mode: 'full' },
    { lagBins: 3, extraStateNames: ['accelerationX'] },
    { mode: 'full', lagBins: 1, extraStateNames: ['a', 'b', 'c'] },
  ],
  transformer: [
    { width: 24, windowBins: 9 },
    { width: 6, headCount: 1, layerCount: 1, windowBins: 1, feedForwardCount: 5 },
    { width: 20, headCount: 2, layerCount: 3, windowBins: 200, feedForwardCount: 13 },
  ],
  rwkv: [
    { width: 16, layerCount: 1 },
    { width: 21, feedForwardCount: 30 },
    { width: 10, layerCount: 3, feedForwardCount: 7 },
  ],
  mamba: [
    { width: 24 },
    { width: 17, layerCount: 1, stateCount: 5, convBins: 3, expand: 1, rankCount: 3 },
    { width: 10, layerCount: 3, stateCount: 1, convBins: 1, expand: 3, dtMin: 0.1, dtMax: 1 },
  ],
  'spiking-ssm': [
    { width: 17 },
    { width: 24, layerCount: 1, stateCount: 6, neuron: 'refractory', surrogate: 'fastSigmoid' },
    { width: 9, layerCount: 3, stateCount: 4, neuron: 'alif', surrogate: 'dspike' },
    { width: 14, stateCount: 2, neuron: 'ilif', dtMin: 0.1, dtMax: 0.5 },
  ],
  wiener: [{}, { lagCount: 1 }, { lagCount: 13 }],
};
const SHAPES = [
  { inputCount: 64, outputCount: 2 },
  { inputCount: 1, outputCount: 1 },
  { inputCount: 33, outputCount: 5 },
];

function makeCase(kind: DecoderKind, config: Model['config'], shape: DecoderCase['shape']): DecoderCase {
  const complete = kind.configSchema.parse(config);
  return { config: complete, shape, makeModel: (seed) => randomModel(kind, shape, complete, seed) };
}

/** The reference of an int8 model runs on the weights that it stands for. */
function inInt8(decoderCase: DecoderCase): DecoderCase {
  return { ...decoderCase, makeModel: (seed) => quantiseModel(decoderCase.makeModel(seed)) };
}

it('has configs for every kind', () => {
  expect(Object.keys(CONFIGS).sort()).toEqual(decoderKinds.map(({ name }) => name).sort());
});

for (const kind of decoderKinds) {
  for (const config of CONFIGS[kind.name] ?? []) {
    for (const shape of SHAPES) {
      const decoderCase = makeCase(kind, config, shape);
      describeDecoderLaws(kind, decoderCase);
      if (kind.training === 'gradient') describeDecoderLaws(kind, inInt8(decoderCase));
    }
  }
}

/** A Wiener filter with one fault, and the law that has to notice. */
interface Canary {
  fault: string;
  law: string;
  breakDecoder: (decoder: Decoder, model: Model) => Decoder;
}

let sharedBin: Float32Array | undefined;
const kept: Float32Array[] = [];

const CANARIES: readonly Canary[] = [
  {
    fault: 'ignores its last channel',
    law: 'step by step equals the reference sequence within 1e-4, an int8 model within 5e-4',
    breakDecoder: (decoder) =>
      wrap(decoder, {
        step: (features, output) => {
          const partial = features.slice();
          partial[partial.length - 1] = 0;
          decoder.step(partial, output);
        },
      }),
  },
  {
    fault: 'reads the features of the last bin one bin later',
    law: 'does not keep borrowed buffers',
    breakDecoder: (decoder) => {
      let last: Float32Array | undefined;
      return wrap(decoder, {
        step: (features, output) => {
          decoder.step(last ?? features, output);
          last = features;
        },
      });
    },
  },
  {
    fault: 'saves nothing',
    law: 'saved and loaded mid-stream, continues as if uninterrupted',
    breakDecoder: (decoder) => wrap(decoder, { saveState: () => undefined }),
  },
  {
    fault: 'claims more state than it saves',
    law: 'saves stateBytes bytes, every one of them, at any alignment',
    breakDecoder: (decoder) =>
      wrap(decoder, {
        stateBytes: decoder.stateBytes + 8,
        saveState: (into) => {
          decoder.saveState(into.subarray(0, decoder.stateBytes));
        },
      }),
  },
  {
    fault: 'does not reset',
    law: 'after a reset, is as fresh',
    breakDecoder: (decoder) => wrap(decoder, { reset: () => undefined }),
  },
  {
    fault: 'has a variable outside of itself',
    law: 'shares no state with another decoder on the same kernels',
    breakDecoder: (decoder) =>
      wrap(decoder, {
        step: (features, output) => {
          decoder.step(sharedBin ?? features, output);
          sharedBin = features.slice();
        },
        reset: () => {
          sharedBin = undefined;
          decoder.reset();
        },
      }),
  },
  {
    fault: 'looks into the model at every step',
    law: 'does not depend on the model object once it is made',
    breakDecoder: (decoder, model) =>
      wrap(decoder, {
        step: (features, output) => {
          decoder.step(features, output);
          output[0] += 0 * model.normalisation.outputMean[0];
        },
      }),
  },
  {
    fault: 'replaces NaN by zero',
    law: 'lets a NaN or an infinity show in its output, and is well again after a reset',
    breakDecoder: (decoder) =>
      wrap(decoder, {
        step: (features, output) => {
          decoder.step(
            features.map((x) => (Number.isNaN(x) ? 0 : x)),
            output,
          );
        },
      }),
  },
  {
    fault: 'makes an array at every step',
    law: 'allocates nothing over 10,000 steps',
    breakDecoder: (decoder) =>
      wrap(decoder, {
        step: (features, output) => {
          kept[0] = new Float32Array(1);
          decoder.step(features, output);
        },
      }),
  },
];

function wrap(decoder: Decoder, changes: Partial<Decoder>): Decoder {
  return {
    inputCount: decoder.inputCount,
    outputCount: decoder.outputCount,
    stateBytes: decoder.stateBytes,
    step: (features, output) => {
      decoder.step(features, output);
    },
    reset: () => {
      decoder.reset();
    },
    saveState: (into) => {
      decoder.saveState(into);
    },
    loadState: (from) => {
      decoder.loadState(from.subarray(0, decoder.stateBytes));
    },
    ...changes,
  };
}

describe('canaries: the decoder laws reject', () => {
  const shape = { inputCount: 12, outputCount: 2 };
  const check = (kind: DecoderKind, lawName: string): void => {
    const law = decoderLaws.find(({ name }) => name === lawName);
    if (law === undefined) throw new Error(`no law is called '${lawName}'`);
    law.check(kind, makeCase(wiener, {}, shape), makeKernels());
  };
  it.each(CANARIES)('a decoder that $fault', ({ law, breakDecoder }) => {
    const broken: DecoderKind = {
      ...wiener,
      createDecoder: (model, kernels) => breakDecoder(wiener.createDecoder(model, kernels), model),
    };
    const intact: DecoderKind = {
      ...wiener,
      createDecoder: (model, kernels) => wrap(wiener.createDecoder(model, kernels), {}),
    };
    sharedBin = undefined;
    expect(() => {
      check(intact, law);
    }, 'the wrapper itself has to pass').not.toThrow();
    expect(() => {
      check(broken, law);
    }).toThrow();
  });
});
