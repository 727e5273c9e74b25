import { describe, expect, it } from 'vitest';
import { replaySource } from '../../../src/acquisition/replay/replay-source.ts';
import type { ReplaySourceOptions } from '../../../src/acquisition/replay/replay-source.ts';
import { splitBins } from '../../../src/calibration/splits.ts';
import { FakeClock } from '../../../src/core/clock.ts';
import { itObeysSourceLaws } from '../../compliance/source.ts';
import { randomRecording } from '../../support/random-recording.ts';
import { framesOf, runSource } from '../../support/source-run.ts';
import type { SourceMaker, SourceRun } from '../../support/source-run.ts';

const make =
  (options: ReplaySourceOptions): SourceMaker =>
  (clock) =>
    replaySource.create(options, { clock });

/** Bins of the recording that the frames were taken from, by their (random) truth. */
function binsOf(run: SourceRun, values: Float32Array): number[] {
  return [...framesOf(run).values()].map(({ truth }) => values.indexOf(truth[0]) / 2);
}

const recording = randomRecording(1, { segmentStarts: [0, 11, 12, 40] });

describe('replay source', () => {
  describe('laws', () => {
    const options = { recording, from: 5, to: 45, loops: 2 };
    itObeysSourceLaws({ paced: make(options), unpaced: make({ ...options, speed: 'max' }) });
  });

  it('gives one frame per bin: its counts and its truth, at the rate of the bins', async () => {
    const run = await runSource(make({ recording, speed: 'max' }));
    expect(run.info).toMatchObject({
      sampleRateHz: 20,
      clockDomain: 'replay',
      maxFramesPerChunk: 1,
      frameCount: 60,
      channels: recording.channels,
      truth: { name: 'handVelocity', labels: ['x', 'y'], unit: 'm/s' },
    });
    const frames = [...framesOf(run).values()];
    expect(frames.flatMap(({ samples }) => samples)).toEqual([...recording.features]);
    expect(frames.flatMap(({ truth }) => truth)).toEqual([...recording.target.values]);
  });

  it('is paced by the bin width and the speed', async () => {
    const run = await runSource(make({ recording, speed: 10 }));
    const { taken } = run.ring;
    expect(taken).toHaveLength(60);
    expect(taken[59].scheduledNs - taken[0].scheduledNs).toBeCloseTo(59 * 5e6, 3);
  });

  it('begins with the test part of calibration at 80 %, for any number of bins', async () => {
    for (let binCount = 100; binCount < 140; binCount++) {
      const long = randomRecording(binCount, { binCount });
      const run = await runSource(make({ recording: long, from: { fraction: 0.8 }, speed: 'max' }));
      const { startBin } = splitBins(binCount).test;
      expect(binsOf(run, long.target.values)[0]).toBe(startBin);
      expect(run.info.frameCount).toBe(binCount - startBin);
    }
  });

  it('joins where the recording does, and where a loop begins anew, but not at its own start', async () => {
    const run = await runSource(make({ recording, from: 11, to: 41, loops: 3, speed: 'max' }));
    const joins = run.ring.taken.filter(({ isJoin }) => isJoin === 1).map((chunk) => chunk.firstFrameIndex);
    expect(joins).toEqual([1, 29, 30, 31, 59, 60, 61, 89]);
    expect(run.events).toEqual([
      ...joins.map((frameIndex) => ({ kind: 'join', frameIndex })),
      { kind: 'end', frameIndex: 90 },
    ]);
    const bins = Array.from({ length: 30 }, (_, i) => 11 + i);
    expect(binsOf(run, recording.target.values)).toEqual([...bins, ...bins, ...bins]);
  });

  it('reads arrays that threads share', async () => {
    const features = new Float32Array(new SharedArrayBuffer(recording.features.byteLength));
    features.set(recording.features);
    const run = await runSource(make({ recording: { ...recording, features }, speed: 'max' }));
    expect([...framesOf(run).values()].flatMap(({ samples }) => samples)).toEqual([...recording.features]);
  });

  it.each([
    [{ from: 60 }, { startBin: 60, endBin: 60 }],
    [
      { from: 30, to: 20 },
      { startBin: 30, endBin: 20 },
    ],
    [{ to: 61 }, { startBin: 0, endBin: 61 }],
    [{ from: { fraction: 1 } }, { startBin: 60, endBin: 60 }],
  ])('refuses the range %o of 60 bins', (range, value) => {
    expect(() => replaySource.create({ recording, ...range }, { clock: new FakeClock() })).toThrow(
      expect.objectContaining({ code: 'CFG_REPLAY_RANGE', value }),
    );
  });

  it.each([
    ['features', { features: new Float32Array(3) }, 'need 240 features'],
    ['target', { target: { ...recording.target, values: new Float32Array(3) } }, 'need 120 values'],
    ['gap in segments', { segments: [{ startBin: 1, endBin: 60 }] }, 'begins at bin 0'],
    ['empty segment', { segments: [{ startBin: 0, endBin: 0 }] }, 'or it is empty'],
    ['segments that end early', { segments: [{ startBin: 0, endBin: 59 }] }, 'end at bin 59 of 60'],
    ['no channels', { channels: [] }, 'recording.channels'],
  ])('refuses a recording with wrong %s', (_, change, message) => {
    const create = (): unknown =>
      replaySource.create({ recording: { ...recording, ...change } }, { clock: new FakeClock() });
    expect(create).toThrow(expect.objectContaining({ code: 'CFG_SOURCE_CONFIG' }));
    expect(create).toThrow(message);
  });

  it('refuses to open a recording with a value that is not a number, saying where', async () => {
    for (const bad of [Number.NaN, Infinity]) {
      const features = recording.features.slice();
      features[4 * 17 + 2] = bad;
      const source = replaySource.create(
        { recording: { ...recording, features } },
        { clock: new FakeClock() },
      );
      await expect(source.open()).rejects.toMatchObject({ code: 'ACQ_RECORDING_NOT_FINITE', value: bad });
      await expect(source.open()).rejects.toThrow('bin 17');
    }
    const values = recording.target.values.slice();
    values[2 * 30] = Number.NaN;
    const source = replaySource.create(
      { recording: { ...recording, target: { ...recording.target, values } } },
      { clock: new FakeClock() },
    );
    await expect(source.open()).rejects.toThrow('bin 30 of the recording has a value in handVelocity');
  });
});
