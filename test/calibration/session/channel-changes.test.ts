import { describe, expect, it } from 'vitest';
import { simulateRecording } from '../../../src/acquisition/simulated/simulate-recording.ts';
import { columnMoments } from '../../../src/calibration/normalisation.ts';
import { channelChanges } from '../../../src/calibration/session/channel-changes.ts';
import type { BinnedRecording } from '../../../src/core/recording.ts';
import type { Model } from '../../../src/decoders/decoder.ts';
import { findDecoderKind } from '../../../src/decoders/registry.ts';
import { randomModel } from '../../support/decoder-models.ts';

const BIN_MS = 20;

/** A model whose z-scores are those of the recording. */
function baseOf({ features, channels, binCount }: BinnedRecording): Model {
  const range = { startBin: 0, endBin: binCount };
  const { means, deviations } = columnMoments(features, channels.length, range);
  const shape = { inputCount: channels.length, outputCount: 2 };
  const model = randomModel(findDecoderKind('gru'), shape, { hiddenCount: 4 }, 1);
  return {
    ...model,
    normalisation: {
      ...model.normalisation,
      featureMean: Float32Array.from(means),
      featureScale: Float32Array.from(deviations, (d) => (d === 0 ? 0 : 1 / d)),
    },
    features: { ...model.features, smoothing: 0, channelLabels: channels.map(({ label }) => label) },
  };
}

const before = simulateRecording({ seed: 4, channelCount: 60 }, 60, BIN_MS);
const base = baseOf(before);

/** The same channels with one of them changed. */
function changed(channel: number, change: (count: number, bin: number) => number): BinnedRecording {
  const width = before.channels.length;
  const features = before.features.map((count, i) =>
    i % width === channel ? change(count, Math.floor(i / width)) : count,
  );
  return { ...before, features };
}

/** A channel of at least 5 Hz. */
const active = base.normalisation.featureMean.findIndex((mean) => mean > 0.1);
const silent = base.normalisation.featureScale.indexOf(0);

describe('changes of channels', () => {
  it('of the same data: none', () => {
    const changes = channelChanges(base, before);
    expect(changes).toHaveLength(60);
    expect(changes.filter(({ state }) => state !== 'unchanged')).toEqual([]);
  });

  it('of another minute of the same day: at most one of 60', () => {
    const later = simulateRecording({ seed: 4, channelCount: 60 }, 60, BIN_MS, 60_000);
    const changes = channelChanges(base, later).filter(({ state }) => state !== 'unchanged');
    expect(changes.length).toBeLessThanOrEqual(1);
  });

  it.each<[string, number, (count: number, bin: number) => number]>([
    ['fell silent', active, () => 0],
    ['stuck', active, () => 2],
    ['rate rose', active, (count) => 2 * count],
    ['rate fell', active, (count, bin) => (bin % 3 === 0 ? count : 0)],
    ['woke up', silent, (_, bin) => (bin % 9 === 0 ? 1 : 0)],
  ])('%s', (state, channel, change) => {
    const changes = channelChanges(base, changed(channel, change)).filter(
      (each) => each.state !== 'unchanged',
    );
    expect(changes.map((each) => [each.label, each.state])).toEqual([
      [before.channels[channel].label, state],
    ]);
  });

  it('does not take the noise of a rare spike for a change', () => {
    const featureMean = base.normalisation.featureMean.slice();
    const featureScale = base.normalisation.featureScale.slice();
    featureMean[active] = 12 / before.binCount;
    featureScale[active] = 1 / Math.sqrt(featureMean[active]);
    const rare = { ...base, normalisation: { ...base.normalisation, featureMean, featureScale } };
    const spikes = (count: number): BinnedRecording => changed(active, (_, bin) => (bin < count ? 1 : 0));
    const stateOf = (count: number): string => channelChanges(rare, spikes(count))[active].state;
    expect([stateOf(20), stateOf(7), stateOf(60)]).toEqual(['unchanged', 'unchanged', 'rate rose']);
  });

  it('gives rates in Hz, and the factor between them', () => {
    const [change] = channelChanges(
      base,
      changed(active, (count) => 2 * count),
    ).slice(active);
    expect(change.baseHz).toBeCloseTo(base.normalisation.featureMean[active] * 50, 3);
    expect(change.factor).toBeCloseTo(2, 4);
    expect(change.sessionHz).toBeCloseTo(2 * change.baseHz!, 2);
  });

  it('names channels that are new, and those that are gone', () => {
    const channels = before.channels.map((channel, i) =>
      i === active ? { ...channel, label: 'novel' } : channel,
    );
    const states = channelChanges(base, { ...before, channels }).filter(({ state }) => state !== 'unchanged');
    expect(states.map(({ label, state }) => [label, state])).toEqual([
      ['novel', 'new'],
      [before.channels[active].label, 'gone'],
    ]);
  });
});
