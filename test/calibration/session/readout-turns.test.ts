/** Readouts of frozen features give the host a turn now and then, so that a Ctrl-C is heard in the middle of them. */
import { describe, expect, it } from 'vitest';
import { frozenFeatures } from '../../../src/calibration/session/frozen-features.ts';
import { normalisedTargets, readoutOf } from '../../../src/calibration/session/readout.ts';
import { READOUT_PENALTIES, ReadoutRegression } from '../../../src/calibration/session/readout-regression.ts';
import { inOneGo } from '../../../src/calibration/steps.ts';
import { loadKernels } from '../../../src/host/load-kernels.ts';
import { fitReadout, learnBinByBin } from '../../../src/calibration/session/readout-methods.ts';
import { holdOutBlocks } from '../../../src/calibration/session/held-out-blocks.ts';
import type { Fitted, SessionTask } from '../../../src/calibration/session/session-task.ts';
import { createCalibrationHost } from '../../../src/host/calibration-host.ts';
import { untrainedFor } from '../../support/decoder-models.ts';
import { linearRecording } from '../../support/linear-recording.ts';

const BINS = 4096;
const recording = linearRecording({ binCount: BINS, channelCount: 6, seed: 4 });
const prepared = untrainedFor(recording, 8);

/** @param onTurn called at every turn of the host, with its number from 1 */
function taskOf(onTurn: (turn: number) => void): SessionTask {
  let turns = 0;
  const yieldToHost = (): Promise<void> => {
    onTurn(++turns);
    return Promise.resolve();
  };
  return {
    base: prepared,
    prepared,
    recording,
    blocks: holdOutBlocks(recording),
    options: { method: 'readout' },
    host: { ...createCalibrationHost(1), yieldToHost },
  };
}

const methods: [string, (task: SessionTask) => Promise<Fitted>, number][] = [
  // Decoding, one pass over the bins, a step per output of two solutions, 17 penalties.
  ['readout', (task) => fitReadout(task), BINS / 512 + BINS / 1024 + 2 * 2 + 17],
  ['rls', (task) => learnBinByBin(task), BINS / 512 + (2 * BINS) / 128],
];

it('readout: the model is fitted on every bin once', async () => {
  const { model } = await fitReadout(taskOf(() => undefined));
  const features = inOneGo(frozenFeatures(prepared, recording, loadKernels()));
  const regression = new ReadoutRegression(
    readoutOf(prepared),
    features,
    normalisedTargets(prepared, recording),
  );
  inOneGo(regression.add(recording.segments));
  const { weight } = readoutOf(model);
  const distances = inOneGo(regression.solve(READOUT_PENALTIES)).map((fit) =>
    Math.max(...fit.weight.map((w, i) => Math.abs(w - weight[i]))),
  );
  expect(Math.min(...distances)).toBeLessThan(1e-6);
});

describe.each(methods)('%s', (_, fit, turnsMin) => {
  it('gives the host turns all along', async () => {
    let turns = 0;
    const { model } = await fit(taskOf(() => turns++));
    expect(turns).toBeGreaterThanOrEqual(turnsMin);
    expect(turns).toBeLessThan(1.5 * turnsMin);
    expect(model.tensors).not.toEqual(prepared.tensors);
  });

  it.each([1, 0.5, 1 / 16])('ends with what the host throws in a turn: after %d of them', async (share) => {
    const last = Math.floor(share * turnsMin);
    let turns = 0;
    const task = taskOf((turn) => {
      turns = turn;
      if (turn === last) throw new Error('cancelled');
    });
    await expect(fit(task)).rejects.toThrow('cancelled');
    expect(turns).toBe(last);
  });
});
