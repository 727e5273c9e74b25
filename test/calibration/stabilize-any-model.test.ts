import { beforeAll, describe, expect, it } from 'vitest';
import { simulateRecording } from '../../src/acquisition/simulated/simulate-recording.ts';
import { calibrate } from '../../src/calibration/calibrate.ts';
import { calibrateSession } from '../../src/calibration/session/calibrate-session.ts';
import { pretrain } from '../../src/calibration/session/pretrain.ts';
import { prepareForSession } from '../../src/calibration/session/session-model.ts';
import { decodeSession, scoreBlocks } from '../../src/calibration/session/session-scores.ts';
import { unlabelledCounts } from '../../src/calibration/stabilize.ts';
import { stabilizeModel, withReference } from '../../src/calibration/stabilize-model.ts';
import type { BinnedRecording } from '../../src/core/recording.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { decodeModel, encodeModel } from '../../src/decoders/model-file.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { createCalibrationHost } from '../../src/host/calibration-host.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { relativeDistance } from '../support/factor-data.ts';
import { betzErrorOf, betzErrorOfAsync } from '../support/recording-errors.ts';

const CHANNELS = 36;
const host = createCalibrationHost(1);
const training = { stepCount: 100, batchCount: 12, windowBins: 40, seed: 1 };
const config = { hiddenCount: 16 };
const day = simulateRecording({ seed: 3, channelCount: CHANNELS }, 60, 20);
const decode = (model: Model, recording: BinnedRecording): Float32Array =>
  decodeSession(model, recording, loadKernels());
const r2Of = (model: Model, recording: BinnedRecording): number =>
  scoreBlocks(recording, decode(model, recording), recording.segments).metrics.r2Mean;

/** Another session of the same day on a changed array: exchanged, silent and offset channels. */
const session = simulateRecording({ seed: 3, channelCount: CHANNELS }, 60, 20, 100_000);
const swaps = new Map([0, 5, 9, 14, 20, 27].flatMap((a) => [[a, a + 3] as const, [a + 3, a] as const]));
const changed: BinnedRecording = {
  ...session,
  features: session.features.map((_, at) => {
    const channel = at % CHANNELS;
    if (channel === 11) return 0;
    return session.features[at - channel + (swaps.get(channel) ?? channel)] + (channel % 3) * 0.2;
  }),
};

describe.each(['pretrained, behind a learned read-in', 'on its channels, without a read-in'])(
  'a model %s',
  (form) => {
    let model: Model;

    beforeAll(async () => {
      model = form.startsWith('pretrained')
        ? (await pretrain([day], { kind: 'gru', config, latentCount: 12, training }, host)).model
        : (await calibrate(day, { kind: 'gru', config, training }, host)).model;
    });

    it('keeps its day in its file', () => {
      expect(model.stabilizer?.loadings.shape).toEqual([CHANNELS, 10]);
      expect(decodeModel(encodeModel(model)).stabilizer).toEqual(model.stabilizer);
    });

    it('decodes as before when nothing changed and no channel is left out', () => {
      const { model: today } = stabilizeModel(
        withReference(model, unlabelledCounts(day), 1),
        unlabelledCounts(day),
        {
          stableShare: 1,
          seed: 1,
        },
      );
      expect(relativeDistance(decode(today, day), decode(model, day))).toBeLessThan(1e-3);
    });

    it('comes to a changed array without labels: what they say changes nothing', async () => {
      const stabilise = (recording: BinnedRecording): Promise<{ candidate: { model: Model } }> =>
        calibrateSession(model, recording, { method: 'stabilize' }, host);
      const { candidate } = await stabilise(changed);
      const before = r2Of(model, session);
      const lost = before - r2Of(model, changed);
      expect(lost).toBeGreaterThan(0.1);
      expect(r2Of(candidate.model, changed)).toBeGreaterThan(before - lost / 2);
      // The read-in is new, and what is known of the day; nothing else.
      const { readIn, drift, readInStatistics } = candidate.model;
      expect(candidate.model).toEqual({ ...model, readIn, drift, readInStatistics });
      expect(decodeModel(encodeModel(candidate.model)).readIn).toEqual(candidate.model.readIn);
      const values = changed.target.values.map((_, i) => Math.sin(i));
      const other = await stabilise({ ...changed, target: { ...changed.target, values } });
      expect(other.candidate.model).toEqual(candidate.model);
    });

    it('is aligned to its own day from any other, and whatever its z-scores are now', () => {
      const once = stabilizeModel(model, unlabelledCounts(changed)).model;
      const again = stabilizeModel(once, unlabelledCounts(session)).model;
      const straight = stabilizeModel(model, unlabelledCounts(session)).model;
      expect(again).toEqual(straight);
      const moved = stabilizeModel(prepareForSession(model, changed), unlabelledCounts(session)).model;
      // Channels that are silent there are ignored from then on.
      const ignored = { ...session, features: session.features.map((x, i) => (i % CHANNELS === 11 ? 0 : x)) };
      const expected = stabilizeModel(model, unlabelledCounts(ignored)).model;
      expect(relativeDistance(decode(moved, ignored), decode(expected, ignored))).toBeLessThan(0.02);
    });

    it('has a new day after a calibration with labels, and none where that was too short to know it', async () => {
      const quick = { stepCount: 4, batchCount: 4, windowBins: 30, checkCount: 1 };
      const readIn = await calibrateSession(model, changed, { method: 'read-in', training: quick }, host);
      const known = readIn.candidate.model;
      expect(known.stabilizer).toEqual(withReference(known, unlabelledCounts(changed), 1).stabilizer);
      expect(known.stabilizer).not.toEqual(model.stabilizer);
      const short = { ...unlabelledCounts(changed), segments: [{ startBin: 0, endBin: 2 * CHANNELS }] };
      expect(withReference(known, short, 1)).not.toHaveProperty('stabilizer');
    });

    it('is refused where its channels or its numbers do not allow it, by code', async () => {
      const renamed = day.channels.map((channel, i) => (i === 7 ? { ...channel, label: 'other' } : channel));
      const codeOf = (recording: BinnedRecording): string =>
        betzErrorOf(() => stabilizeModel(model, unlabelledCounts(recording))).code;
      expect(codeOf({ ...session, channels: renamed })).toBe('CAL_STABILIZE_CHANNELS');
      expect(codeOf({ ...session, segments: [{ startBin: 0, endBin: 70 }] })).toBe('CAL_STABILIZE_TOO_SHORT');
      const int8 = quantiseModel(model);
      expect(int8).not.toHaveProperty('stabilizer');
      const stabilising = (): Promise<unknown> =>
        calibrateSession(int8, session, { method: 'stabilize' }, host);
      expect(await betzErrorOfAsync(stabilising)).toMatchObject({
        code: 'CAL_METHOD_UNSUPPORTED',
        value: 'int8',
      });
    });
  },
);
