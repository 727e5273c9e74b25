import { describe, expect, it } from 'vitest';
import { modelOfLatents, stabilizeModel } from '../../src/calibration/stabilize-model.ts';
import type { FactorModel } from '../../src/calibration/factor-analysis.ts';
import { fitReference, latentsOf, stabilize } from '../../src/calibration/stabilize.ts';
import type { UnlabelledCounts } from '../../src/calibration/stabilize.ts';
import { Rng } from '../../src/core/rng.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { mergeReadIn } from '../../src/decoders/read-in.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { wiener as wienerKind } from '../../src/decoders/wiener/index.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { randomModel } from '../support/decoder-models.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { drawBins, randomFactors, relativeDistance } from '../support/factor-data.ts';

const CHANNELS = 20;
const LATENTS = 3;
const truth = randomFactors(CHANNELS, LATENTS, 8);
const channelLabels = Array.from({ length: CHANNELS }, (_, i) => `channel ${i}`);
// Channel 4 was silent at calibration.
const without4 = (counts: Float32Array): Float32Array => counts.map((c, i) => (i % CHANNELS === 4 ? 0 : c));
const counts = without4(drawBins(truth, 1500, 1).counts);
/** Bins of 45 ms, as in the paper: windows are one bin. */
const dayOf = (of: Float32Array): UnlabelledCounts => ({
  counts: of,
  channelLabels,
  binMs: 45,
  segments: [{ startBin: 0, endBin: of.length / CHANNELS }],
});
const reference = fitReference(dayOf(counts), { latentCount: LATENTS });

/** A GRU of the latents, with a normalisation of its own. */
function coreModel(): Model {
  const kind = findDecoderKind('gru');
  const config = kind.configSchema.parse({ hiddenCount: 16, layerCount: 1 });
  const shape = { inputCount: LATENTS, outputCount: 2 };
  return {
    kind: 'gru',
    config,
    shape,
    tensors: kind.initialise(config, shape, new Rng(4)),
    normalisation: {
      featureMean: Float32Array.of(0.5, -0.25, 0),
      featureScale: Float32Array.of(2, 0.5, 1),
      outputMean: Float32Array.of(1, -1),
      outputScale: Float32Array.of(3, 2),
    },
    features: { name: 'spikeCounts', smoothing: 0, channelLabels: ['a', 'b', 'c'] },
    output: { name: 'targetDirection', labels: ['x', 'y'], unit: '1' },
    binMs: 45,
    provenance: {},
  };
}

function decode(model: Model, features: Float32Array): Float32Array {
  const decoder = findDecoderKind(model.kind).createDecoder(model, loadKernels());
  const { inputCount, outputCount } = decoder;
  const outputs = new Float32Array((features.length / inputCount) * outputCount);
  for (let bin = 0; bin < features.length / inputCount; bin++) {
    const row = features.slice(bin * inputCount, (bin + 1) * inputCount);
    decoder.step(row, outputs.subarray(bin * outputCount, (bin + 1) * outputCount));
  }
  return outputs;
}

describe('a decoder of latents behind a read-in', () => {
  const core = coreModel();
  const model = modelOfLatents(core, reference, counts);

  it('decodes counts as its core decodes their latents', () => {
    expect(model.shape.inputCount).toBe(CHANNELS);
    expect(model.normalisation.featureScale[4]).toBe(0);
    const some = counts.subarray(0, 200 * CHANNELS);
    const expected = decode(core, latentsOf(reference.factors, some));
    expect(relativeDistance(decode(model, some), expected)).toBeLessThan(1e-4);
  });

  it.each([1, 3])(
    'has a read-in that is the projection of the factors, whatever the scale of the counts: %d times',
    (scale) => {
      const { readIn, normalisation } = modelOfLatents(
        core,
        reference,
        counts.map((count) => scale * count),
      );
      const { weight, bias } = readIn!;
      expect(weight.shape).toEqual([LATENTS, CHANNELS]);
      const some = counts.subarray(0, 20 * CHANNELS);
      const latents = latentsOf(reference.factors, some);
      const { featureMean, featureScale } = normalisation;
      for (let at = 0; at < latents.length; at++) {
        const [bin, l] = [Math.floor(at / LATENTS), at % LATENTS];
        let x = bias.data[l];
        for (let i = 0; i < CHANNELS; i++)
          x += weight.data[l * CHANNELS + i] * (some[bin * CHANNELS + i] - featureMean[i]) * featureScale[i];
        expect(x).toBeCloseTo(latents[at], 4);
      }
      for (let l = 0; l < LATENTS; l++) expect(weight.data[l * CHANNELS + 4], 'a silent channel').toBe(0);
    },
  );

  it('takes another read-in on another day, and nothing else', () => {
    const day = without4(drawBins(truth, 1500, 2).counts).map((c, i) => (i % CHANNELS === 9 ? 0 : c + 0.5));
    const { model: today, stabilization } = stabilizeModel(model, dayOf(day));
    expect(today).toEqual({ ...model, readIn: today.readIn });
    expect(
      stabilization.dropped.filter(({ reason }) => reason === 'silent').map(({ label }) => label),
    ).toEqual(['channel 4', 'channel 9']);
    // What channels share is told by the latents; the rest of a channel goes on if the channel stayed.
    const { factors, dropped } = stabilization;
    const left = dropped.map(({ label }) => channelLabels.indexOf(label));
    const latents = latentsOf(factors, day);
    const shared = (of: FactorModel, bin: number, i: number): number => {
      let sum = of.means[i];
      for (let l = 0; l < LATENTS; l++) sum += of.loadings[i * LATENTS + l] * latents[bin * LATENTS + l];
      return sum;
    };
    const asOnTheFirst = day.map((count, at) => {
      const i = at % CHANNELS;
      const bin = Math.floor(at / CHANNELS);
      const rest = left.includes(i) ? 0 : count - shared(factors, bin, i);
      return shared(reference.factors, bin, i) + rest;
    });
    expect(left).toHaveLength(5); // 4 is silent on both days, 9 on this one
    expect(relativeDistance(decode(today, day), decode(model, asOnTheFirst))).toBeLessThan(1e-4);
  });

  it('travels in a model file, and is aligned from there as before', () => {
    const read = decodeModel(encodeModel(model));
    expect(read).toEqual({ ...model, config: read.config });
    const day = dayOf(without4(drawBins(truth, 1500, 2).counts));
    expect(stabilizeModel(read, day).model.readIn).toEqual(stabilizeModel(model, day).model.readIn);
  });

  it('is refused where it does not fit the model', () => {
    const { stabilizer } = model;
    if (stabilizer === undefined) throw new Error('the model keeps its latents');
    const codeOf = (changed: Partial<Model>): string =>
      betzErrorOf(() => encodeModel({ ...model, ...changed })).code;
    expect(codeOf({ stabilizer: { ...stabilizer, privateVariances: new Float32Array(CHANNELS) } })).toBe(
      'DEC_MODEL_STABILIZER_INVALID',
    );
    const means = stabilizer.means.map((mean, i) => (i === 2 ? NaN : mean));
    expect(codeOf({ stabilizer: { ...stabilizer, means } })).toBe('DEC_MODEL_VALUE_NOT_FINITE');
    const loadings = { ...stabilizer.loadings, shape: [LATENTS, CHANNELS] };
    expect(codeOf({ stabilizer: { ...stabilizer, loadings } })).toBe('DEC_MODEL_SHAPE_MISMATCH');
    const plain = mergeReadIn(model, findDecoderKind('gru'));
    expect(plain.stabilizer).toBeUndefined();
    expect(betzErrorOf(() => encodeModel({ ...plain, stabilizer })).code).toBe(
      'DEC_MODEL_SHAPE_MISMATCH', // of another core
    );
    const wiener = {
      ...randomModel(wienerKind, { inputCount: CHANNELS, outputCount: 2 }, {}, 1),
      stabilizer,
    };
    expect(betzErrorOf(() => encodeModel(wiener)).code).toBe('DEC_MODEL_STABILIZER_INVALID');
    expect(betzErrorOf(() => stabilizeModel(plain, dayOf(counts))).code).toBe('CAL_STABILIZE_REFERENCE');
  });

  it('does not look through a channel that the decoder ignores, even if it wakes', () => {
    const awake = drawBins(truth, 1500, 3).counts;
    const { model: today, stabilization } = stabilizeModel(model, dayOf(awake));
    const asleep = without4(awake);
    const aligned = stabilize(reference, dayOf(asleep));
    expect(stabilization.dropped).toEqual(aligned.dropped);
    expect(relativeDistance(stabilization.factors.loadings, aligned.factors.loadings)).toBeLessThan(1e-5);
    expect(decode(today, awake)).toEqual(decode(today, asleep));
  });
});
