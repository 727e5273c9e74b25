import { describe, expect, it } from 'vitest';
import { fitReference, latentsOf, stabilize } from '../../src/calibration/stabilize.ts';
import type { UnlabelledCounts } from '../../src/calibration/stabilize.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { drawBins, randomFactors, relativeDistance } from '../support/factor-data.ts';

const CHANNELS = 30;
const LATENTS = 4;
const truth = randomFactors(CHANNELS, LATENTS, 3);
const channelLabels = Array.from({ length: CHANNELS }, (_, i) => `channel ${i}`);
const first = drawBins(truth, 4000, 1);
const reference = fitReference(dayOf(first.counts), { latentCount: LATENTS });

/** Bins of 45 ms, as in the paper: windows are one bin. */
function dayOf(counts: Float32Array, labels: readonly string[] = channelLabels): UnlabelledCounts {
  const segments = [{ startBin: 0, endBin: counts.length / CHANNELS }];
  return { counts, channelLabels: labels, binMs: 45, segments };
}

/** Another day of the same factors, channel by channel changed. */
function anotherDay(change: (count: number, channel: number) => number): UnlabelledCounts {
  return dayOf(drawBins(truth, 4000, 2).counts.map((count, i) => change(count, i % CHANNELS)));
}
const unchanged = drawBins(truth, 4000, 2).counts;

describe('stabilize', () => {
  it('brings a day of other starts into the space of the reference', () => {
    const today = stabilize(
      reference,
      anotherDay((count) => count),
      { seed: 77 },
    );
    const expected = latentsOf(reference.factors, unchanged);
    expect(relativeDistance(latentsOf(today.factors, unchanged), expected)).toBeLessThan(0.1);
    expect(today.misfit).toBeLessThan(0.1);
    expect(today.dropped).toHaveLength(6); // a fifth
  });

  it('finds exchanged, turned, offset and silent channels, and gives the latents that they would have given', () => {
    const swaps = new Map([
      [2, 9],
      [9, 2],
      [20, 5],
      [5, 20],
    ]);
    const raw = unchanged;
    const counts = raw.map((_, i) => {
      const channel = i % CHANNELS;
      if (channel === 7) return 0;
      return raw[i - channel + (swaps.get(channel) ?? channel)] + (channel % 2 === 0 ? 3 : 0.4);
    });
    const today = stabilize(reference, dayOf(counts));
    const reasons = new Map(today.dropped.map(({ label, reason }) => [label, reason]));
    expect(reasons.get('channel 7')).toBe('silent');
    for (const channel of swaps.keys()) expect(reasons.get(`channel ${channel}`)).toBe('unstable');
    expect(reasons.has('channel 12')).toBe(false); // an offset changes no loadings
    const expected = latentsOf(reference.factors, raw);
    const before = relativeDistance(latentsOf(reference.factors, counts), expected);
    const after = relativeDistance(latentsOf(today.factors, counts), expected);
    expect(before).toBeGreaterThan(0.25);
    expect(after).toBeLessThan(0.1);
  });

  it('keeps as many channels as asked for, and never fewer than twice the latents', () => {
    const day = anotherDay((count) => count);
    expect(stabilize(reference, day, { stableShare: 0.5 }).dropped).toHaveLength(15);
    expect(stabilize(reference, day, { stableShare: 0.01 }).dropped).toHaveLength(CHANNELS - 2 * LATENTS);
    expect(stabilize(reference, day, { stableShare: 1 }).dropped).toEqual([]);
  });

  it('is the same for the same seed', () => {
    const day = anotherDay((count) => count);
    expect(stabilize(reference, day, { seed: 3 })).toEqual(stabilize(reference, day, { seed: 3 }));
  });

  it('refuses what it cannot align, by code', () => {
    const code = (counts: Float32Array, labels = channelLabels): string =>
      betzErrorOf(() => stabilize(reference, dayOf(counts, labels))).code;
    expect(code(unchanged.subarray(0, 59 * CHANNELS))).toBe('CAL_STABILIZE_TOO_SHORT');
    expect(code(new Float32Array(0))).toBe('CAL_STABILIZE_TOO_SHORT');
    expect(code(unchanged.map(() => 3))).toBe('CAL_FEATURES_CONSTANT');
    const silent = unchanged.map((count, i) => (i % CHANNELS < 3 ? count : 0));
    const tooFew = betzErrorOf(() => stabilize(reference, dayOf(silent, channelLabels)));
    expect(tooFew).toMatchObject({ code: 'CAL_STABILIZE_LATENTS', value: LATENTS });
    expect(tooFew.message).toMatch(/from 3 channels that tell of them$/);
    expect(tooFew.tip).toMatch(/^Check for channels that fell silent/);
    expect(code(unchanged.map((count, i) => (i === 500 ? NaN : count)))).toBe('CAL_STABILIZE_NOT_FINITE');
    expect(code(unchanged, channelLabels.slice(1))).toBe('CAL_STABILIZE_CHANNELS');
    const exchanged = channelLabels.map((label, i) => (i === 4 ? 'channel 40' : label));
    const error = betzErrorOf(() => stabilize(reference, dayOf(unchanged, exchanged)));
    expect(error).toMatchObject({ code: 'CAL_STABILIZE_CHANNELS', value: 'channel 40' });
    const tooMany = betzErrorOf(() => fitReference(dayOf(unchanged), { latentCount: CHANNELS + 1 }));
    expect(tooMany).toMatchObject({ code: 'CAL_STABILIZE_LATENTS', value: CHANNELS + 1 });
    expect(tooMany.tip).toContain('ask for fewer latents');
  });

  it('takes noise without factors, constant channels and huge counts without NaN', () => {
    const noise = anotherDay((_, channel) => channel);
    let state = 1;
    noise.counts.forEach((value, i) => {
      state = (state * 48271) % 2147483647;
      noise.counts[i] = i % CHANNELS < 10 ? value : 1e6 * (state / 2147483647);
    });
    const today = stabilize(reference, noise);
    expect(latentsOf(today.factors, noise.counts).every(Number.isFinite)).toBe(true);
    expect(today.dropped.filter(({ reason }) => reason === 'silent').length).toBeGreaterThanOrEqual(10);
  });
});
