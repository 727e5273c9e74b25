/** From options to a source: what a model's neural lag means for the simulated array, and how long a session is. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frameAfter, simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { chooseSource } from '../../src/cli/run-source.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { lagBehaviour } from '../../src/recording/neural-lag.ts';
import { Session } from '../../src/runtime/session.ts';
import { writeSmallRecording } from '../support/cli-files.ts';
import { betzErrorOf } from '../support/recording-errors.ts';
import { MemorySink, wienerModel } from '../support/sessions.ts';

const CHANNELS = 48;
const options = { seed: 1, speed: 'max', channels: CHANNELS } as const;
/** A decoder of what the hand does `lagMs` later. */
const laggedModel = (lagMs: number): Model => {
  const recording = lagBehaviour(simulateRecording({ seed: 1, channelCount: CHANNELS }, 60, 20), lagMs);
  return { ...wienerModel(recording), provenance: { lagMs } };
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'betz-run-source-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the simulated array of a model with a neural lag', () => {
  it('says what the hand does so much later, as calibration paired it', async () => {
    const model = laggedModel(160);
    const source = chooseSource({ ...options, duration: 4 }, model);
    expect(source.name).toBe('simulated array, 48 channels, seed 1, day 0, the hand 160 ms later');
    const sink = new MemorySink();
    await (
      await Session.start({ source: source.worker, modelBytes: encodeModel(model), sinks: [sink] })
    ).done;
    const straight = simulateRecording({ seed: 1, channelCount: CHANNELS }, 4.16, 20, frameAfter(120));
    const { target, binCount } = lagBehaviour(straight, 160);
    expect(binCount).toBe(sink.records.length);
    sink.records.forEach(({ truth }, bin) => {
      expect(truth[0]).toBeCloseTo(target.values[2 * bin], 6);
      expect(truth[1]).toBeCloseTo(target.values[2 * bin + 1], 6);
    });
  });

  it('takes a lag of less than a millisecond for none, and rounds others', () => {
    expect(chooseSource(options, { ...laggedModel(0), provenance: { lagMs: 0.4 } }).name).toMatch(/day 0$/);
    expect(chooseSource(options, { ...laggedModel(0), provenance: { lagMs: 62.5 } }).name).toMatch(
      /the hand 63 ms later$/,
    );
    expect(chooseSource(options, { ...laggedModel(0), provenance: { lagMs: -500 } }).name).toMatch(
      /the hand 500 ms earlier$/,
    );
    expect(chooseSource(options, undefined).name).toMatch(/day 0$/);
  });
});

it.each([501, -501])('the simulated array refuses a model with a lag of %d ms', (lagMs) => {
  const refused = betzErrorOf(() => chooseSource(options, { ...laggedModel(0), provenance: { lagMs } }));
  expect(refused).toMatchObject({ code: 'CFG_USAGE', value: lagMs });
  expect(refused.tip).toContain('--recording');
});

describe('the length of a session', () => {
  it('is that asked for, or without end, and in a replay no longer than its recording', () => {
    expect(chooseSource({ ...options, duration: 40 }, undefined).seconds).toBe(40);
    expect(chooseSource(options, undefined).seconds).toBe(Infinity);
    const recording = join(folder, 'small.mat');
    writeSmallRecording(recording);
    const replay = { recording, speed: 'max', seed: 1, from: 0.2 } as const;
    expect(chooseSource(replay, undefined).seconds).toBeCloseTo(60, 9);
    expect(chooseSource({ ...replay, duration: 15 }, undefined).seconds).toBeCloseTo(15, 9);
    expect(chooseSource({ ...replay, duration: 1e6 }, undefined).seconds).toBeCloseTo(60, 9);
  });
});
