import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BehaviourSignal, Recording, SpikeData } from '../../src/core/recording.ts';
import { Rng } from '../../src/core/rng.ts';
import { binRecording } from '../../src/recording/bin-recording.ts';
import { betzErrorOf } from '../support/recording-errors.ts';

/** Sampled every `intervalS` from `firstS` on; dimension d of sample i is f(time) + d. */
function signal(
  options: { name?: string; unit?: string; durationS: number; intervalS: number; firstS?: number },
  f: (timeS: number) => number = (timeS) => timeS,
): BehaviourSignal {
  const { name = 'handVelocity', unit = 'm/s', durationS, intervalS, firstS = intervalS / 2 } = options;
  const count = Math.max(0, Math.ceil((durationS - firstS) / intervalS - 1e-9));
  const timesS = Float64Array.from({ length: count }, (_, i) => firstS + i * intervalS);
  const values = Float32Array.from({ length: count * 2 }, (_, i) => f(timesS[i >> 1]) + (i % 2));
  return { name, labels: ['x', 'y'], unit, timesS, values };
}

function recordingOf(spikes: SpikeData, extra: Partial<Recording> = {}): Recording {
  const channelCount =
    spikes.kind === 'times' ? spikes.timesS.length : spikes.values.length / spikes.binCount;
  const durationS = spikes.kind === 'times' ? spikes.durationS : (spikes.binCount * spikes.binMs) / 1000;
  return {
    name: 'synthetic',
    channels: Array.from({ length: channelCount }, (_, i) => ({ label: `ch${i}`, unit: 'count' })),
    spikes,
    behaviour: [signal({ durationS, intervalS: 0.01 })],
    trials: [],
    joinsS: [],
    ...extra,
  };
}

function times(durationS: number, ...timesS: number[][]): SpikeData {
  return { kind: 'times', durationS, timesS: timesS.map((each) => Float64Array.from(each)) };
}

function counts(binMs: number, rows: number[][]): SpikeData {
  return { kind: 'counts', binMs, binCount: rows.length, values: Float32Array.from(rows.flat()) };
}

/** Edges lie on whole microseconds and spikes between them: no law depends on how a tie is decided. */
const microseconds = (rng: Rng, highS: number): number => Math.round(rng.uniform(0, highS) * 1e6) / 1e6;
const spikeTrain = (rng: Rng, count: number, durationS: number): number[] =>
  Array.from({ length: count }, () => (Math.floor(rng.uniform(0, durationS) * 1e6) + 0.5) / 1e6).sort(
    (a, b) => a - b,
  );

const sum = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);

describe('spike times', () => {
  it('a spike on an edge counts for the bin that begins there', () => {
    const binned = binRecording(recordingOf(times(0.1, [0, 0.02, 0.0399999, 0.06, 0.0999], [0.04])));
    expect(binned).toMatchObject({ binMs: 20, binCount: 5, segments: [{ startBin: 0, endBin: 5 }] });
    expect(Array.from(binned.features)).toEqual([1, 0, 2, 0, 0, 1, 1, 0, 1, 0]);
  });

  it('k * width falls into bin k for every k, whatever rounding does', () => {
    for (const binMs of [1, 5, 7, 10, 16.6, 20, 30, 45, 50]) {
      const binCount = 2000;
      const edges = Array.from({ length: binCount }, (_, k) => (k * binMs) / 1000);
      const sums = Array.from({ length: binCount }, () => 0);
      edges.reduce((t, _, k) => ((sums[k] = t), t + binMs / 1000), 0); // with rounding errors added up
      const durationS = (binCount * binMs) / 1000;
      const behaviour = [signal({ durationS, intervalS: binMs / 1000 })];
      const binned = binRecording(recordingOf(times(durationS, edges, sums), { behaviour }), { binMs });
      expect(binned.binCount).toBe(binCount);
      expect(binned.features.every((count) => count === 1)).toBe(true);
    }
  });

  it('a last bin that is not whole is dropped with its spikes', () => {
    const binned = binRecording(recordingOf(times(0.095, [0.01, 0.079, 0.08, 0.09])), { binMs: 20 });
    expect(binned.binCount).toBe(4);
    expect(Array.from(binned.features)).toEqual([1, 0, 0, 1]);
  });

  it('the grid starts anew at a join: no bin reaches across one', () => {
    const spikes = times(0.2, [0.01, 0.085, 0.09, 0.109, 0.11, 0.189, 0.191]);
    const binned = binRecording(recordingOf(spikes, { joinsS: [0.09] }), { binMs: 20 });
    // Bins [0, 80) ms, then [90, 190) ms.
    expect(binned.segments).toEqual([
      { startBin: 0, endBin: 4 },
      { startBin: 4, endBin: 9 },
    ]);
    expect(Array.from(binned.features)).toEqual([1, 0, 0, 0, 2, 1, 0, 0, 1]);
  });

  it.each([
    ['not a number', [0.01, NaN], 'spike 1 of channel 0 = NaN s'],
    ['negative', [-0.01], 'spike 0 of channel 0 = -0.01 s'],
    ['not in order', [0.05, 0.04], 'spike 1 of channel 0 = 0.04 s'],
    ['after the end', [0.05, 0.5], 'spike 1 of channel 0 = 0.5 s'],
  ])('a time that is %s is named', (_what, spikeTimes, place) => {
    const error = betzErrorOf(() => binRecording(recordingOf(times(0.1, spikeTimes))));
    expect(error).toMatchObject({ code: 'LOG_VALUE_INVALID', value: place });
  });

  it('law: every spike inside whole bins is counted once, whatever the joins', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 4 }),
        (seed, binMs, joins) => {
          const rng = new Rng(seed);
          const durationS = 1 + microseconds(rng, 3);
          const joinsS = Array.from({ length: joins }, () => microseconds(rng, durationS)).sort(
            (a, b) => a - b,
          );
          const trains = Array.from({ length: 3 }, () => spikeTrain(rng, 200, durationS));
          const behaviour = [signal({ durationS, intervalS: 0.002 })];
          const binned = binRecording(recordingOf(times(durationS, ...trains), { joinsS, behaviour }), {
            binMs,
          });
          // The segments cover every bin, in order, and fill the time between joins but for less than a bin.
          const cuts = [0, ...joinsS, durationS];
          const lengths = cuts.slice(1).map((cut, i) => Math.floor((cut - cuts[i] + 1e-9) / (binMs / 1000)));
          const whole = lengths.filter((length) => length > 0);
          expect(binned.segments.map((s) => s.endBin - s.startBin)).toEqual(whole);
          expect(binned.segments.map((s) => s.startBin)).toEqual(
            whole.map((_, i) => sum(Float32Array.from(whole.slice(0, i)))),
          );
          expect(binned.binCount).toBe(sum(Float32Array.from(whole)));
          const inside = trains.flat().filter((timeS) => {
            const cut = cuts.findLastIndex((each) => each <= timeS);
            return timeS < cuts[cut] + (lengths[cut] * binMs) / 1000;
          });
          expect(sum(binned.features)).toBe(inside.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('counts', () => {
  const rows = [
    [1, 0],
    [2, 1],
    [0, 3],
    [4, 0],
    [5, 1],
    [6, 6],
    [7, 0],
  ];

  it('keep their own width', () => {
    const recording = recordingOf(counts(50, rows));
    for (const options of [{}, { binMs: 50 }]) {
      const binned = binRecording(recording, options);
      expect(binned).toMatchObject({ binMs: 50, binCount: 7 });
      expect(Array.from(binned.features)).toEqual(rows.flat());
    }
  });

  it('are summed to a whole multiple; the rest at the end is dropped', () => {
    const binned = binRecording(recordingOf(counts(50, rows)), { binMs: 100 });
    expect(binned.binCount).toBe(3);
    expect(Array.from(binned.features)).toEqual([3, 1, 4, 3, 11, 7]);
  });

  it('are not summed across a join', () => {
    const binned = binRecording(recordingOf(counts(50, rows), { joinsS: [0.15] }), { binMs: 100 });
    // Rows 0 + 1, row 2 left over; rows 3 + 4, 5 + 6.
    expect(binned.segments).toEqual([
      { startBin: 0, endBin: 1 },
      { startBin: 1, endBin: 3 },
    ]);
    expect(Array.from(binned.features)).toEqual([3, 1, 9, 1, 13, 6]);
  });

  it('a bin with a join inside is dropped', () => {
    const binned = binRecording(recordingOf(counts(50, rows), { joinsS: [0.12] }));
    expect(binned.segments).toEqual([
      { startBin: 0, endBin: 2 },
      { startBin: 2, endBin: 6 },
    ]);
    expect(Array.from(binned.features)).toEqual([rows[0], rows[1], ...rows.slice(3)].flat());
  });

  it.each([25, 75, 0, -50, NaN, Infinity, 50.01])('cannot be brought to %d ms', (binMs) => {
    const error = betzErrorOf(() => binRecording(recordingOf(counts(50, rows)), { binMs }));
    expect(error).toMatchObject({ code: 'LOG_BIN_WIDTH', value: binMs });
  });

  it.each([NaN, -1, Infinity])('%d is named', (bad) => {
    const error = betzErrorOf(() =>
      binRecording(
        recordingOf(
          counts(50, [
            [1, 2],
            [3, bad],
          ]),
        ),
      ),
    );
    expect(error).toMatchObject({ code: 'LOG_VALUE_INVALID', value: `bin 1 of channel 1 = ${bad}` });
  });

  it('too short for one bin', () => {
    const error = betzErrorOf(() => binRecording(recordingOf(counts(50, [[1]])), { binMs: 100 }));
    expect(error.code).toBe('LOG_RECORDING_TOO_SHORT');
    const odd = betzErrorOf(() => binRecording(recordingOf(times(0.1 + 0.2 - 0.29, [])), { binMs: 20 }));
    expect(odd).toMatchObject({ code: 'LOG_RECORDING_TOO_SHORT', value: 0.01 });
    expect(odd.message).toContain(' lasts 0.01 s ');
  });

  it('law: counts summed from fine bins equal the same spikes binned at once', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 5 }), (seed, multiple) => {
        const rng = new Rng(seed);
        const joinsS = [0.5, 1.2];
        const train = spikeTrain(rng, 300, 2);
        const spikes = recordingOf(times(2, train), { joinsS });
        const fine = binRecording(spikes, { binMs: 10 });
        const fineCounts: SpikeData = { kind: 'counts', binMs: 10, binCount: 200, values: fine.features };
        const coarse = binRecording(recordingOf(fineCounts, { joinsS }), { binMs: 10 * multiple });
        const direct = binRecording(spikes, { binMs: 10 * multiple });
        expect(coarse.features).toEqual(direct.features);
        expect(coarse.segments).toEqual(direct.segments);
        expect(Array.from(coarse.target.values)).toEqual(Array.from(direct.target.values));
      }),
    );
  });
});

describe('the target', () => {
  const flat = (durationS: number): SpikeData => times(durationS, []);
  const x = (values: Float32Array): number[] => Array.from(values).filter((_, i) => i % 2 === 0);

  it('is the mean of the samples in each bin, [start, end)', () => {
    const behaviour = [signal({ durationS: 0.06, intervalS: 0.01, firstS: 0 }, (s) => Math.round(s * 100))];
    const binned = binRecording(recordingOf(flat(0.06), { behaviour }), { binMs: 20 });
    expect(binned.target).toMatchObject({ name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' });
    expect(Array.from(binned.target.values)).toEqual([0.5, 1.5, 2.5, 3.5, 4.5, 5.5]);
  });

  it('is interpolated at the centre of bins shorter than the sampling interval, held at the ends', () => {
    const behaviour = [signal({ durationS: 0.2, intervalS: 0.05 }, (s) => s * 1000)]; // at 25, 75, 125, 175 ms
    const binned = binRecording(recordingOf(flat(0.2), { behaviour }), { binMs: 10 });
    const expected = Array.from({ length: 20 }, (_, i) => Math.min(175, Math.max(25, 10 * i + 5)));
    x(binned.target.values).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 3);
    });
  });

  it('is not interpolated across a join', () => {
    const behaviour = [signal({ durationS: 0.2, intervalS: 0.02 }, (s) => (s < 0.1 ? 1 : 9))];
    const binned = binRecording(recordingOf(flat(0.2), { behaviour, joinsS: [0.1] }), { binMs: 5 });
    expect(x(binned.target.values)).toEqual([...Array<number>(20).fill(1), ...Array<number>(20).fill(9)]);
  });

  it('may lack one sample but not more', () => {
    const whole = signal({ durationS: 1, intervalS: 0.02 });
    const without = (first: number, count: number): BehaviourSignal => ({
      ...whole,
      timesS: whole.timesS.filter((_, i) => i < first || i >= first + count),
      values: whole.values.filter((_, i) => i >> 1 < first || i >> 1 >= first + count),
    });
    const one = binRecording(recordingOf(flat(1), { behaviour: [without(20, 1)] }));
    expect(one.target.values[2 * 20]).toBeCloseTo(0.41, 6);
    const error = betzErrorOf(() => binRecording(recordingOf(flat(1), { behaviour: [without(20, 2)] })));
    expect(error).toMatchObject({
      code: 'LOG_BEHAVIOUR_GAP',
      message: expect.stringContaining('(bin 20)') as string,
    });
    for (const [first, count] of [
      [0, 10],
      [40, 10],
      [0, 50],
    ]) {
      const behaviour = [without(first, count)];
      expect(betzErrorOf(() => binRecording(recordingOf(flat(1), { behaviour }))).code).toBe(
        'LOG_BEHAVIOUR_GAP',
      );
    }
  });

  it('is the first velocity unless it is named', () => {
    const options = { durationS: 1, intervalS: 0.01 };
    const behaviour = [
      signal({ ...options, name: 'handPosition', unit: 'm' }),
      signal({ ...options, name: 'cursorSpeed', unit: 'cm/s' }),
      signal({ ...options, name: 'handVelocity' }),
    ];
    const recording = recordingOf(flat(1), { behaviour });
    expect(binRecording(recording).target.name).toBe('cursorSpeed');
    expect(binRecording(recording, { targetName: 'handPosition' }).target).toMatchObject({
      name: 'handPosition',
      unit: 'm',
    });
    const error = betzErrorOf(() => binRecording(recording, { targetName: 'force' }));
    expect(error).toMatchObject({ code: 'LOG_TARGET_UNKNOWN', value: 'force' });
    expect(error.tip).toContain('handPosition, cursorSpeed, handVelocity');
    const still = recordingOf(flat(1), { behaviour: behaviour.slice(0, 1) });
    expect(betzErrorOf(() => binRecording(still)).tip).toContain('handPosition');
    expect(betzErrorOf(() => binRecording(recordingOf(flat(1), { behaviour: [] }))).tip).toContain(
      'no behaviour',
    );
  });

  it('has to be finite and in order', () => {
    const change = (edit: (s: BehaviourSignal) => void): Recording => {
      const changed = signal({ durationS: 1, intervalS: 0.01 });
      edit(changed);
      return recordingOf(flat(1), { behaviour: [changed] });
    };
    const value = (edit: (s: BehaviourSignal) => void): unknown =>
      betzErrorOf(() => binRecording(change(edit))).value;
    expect(value((s) => (s.values[15] = NaN))).toBe('handVelocity.y sample 7 = NaN');
    expect(value((s) => (s.values[0] = Infinity))).toBe('handVelocity.x sample 0 = Infinity');
    expect(value((s) => (s.timesS[3] = NaN))).toBe('handVelocity time 3 = NaN');
    expect(value((s) => (s.timesS[3] = s.timesS[2]))).toMatch(/^handVelocity time 3 = /);
  });
});
