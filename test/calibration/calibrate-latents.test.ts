import { beforeAll, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { calibrate } from '../../src/calibration/calibrate.ts';
import type { Calibration } from '../../src/calibration/calibrate.ts';
import { inOneGo } from '../../src/calibration/steps.ts';
import { latentTask } from '../../src/calibration/calibrate-latents.ts';
import { calibrateSession } from '../../src/calibration/session/calibrate-session.ts';
import { decodeSession, scoreBlocks } from '../../src/calibration/session/session-scores.ts';
import { splitBins } from '../../src/calibration/splits.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';

const host = createCalibrationHost(1);
const recording = simulateRecording({ seed: 3, channelCount: 24 }, 60, 20);
const options = {
  kind: 'gru',
  config: { hiddenCount: 16 },
  training: { stepCount: 120, batchCount: 16, windowBins: 50, seed: 1 },
  latentCount: 4,
};

describe('a decoder of latents', () => {
  let calibration: Calibration;

  beforeAll(async () => {
    calibration = await calibrate(recording, options, host);
  });

  it('decodes the channels as well as it did its latents', () => {
    const { model, test } = calibration;
    expect(model.shape.inputCount).toBe(24);
    expect(model.readIn?.weight.shape).toEqual([4, 24]);
    expect(model.drift?.mean, 'of channels, not of latents').toHaveLength(24);
    expect(test.r2Mean).toBeGreaterThan(0.2);
    const firstTestBin = Math.floor(0.8 * recording.binCount);
    const outputs = decodeSession(model, recording, loadKernels());
    const blocks = [{ startBin: firstTestBin, endBin: recording.binCount }];
    // Its state is warm here, and was fresh there.
    expect(Math.abs(scoreBlocks(recording, outputs, blocks).metrics.r2Mean - test.r2Mean)).toBeLessThan(0.02);
  });

  it('keeps its day of calibration in its file, and comes to another day without labels', async () => {
    const model = decodeModel(encodeModel(calibration.model));
    expect(model).toEqual(calibration.model);
    // Every channel counts more, and some are silent.
    const features = recording.features.map((count, i) => (i % 24 < 3 ? 0 : count + (i % 2)));
    const { candidate, inService } = await calibrateSession(
      model,
      { ...recording, features },
      { method: 'stabilize' },
      host,
    );
    expect(candidate.scores.metrics.r2Mean).toBeGreaterThan(inService.metrics.r2Mean + 0.1);
    expect(candidate.model.tensors).toEqual(model.tensors);
    expect(candidate.model.drift?.mean.subarray(0, 3), 'drift is that of its own day').toEqual(
      new Float32Array(3),
    );
    expect(model.drift?.mean.some((mean, i) => i < 3 && mean > 0)).toBe(true);
    expect(decodeModel(encodeModel(candidate.model))).toEqual(candidate.model);
  });

  it('finds its latents without a look at what it is tested on', () => {
    const { fit } = splitBins(recording.binCount);
    const firstTestValue = fit.endBin * 24;
    const other = {
      ...recording,
      features: recording.features.map((count, i) => (i < firstTestValue ? count : 5 - count)),
    };
    const [one, two] = [recording, other].map((each) =>
      inOneGo(latentTask(each, fit, 'gru', { latentCount: 4, seed: 1 })).latents.features.slice(
        0,
        fit.endBin * 4,
      ),
    );
    expect(two).toEqual(one);
  });

  it('is what stabilising takes, and only kinds with a read-in can be', async () => {
    const plain = await calibrate(
      recording,
      { ...options, training: { ...options.training, stepCount: 4 } },
      host,
    );
    const without = { ...plain.model };
    delete without.stabilizer;
    const stabilising = calibrateSession(without, recording, { method: 'stabilize' }, host);
    expect((await betzErrorOfAsync(() => stabilising)).code).toBe('CAL_STABILIZE_REFERENCE');
    const wiener = (): Promise<Calibration> => calibrate(recording, { kind: 'wiener', latentCount: 4 }, host);
    expect((await betzErrorOfAsync(wiener)).code).toBe('CAL_METHOD_UNSUPPORTED');
  });
});
