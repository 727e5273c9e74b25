import { describe, expect, it } from 'vitest';
import { expectGradientKind, prepareForSession } from '../../../src/calibration/session/session-model.ts';
import { decodeSession } from '../../../src/calibration/session/session-scores.ts';
import type { BinnedRecording } from '../../../src/core/recording.ts';
import type { Model } from '../../../src/decoders/decoder.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import { kalman } from '../../../src/decoders/kalman/index.ts';
import { loadKernels } from '../../../src/host/load-kernels.ts';
import { expectClose } from '../../support/cases.ts';
import { randomModel } from '../../support/decoder-models.ts';
import { readInModel } from '../../support/read-in-models.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';
import { simulatedSession, withChannels } from '../../support/session-days.ts';

const CHANNELS = 6;
const day = simulatedSession(1, 10, CHANNELS);
const labelled = (model: Model): Model => ({
  ...model,
  features: { ...model.features, smoothing: 0, channelLabels: day.channels.map(({ label }) => label) },
  output: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
});
const SHAPE = { inputCount: CHANNELS, outputCount: 2 };
const CONFIG = { hiddenCount: 5 };
const plain = labelled(randomModel(gru, SHAPE, CONFIG, 1));
const behindReadIn = labelled(readInModel(gru, SHAPE, CONFIG, 1, 4));
const outputsOf = (model: Model, recording: BinnedRecording): Float32Array =>
  decodeSession(model, recording, loadKernels());

describe.each([
  ['a plain model', plain],
  ['a model behind a read-in', behindReadIn],
])('prepareForSession of %s', (_, base) => {
  it("finds channels by label, so that their order does not matter, and moves z-scores to the session's", () => {
    const same = prepareForSession(base, day);
    const order = [3, 0, 5, 1, 4, 2];
    const shuffled = withChannels(day, order);
    const moved = prepareForSession(base, shuffled);
    expect(moved.features.channelLabels).toEqual(order.map((place) => day.channels[place].label));
    expect([...moved.normalisation.featureMean]).toEqual(
      order.map((place) => same.normalisation.featureMean[place]),
    );
    expectClose(outputsOf(moved, shuffled), outputsOf(same, day), () => 1e-5);
    const columnMean = (c: number): number =>
      day.features.reduce((sum, x, i) => sum + (i % CHANNELS === c ? x : 0), 0) / day.binCount;
    for (let c = 0; c < CHANNELS; c++)
      expect(same.normalisation.featureMean[c]).toBeCloseTo(columnMean(c), 5);
  });

  it('takes missing channels as their mean, and new ones as nothing yet', () => {
    const kept = [5, 1, 3];
    const some = withChannels(day, kept);
    const prepared = prepareForSession(base, some);
    expect(prepared.shape).toEqual({ inputCount: 3, outputCount: 2 });
    const whole = prepareForSession(base, day);
    // The whole session with the other channels stuck at their mean.
    const stuck = {
      ...day,
      features: day.features.map((x, i) =>
        kept.includes(i % CHANNELS) ? x : whole.normalisation.featureMean[i % CHANNELS],
      ),
    };
    const expected = outputsOf(whole, stuck);
    expectClose(outputsOf(prepared, some), expected, () => 1e-5);
    const wide = withChannels(day, [...kept, 0]);
    const renamed = {
      ...wide,
      channels: wide.channels.map((channel, i) => (i === 3 ? { ...channel, label: 'new' } : channel)),
    };
    const extended = prepareForSession(base, renamed);
    expectClose(outputsOf(extended, renamed), expected, () => 1e-5);
    expect(extended.normalisation.featureScale[3]).toBeGreaterThan(0);
  });

  it('keeps silent channels out, and refuses a session that is silent as a whole', () => {
    const silenced = { ...day, features: day.features.map((x, i) => (i % CHANNELS === 4 ? 0 : x)) };
    expect(prepareForSession(base, silenced).normalisation.featureScale[4]).toBe(0);
    const silent = { ...day, features: new Float32Array(day.features.length) };
    expect(betzErrorOf(() => prepareForSession(base, silent)).code).toBe('CAL_FEATURES_CONSTANT');
  });

  it('gives a channel that the base ignored its own scale, and holds others near those of the base', () => {
    const { featureScale } = prepareForSession(base, day).normalisation;
    const deviationOf = (c: number): number => {
      const own = day.features.filter((__, i) => i % CHANNELS === c);
      const mean = own.reduce((sum, x) => sum + x, 0) / own.length;
      return Math.sqrt(own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / own.length);
    };
    expect(base.normalisation.featureScale[2]).toBe(0);
    expect(featureScale[2]).toBeCloseTo(1 / deviationOf(2), 4);
    // 10 s of data beside 5 s worth of the base
    const variance = (10 * deviationOf(1) ** 2 + 5 / base.normalisation.featureScale[1] ** 2) / 15;
    expect(featureScale[1]).toBeCloseTo(1 / Math.sqrt(variance), 4);
  });

  it('refuses sessions that it cannot know anything of', () => {
    const strangers = {
      ...day,
      channels: day.channels.map(({ unit }, i) => ({ label: `stranger ${i}`, unit })),
    };
    expect(betzErrorOf(() => prepareForSession(base, strangers)).code).toBe('CAL_CHANNELS_UNMATCHED');
    expect(betzErrorOf(() => prepareForSession(base, { ...day, binMs: 50 })).code).toBe('DEC_BIN_MISMATCH');
    for (const change of [{ name: 'handPosition' }, { unit: 'cm/s' }, { labels: ['y', 'x'] }]) {
      const other = { ...day, target: { ...day.target, ...change } };
      expect(betzErrorOf(() => prepareForSession(base, other)).code).toBe('DEC_OUTPUT_MISMATCH');
    }
  });
});

describe('sessions of a model', () => {
  it('keep what it was before', () => {
    const other = withChannels(day, [0, 1]);
    expect(prepareForSession(plain, other).sessions).toEqual([]);
    const named = { ...behindReadIn, provenance: { recording: 'monday' } };
    const { sessions = [] } = prepareForSession(named, other);
    expect(sessions).toHaveLength(1);
    expect(sessions[0]).toMatchObject({ name: 'monday', readIn: behindReadIn.readIn });
    expect(sessions[0].channelLabels).toEqual(behindReadIn.features.channelLabels);
  });

  it('are for kinds that are trained by gradient', () => {
    expect(() => {
      expectGradientKind(plain, 'readout');
    }).not.toThrow();
    const closed = labelled(randomModel(kalman, SHAPE, {}, 1));
    expect(
      betzErrorOf(() => {
        expectGradientKind(closed, 'readout');
      }),
    ).toMatchObject({
      code: 'CAL_METHOD_UNSUPPORTED',
      value: 'readout',
    });
  });
});
