/** What a model file keeps of how its read-in's latents were. */
import { describe, expect, it } from 'vitest';
import { withReadInStatistics } from '../../src/calibration/hebbian/read-in-statistics.ts';
import type { Model, ReadInStatistics } from '../../src/decoders/decoder.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { mergeReadIn } from '../../src/decoders/read-in.ts';
import { randomCounts, randomModel } from '../support/decoder-models.ts';
import { readInModel } from '../support/read-in-models.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

const CHANNELS = 6;
const SHAPE = { inputCount: CHANNELS, outputCount: 2 };
const config = gru.configSchema.parse({ hiddenCount: 8 });
const bare: Model = { ...readInModel(gru, SHAPE, config, 1), binMs: 20 };
const model = withReadInStatistics(bare, randomCounts(600, CHANNELS, 2));

function statisticsOf({ readInStatistics }: Model): ReadInStatistics {
  if (readInStatistics === undefined) throw new Error('the model has statistics');
  return readInStatistics;
}

describe('statistics of a read-in', () => {
  it('come back from a file', () => {
    expect(decodeModel(encodeModel(model)).readInStatistics).toEqual(statisticsOf(model));
  });

  it('are left out where there is no read-in (any more), too little data, or none kept', () => {
    const counts = randomCounts(600, CHANNELS, 2);
    expect(withReadInStatistics(model, counts.subarray(0, 499 * CHANNELS)).readInStatistics).toBeUndefined();
    expect(withReadInStatistics(bare, counts.subarray(0, 500 * CHANNELS)).readInStatistics).toBeDefined();
    const plain = { ...randomModel(gru, SHAPE, config, 1), binMs: 20 };
    expect(withReadInStatistics(plain, counts).readInStatistics).toBeUndefined();
    expect(decodeModel(encodeModel(bare)).readInStatistics).toBeUndefined();
    expect(mergeReadIn(model, gru).readInStatistics).toBeUndefined();
    expect(decodeModel(encodeModel(quantiseModel(model))).readInStatistics).toBeUndefined();
  });

  it.each<[string, string, (statistics: ReadInStatistics) => Partial<ReadInStatistics>]>([
    [
      'of other latents',
      'DEC_MODEL_SHAPE_MISMATCH',
      ({ latentMean }) => ({ latentMean: latentMean.slice(1) }),
    ],
    [
      'of other channels',
      'DEC_MODEL_SHAPE_MISMATCH',
      ({ rest }) => ({ rest: { shape: [rest.shape[1], rest.shape[0]], data: rest.data } }),
    ],
    [
      'not finite',
      'DEC_MODEL_VALUE_NOT_FINITE',
      ({ latentMean }) => ({ latentMean: latentMean.map((mean, i) => (i === 1 ? NaN : mean)) }),
    ],
  ])('are refused where they are %s', (_, code, change) => {
    const readInStatistics = { ...statisticsOf(model), ...change(statisticsOf(model)) };
    expect(betzErrorOf(() => encodeModel({ ...model, readInStatistics })).code).toBe(code);
  });

  it('are refused without a read-in', () => {
    const { readInStatistics } = model;
    const plain = {
      ...randomModel(gru, SHAPE, config, 1),
      ...(readInStatistics ? { readInStatistics } : {}),
    };
    expect(betzErrorOf(() => encodeModel(plain)).code).toBe('DEC_MODEL_SHAPE_MISMATCH');
  });
});
