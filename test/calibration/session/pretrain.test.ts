import { describe, expect, it } from 'vitest';
import { fitDriftReference } from '../../../src/calibration/drift/drift-reference.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/calibration/session/checkpoint-file.ts';
import { pretrain } from '../../../src/calibration/session/pretrain.ts';
import type { Pretraining, PretrainOptions } from '../../../src/calibration/session/pretrain.ts';
import { decodeSession } from '../../../src/calibration/session/session-scores.ts';
import type { TrainingCheckpoint } from '../../../src/calibration/training.ts';
import type { BinnedRecording } from '../../../src/core/recording.ts';
import { decodeModel, encodeModel } from '../../../src/decoders/model-file.ts';
import { createCalibrationHost } from '../../../src/host/calibration-host.ts';
import { loadKernels } from '../../../src/host/load-kernels.ts';
import { betzErrorOf, betzErrorOfAsync } from '../../support/recording-errors.ts';
import { simulatedSession, withChannels } from '../../support/session-days.ts';

const host = createCalibrationHost(1);
const monday = simulatedSession(0, 30);
const tuesday = withChannels(
  simulatedSession(1, 20),
  Array.from({ length: 14 }, (_, i) => 19 - i),
);
const QUICK: PretrainOptions = {
  kind: 'gru',
  config: { hiddenCount: 8 },
  latentCount: 6,
  training: { stepCount: 30, refitStepCount: 10, batchCount: 5, windowBins: 30, checkCount: 3 },
};

const quickly = (
  options: Partial<PretrainOptions> = {},
  sessions = [monday, tuesday],
): Promise<Pretraining> => pretrain(sessions, { ...QUICK, ...options }, host);

describe('pretrain', () => {
  it('learns one core for sessions of different channels, each behind its read-in', async () => {
    const training = { ...QUICK.training, stepCount: 260, refitStepCount: 20, batchCount: 12 };
    const { model, heldOutR2, options } = await quickly({ training });
    expect(options).toMatchObject({ stepCount: 260, batchCount: 12, windowBins: 30 });
    expect(heldOutR2.map(({ recording }) => recording)).toEqual([monday.name, tuesday.name]);
    for (const { r2Mean } of heldOutR2) expect(r2Mean).toBeGreaterThan(0.2);
    expect(model.shape).toEqual({ inputCount: 14, outputCount: 2 });
    expect(model.readIn?.weight.shape).toEqual([6, 14]);
    expect(model.features.channelLabels).toEqual(tuesday.channels.map(({ label }) => label));
    expect(model.sessions).toHaveLength(1);
    expect(model.sessions?.[0].channelLabels).toEqual(monday.channels.map(({ label }) => label));
    expect(model.drift).toEqual(fitDriftReference(tuesday.features, 14, tuesday.binMs));
    const restored = decodeModel(encodeModel(model));
    expect(decodeSession(restored, tuesday, loadKernels())).toEqual(
      decodeSession(model, tuesday, loadKernels()),
    );
  });

  it('gives a session of short trials windows that it can hold', async () => {
    const trials = (recording: BinnedRecording, bins: number): BinnedRecording => ({
      ...recording,
      segments: Array.from({ length: recording.binCount / bins }, (_, i) => ({
        startBin: i * bins,
        endBin: (i + 1) * bins,
      })),
    });
    const long = simulatedSession(0, 120);
    const { options } = await quickly({}, [long, trials(simulatedSession(1, 10), 20)]);
    expect(options.windowBins).toBe(20);
    const shifted = { augmentation: { shiftBins: 4 } };
    const withRoom = await quickly(shifted, [long, trials(simulatedSession(1, 10), 20)]);
    expect(withRoom.options.windowBins).toBe(12);
    for (const [bins, options] of [
      [5, {}],
      [10, shifted],
    ] as const) {
      const error = await betzErrorOfAsync(() =>
        quickly(options, [long, trials(simulatedSession(1, 10), bins)]),
      );
      expect(error.code).toBe('CAL_SEGMENTS_TOO_SHORT');
    }
  });

  it('goes on from a checkpoint, anywhere, to the same bits', async () => {
    const files = new Map<number, Uint8Array>();
    let step = 0;
    const whole = await quickly({
      onStep: (take) => {
        files.set(++step, encodeCheckpoint(take(), 'these'));
      },
    });
    expect(step).toBe(30);
    // In the first cycle, right after a check and before the next, at the end of the cycle, and in the second one.
    for (const at of [3, 13, 15, 20, 21, 25, 30]) {
      const seen: number[] = [];
      const resumed = await quickly({
        resume: decodeCheckpoint(files.get(at)!, 'these'),
        onProgress: (progress) => seen.push(progress.step),
      });
      expect(seen).toEqual(Array.from({ length: 30 - at }, (_, i) => at + 1 + i));
      expect(resumed.model.tensors, `from step ${at}`).toEqual(whole.model.tensors);
      expect(resumed.model.readIn).toEqual(whole.model.readIn);
      expect(resumed.trained).toEqual(whole.trained);
      expect(resumed.heldOutR2).toEqual(whole.heldOutR2);
    }
  });

  it('refuses sessions that cannot share a core', async () => {
    const codeOf = async (other: BinnedRecording): Promise<string> =>
      (await betzErrorOfAsync(() => quickly({}, [monday, other]))).code;
    expect(await codeOf({ ...tuesday, binMs: 50 })).toBe('CAL_SESSIONS_DIFFER');
    expect(await codeOf({ ...tuesday, target: { ...tuesday.target, unit: 'cm/s' } })).toBe(
      'CAL_SESSIONS_DIFFER',
    );
    expect(await codeOf(simulatedSession(1, 3))).toBe('CAL_RECORDING_TOO_SHORT');
    const still = { ...tuesday.target, values: tuesday.target.values.map(() => 0) };
    expect(await codeOf({ ...tuesday, target: still })).toBe('CAL_TARGET_CONSTANT');
    expect((await betzErrorOfAsync(() => quickly({ kind: 'wiener', config: {} }))).code).toBe(
      'CAL_METHOD_UNSUPPORTED',
    );
  });
});

describe('checkpoint file', () => {
  const checkpoint: TrainingCheckpoint = {
    isRefit: false,
    index: 7,
    optimiser: {
      stepCount: 7,
      parameters: Float32Array.of(1, -2, 3),
      firstMoments: Float32Array.of(0.1, 0.2, 0.3),
      secondMoments: Float32Array.of(1e-9, 0, 2),
    },
    rng: [1, -2, 3, 4, Number.NaN],
    trained: {
      tensors: {},
      bestStep: 0,
      bestR2: -Infinity,
      checks: [{ step: 5, loss: 0.5, validationR2: Number.NaN }],
    },
  };
  const file = encodeCheckpoint(checkpoint, 'print');
  const codeOf = (bytes: Uint8Array, print = 'print'): string =>
    betzErrorOf(() => decodeCheckpoint(bytes, print)).code;
  /** The same number of bytes, so that nothing else moves. */
  const replaced = (from: string, to: string): Uint8Array => {
    expect(to).toHaveLength(from.length);
    const text = Buffer.from(file).toString('latin1');
    expect(text).toContain(from);
    return Buffer.from(text.replace(from, to), 'latin1');
  };

  it('keeps everything, NaN and minus infinity included', () => {
    expect(decodeCheckpoint(file, 'print')).toEqual(checkpoint);
    const tensors = { w: { shape: [1, 2], data: Float32Array.of(5, 6) } };
    const chosen = {
      ...checkpoint,
      isRefit: true,
      trained: { ...checkpoint.trained, tensors, bestR2: 0.25 },
    };
    expect(decodeCheckpoint(encodeCheckpoint(chosen, ''), '')).toEqual(chosen);
  });

  it('belongs to one training', () => {
    expect(codeOf(file, 'other')).toBe('CAL_CHECKPOINT_FOREIGN');
  });

  it('is refused when it is damaged or something else', () => {
    expect(codeOf(replaced('betz-checkpoint', 'betz-chequepoint'.slice(0, 15)))).toBe(
      'CAL_CHECKPOINT_INVALID',
    );
    expect(codeOf(replaced('"firstMoments"', '"firstMomentz"'))).toBe('CAL_CHECKPOINT_INVALID');
    expect(codeOf(replaced('isRefit', 'isRefut'))).toBe('CAL_CHECKPOINT_INVALID');
    expect(codeOf(replaced('"{\\"isRefit', '"[\\"isRefit'))).toBe('CAL_CHECKPOINT_INVALID');
    const { optimiser } = checkpoint;
    const broken = { ...optimiser, parameters: Float32Array.of(1, Number.NaN, 3) };
    expect(codeOf(encodeCheckpoint({ ...checkpoint, optimiser: broken }, 'print'))).toBe(
      'CAL_CHECKPOINT_INVALID',
    );
    const uneven = { ...optimiser, secondMoments: Float32Array.of(1, 2) };
    expect(codeOf(encodeCheckpoint({ ...checkpoint, optimiser: uneven }, 'print'))).toBe(
      'CAL_CHECKPOINT_INVALID',
    );
    expect(codeOf(replaced('"F32"', '"I32"'))).toBe('CAL_CHECKPOINT_INVALID');
  });

  it('speaks of a checkpoint when its container is cut short, and says what else was given', () => {
    const refusalOf = (bytes: Uint8Array): string =>
      betzErrorOf(() => decodeCheckpoint(bytes, 'print')).message.replace(
        /^the checkpoint cannot be used: /,
        '',
      );
    for (const bytes of [file.subarray(0, 60), file.subarray(0, file.length - 4), new Uint8Array(0)]) {
      expect(codeOf(bytes)).toBe('CAL_CHECKPOINT_INVALID');
      expect(refusalOf(bytes)).toBe('it is cut short or damaged');
    }
    expect(refusalOf(new TextEncoder().encode('a line of text'))).toBe('it is text');
    expect(refusalOf(replaced('betz-checkpoint', 'betz-chequepoin'))).toMatch(/^it is a safetensors file of/);
    expect(refusalOf(replaced('"format_version":"1"', '"format_version":"2"'))).toBe(
      'it is of another version',
    );
  });
});
