/**
 * Which channels changed between the data that a model was made on and a session, from the mean rates alone: a model keeps those
 * (its normalisation), and they need no labels.
 *
 * The rule, of a channel that both know, with E the spikes that the base's rate gives in the session's time and O those seen:
 * - fell silent: O = 0 where E >= 10 (by chance: e^-10 = 0.00005);
 * - woke up: the base ignored it (silent, or the same count in every bin), and now O >= 10 and it varies;
 * - stuck: the same count, not 0, in every bin;
 * - rate changed: by a factor of 1.5 at least, and |z| >= 4 where z = sqrt(2) (sqrt(O) - sqrt(E)) / sqrt(F).
 * z is the two-sample test of Poisson counts after the square root, which makes their variance 1/4 (Bartlett 1936, J. R. Stat.
 * Soc. Suppl. 3, 68-78): the base's own rate is taken to be known from as much data as the session's. F >= 1 is the Fano factor
 * (variance over mean of a bin's count, the larger of base and session) and widens Poisson's noise where counts vary more.
 */
import type { BinnedRecording } from '../../core/recording.ts';
import type { Model } from '../../decoders/decoder.ts';
import { columnMoments } from '../normalisation.ts';

export const SPIKES_MIN = 10;
export const FACTOR_MIN = 1.5;
export const Z_MIN = 4;

export type ChannelState =
  'fell silent' | 'woke up' | 'stuck' | 'rate rose' | 'rate fell' | 'new' | 'gone' | 'unchanged';

export interface ChannelChange {
  label: string;
  state: ChannelState;
  /** Spikes per second when the base was made; null for a new channel. */
  baseHz: number | null;
  /** In the session; null for a channel that is gone. */
  sessionHz: number | null;
  /** sessionHz / baseHz; null without both, or without a base rate. */
  factor: number | null;
  /** Of the rule above; null where it does not apply. */
  z: number | null;
  /** How far the mean moved in deviations of the base: what its normalisation, left as it is, would let in. */
  shiftDeviations: number | null;
}

/** Every channel of the session in its order, then those of the base that are gone. */
export function channelChanges(base: Model, recording: BinnedRecording): ChannelChange[] {
  const { channels, features, binCount, binMs } = recording;
  const { featureMean, featureScale } = base.normalisation;
  const places = new Map(base.features.channelLabels.map((label, index) => [label, index]));
  const { means, deviations } = columnMoments(features, channels.length, { startBin: 0, endBin: binCount });
  const perS = 1000 / binMs;
  const present = channels.map(({ label }, channel): ChannelChange => {
    const mean = means[channel];
    const place = places.get(label);
    if (place === undefined) return { ...nothing(label, 'new'), sessionHz: mean * perS };
    const before: Moments = {
      mean: featureMean[place],
      deviation: featureScale[place] === 0 ? 0 : 1 / featureScale[place],
    };
    const after: Moments = { mean, deviation: deviations[channel] };
    // Smoothing makes the base's deviation smaller than that of a bin's count: only the session's is right then.
    const fano = Math.max(1, fanoOf(after), base.features.smoothing === 0 ? fanoOf(before) : 1);
    const z = zOf(before.mean * binCount, mean * binCount, fano);
    const factor = before.mean === 0 ? null : mean / before.mean;
    return {
      label,
      state: stateOf(before, after, binCount, z),
      baseHz: before.mean * perS,
      sessionHz: mean * perS,
      factor,
      z,
      shiftDeviations: before.deviation === 0 ? null : (mean - before.mean) / before.deviation,
    };
  });
  const here = new Set(channels.map(({ label }) => label));
  const gone = base.features.channelLabels.flatMap((label, place) =>
    here.has(label) ? [] : [{ ...nothing(label, 'gone'), baseHz: featureMean[place] * perS }],
  );
  return [...present, ...gone];
}

/** Of a bin's count. */
interface Moments {
  mean: number;
  deviation: number;
}

function stateOf(before: Moments, after: Moments, binCount: number, z: number): ChannelState {
  const expected = before.mean * binCount;
  const seen = Math.round(after.mean * binCount);
  if (seen === 0) return expected >= SPIKES_MIN ? 'fell silent' : 'unchanged';
  if (after.deviation === 0) return 'stuck';
  if (before.deviation === 0) return seen >= SPIKES_MIN ? 'woke up' : 'unchanged';
  if (Math.abs(z) < Z_MIN) return 'unchanged';
  if (seen >= FACTOR_MIN * expected) return 'rate rose';
  return seen * FACTOR_MIN <= expected ? 'rate fell' : 'unchanged';
}

/** A mean below 0 is possible only in a model whose features were no counts; its root is not. */
function zOf(expected: number, seen: number, fano: number): number {
  return (Math.SQRT2 * (Math.sqrt(seen) - Math.sqrt(Math.max(0, expected)))) / Math.sqrt(fano);
}

function fanoOf({ mean, deviation }: Moments): number {
  return mean > 0 ? deviation ** 2 / mean : 1;
}

function nothing(label: string, state: ChannelState): ChannelChange {
  return { label, state, baseHz: null, sessionHz: null, factor: null, z: null, shiftDeviations: null };
}
