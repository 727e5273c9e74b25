import { describe, expect, it } from 'vitest';
import { simulatedArrayConfig } from '../../../src/acquisition/simulated/array-config.ts';
import { SimulatedArray } from '../../../src/acquisition/simulated/simulated-array.ts';
import { simulatedSource } from '../../../src/acquisition/simulated/simulated-source.ts';
import type { SimulatedSourceOptions } from '../../../src/acquisition/simulated/simulated-source.ts';
import { FakeClock } from '../../../src/core/clock.ts';
import { itObeysSourceLaws } from '../../compliance/source.ts';
import { betzErrorOf } from '../../support/recording-errors.ts';
import { framesOf, runSource } from '../../support/source-run.ts';
import type { SourceMaker } from '../../support/source-run.ts';

const make =
  (options: SimulatedSourceOptions): SourceMaker =>
  (clock) =>
    simulatedSource.create(options, { clock });

describe('simulated source', () => {
  describe('laws', () => {
    // The last chunk is not whole, and the stretch crosses a border of spike blocks.
    const options = { array: { channelCount: 5, seed: 21 }, startFrame: 900, frameCount: 203, chunkMs: 7 };
    itObeysSourceLaws({ paced: make(options), unpaced: make({ ...options, speed: 'max' }) });
  });

  it('delivers the frames of the array from the start frame on', async () => {
    const array = { channelCount: 6, seed: 5, day: 3 };
    const run = await runSource(make({ array, startFrame: 2345, frameCount: 100, speed: 'max' }));
    const samples = new Float32Array(600);
    const truth = new Float32Array(200);
    new SimulatedArray(simulatedArrayConfig.parse(array), 2345).read(100, samples, truth);
    const frames = [...framesOf(run).values()];
    expect(frames.flatMap((frame) => frame.samples)).toEqual([...samples]);
    expect(frames.flatMap((frame) => frame.truth)).toEqual([...truth]);
  });

  it.each([100, -40, 437, 500, -500])('pairs a frame with the velocity %d ms later', async (lagMs) => {
    const array = { channelCount: 2, seed: 5 };
    const run = await runSource(make({ array, lagMs, startFrame: 2345, frameCount: 700, speed: 'max' }));
    const plain = new SimulatedArray(simulatedArrayConfig.parse(array), 2345);
    const samples = new Float32Array(1400);
    plain.read(700, samples, new Float32Array(1400));
    const later = new Float32Array(1400);
    new SimulatedArray(simulatedArrayConfig.parse(array), 2345 + lagMs).read(
      700,
      new Float32Array(1400),
      later,
    );
    const frames = [...framesOf(run).values()];
    expect(
      frames.flatMap((frame) => frame.samples),
      'the spikes are the same',
    ).toEqual([...samples]);
    expect(frames.flatMap((frame) => frame.truth)).toEqual([...later]);
    expect(new Set(later).size, 'the hand moves').toBeGreaterThan(500);
  });

  it('knows of no movement before the first frame, and refuses a lag that it cannot pair', async () => {
    const run = await runSource(
      make({ array: { channelCount: 1 }, lagMs: -300, frameCount: 300, speed: 'max' }),
    );
    expect([...framesOf(run).values()].flatMap((frame) => frame.truth).every((value) => value === 0)).toBe(
      true,
    );
    for (const lagMs of [501, -501, 0.5])
      expect(betzErrorOf(() => simulatedSource.create({ lagMs }, { clock: new FakeClock() })).code).toBe(
        'CFG_SOURCE_CONFIG',
      );
  });

  it('delivers a chunk every 5 ms, and never ends by itself, if nothing else is asked for', async () => {
    const run = await runSource(make({}), {
      duringSleep: ({ ring, stop }) => {
        ring.takeAll();
        if (stop.sleepsMs.length === 200) stop.set();
      },
    });
    expect(run.info.frameCount).toBeUndefined();
    expect(run.info).toMatchObject({ clockDomain: 'simulated', truth: { unit: 'm/s', labels: ['x', 'y'] } });
    const { taken } = run.ring;
    expect(taken).toHaveLength(199);
    expect(taken.every((chunk) => chunk.frameCount === 5)).toBe(true);
    expect(taken[100].scheduledNs - taken[99].scheduledNs).toBeCloseTo(5e6, 3);
  });
});
