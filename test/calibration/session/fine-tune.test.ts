import { describe, expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../../src/calibration/augmentation.ts';
import { fineTune } from '../../../src/calibration/session/fine-tune.ts';
import type { LearnedPart } from '../../../src/calibration/step-plan.ts';
import type { Trained } from '../../../src/calibration/training.ts';
import { gru } from '../../../src/decoders/gru/index.ts';
import type { Model } from '../../../src/decoders/decoder.ts';
import { decoderKinds } from '../../../src/decoders/registry.ts';
import { createCalibrationHost } from '../../../src/host/calibration-host.ts';
import { readInModel } from '../../support/read-in-models.ts';
import { betzErrorOfAsync } from '../../support/recording-errors.ts';
import { simulatedSession } from '../../support/session-days.ts';

const host = createCalibrationHost(1);
const model = readInModel(gru, { inputCount: 20, outputCount: 2 }, { hiddenCount: 6 }, 1);
const QUICK = {
  stepCount: 6,
  refitStepCount: 2,
  batchCount: 4,
  windowBins: 30,
  warmUpBins: 4,
  peakRate: 1e-3,
  weightDecay: 0,
  clipNorm: 1,
  checkCount: 1,
  seed: 1,
};

const settings = { rank: 2, augmentation: NO_AUGMENTATION, training: QUICK };

describe('fineTune', () => {
  const kinds = decoderKinds
    .filter(({ ends }) => ends !== undefined)
    .map((kind) => [kind.name, kind] as const);
  it.each(kinds)(
    '%s: the read-in alone, changes of low rank to every matrix, or everything',
    async (name, kind) => {
      const config = name === 'gru' ? { hiddenCount: 6 } : { width: 8 };
      const base = readInModel(kind, { inputCount: 20, outputCount: 2 }, config, 1);
      const recording = simulatedSession(8, 10);
      const task = {
        model: base,
        recording,
        fit: recording.segments,
        validate: () => 0.5,
        onProgress: () => undefined,
      };
      const changedBy = async (learns: LearnedPart): Promise<string[]> => {
        const { model: learned } = await fineTune(task, { ...settings, learns }, host);
        expect(learned.readIn?.weight.data).not.toEqual(base.readIn?.weight.data);
        for (const { data } of Object.values(learned.tensors)) expect(data.every(Number.isFinite)).toBe(true);
        return Object.keys(base.tensors).filter((each) =>
          base.tensors[each].data.some((x, i) => x !== learned.tensors[each].data[i]),
        );
      };
      expect(await changedBy('readIn')).toEqual([]);
      const twoDimensional = new Set(
        kind
          .account(base.config, base.shape)
          .maps.map((map) => map.name)
          .filter((each) => base.tensors[each].shape.length === 2),
      );
      expect(new Set(await changedBy('lowRank'))).toEqual(twoDimensional);
      expect((await changedBy('all')).length).toBeGreaterThan(twoDimensional.size);
    },
  );
});

/** On trials of so many bins, with behaviour shifted by up to four. */
function onTrials(trialBins: number): Promise<{ chosen: Model; model: Model; trained: Trained }> {
  const session = simulatedSession(8, 10);
  const fit = Array.from({ length: Math.floor(session.binCount / trialBins) }, (_, i) => ({
    startBin: i * trialBins,
    endBin: (i + 1) * trialBins,
  }));
  const recording = { ...session, segments: fit };
  const settings = {
    learns: 'readIn',
    rank: 1,
    augmentation: { ...NO_AUGMENTATION, shiftBins: 4 },
    training: QUICK,
  } as const;
  return fineTune(
    { model, recording, fit, validate: () => 0.5, onProgress: () => undefined },
    settings,
    host,
  );
}

describe('fineTune with behaviour that is shifted', () => {
  it('learns from trials that just hold a window and the shift', async () => {
    const { model: learned } = await onTrials(16);
    const { data } = learned.readIn?.weight ?? { data: new Float32Array() };
    expect(data.every(Number.isFinite)).toBe(true);
    expect(data).not.toEqual(model.readIn?.weight.data);
  });

  it('refuses trials that hold the window alone', async () => {
    for (const bins of [15, 8]) {
      const error = await betzErrorOfAsync(() => onTrials(bins));
      expect(error.code).toBe('CAL_SEGMENTS_TOO_SHORT');
      expect(error.value).toContain(`${bins} bins`);
    }
  });
});
