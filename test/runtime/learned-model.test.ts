/** From a session whose decoder adapts to a model, and from that to a session whose decoder does not. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { adaptationOptions } from '../../src/calibration/adaptive/adaptations.ts';
import type { Adaptation } from '../../src/calibration/adaptive/adaptations.ts';
import { AdaptiveDecoder } from '../../src/calibration/adaptive/adaptive-decoder.ts';
import { withReadInStatistics } from '../../src/calibration/hebbian/read-in-statistics.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { openState } from '../../src/decoders/state-file.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { learnedModel } from '../../src/runtime/learned-model.ts';
import type { LearnedModel, LearnedOrigin } from '../../src/runtime/learned-model.ts';
import type { AdaptationStatus } from '../../src/runtime/session-summary.ts';
import type { SessionOptions } from '../../src/runtime/session-parts.ts';
import { Session } from '../../src/runtime/session.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { readInModel } from '../support/read-in-models.ts';
import { MemorySink } from '../support/sessions.ts';
import { runningWorkerCount } from '../support/workers.ts';

const CHANNELS = 9;
const ALL: readonly Adaptation[] = ['normalise', 'hebbian', 'rls'];
const recording = linearRecording({ binCount: 700, channelCount: CHANNELS, seed: 5 });
const { target, features, binMs } = recording;

const random = readInModel(gru, { inputCount: CHANNELS, outputCount: 2 }, { hiddenCount: 8 }, 1);
const model: Model = withReadInStatistics(
  {
    ...random,
    features: { ...random.features, smoothing: 0 },
    output: { name: target.name, labels: target.labels, unit: target.unit },
    binMs,
    provenance: { lagMs: 40, seed: 1 },
  },
  features,
);
const bytes = encodeModel(model);
const hash = modelHash(bytes);
const source: SessionOptions['source'] = { kind: 'replay', config: { recording, speed: 'max' } };
const origin: LearnedOrigin = {
  model,
  modelHash: hash,
  modelName: 'base.model',
  sourceName: 'a recording',
  version: '9.9.9',
};

/** The end of a session that adapts. */
async function adapted(
  adaptations: readonly Adaptation[],
  from = source,
): Promise<{ sealed: Uint8Array; status: AdaptationStatus }> {
  const session = await Session.start({
    source: from,
    modelBytes: bytes,
    adaptations,
    state: { modelHash: hash },
  });
  const { adaptation } = await session.done;
  return { sealed: session.sealedState!, status: adaptation! };
}

function modelOf(learned: LearnedModel): Model {
  if ('reason' in learned) expect.fail(learned.reason);
  return learned.model;
}

afterEach(() => {
  expect(runningWorkerCount()).toBe(0);
});

describe('a model with what a session has learned', () => {
  let sealed: Uint8Array;
  let status: AdaptationStatus;
  beforeAll(async () => {
    ({ sealed, status } = await adapted(ALL));
  });

  it('decodes the next session, without adapting, as the adapted decoder with learning held', async () => {
    const learned = modelOf(learnedModel(sealed, status, origin));
    const sink = new MemorySink();
    const session = await Session.start({ source, modelBytes: encodeModel(learned), sinks: [sink] });
    const { adaptation } = await session.done;
    expect(adaptation).toBeNull();
    const held = new AdaptiveDecoder(model, gru, loadKernels(), adaptationOptions(ALL));
    openState(sealed, held, { kind: gru, modelHash: hash });
    held.core.reset();
    const output = new Float32Array(2);
    expect(sink.records).toHaveLength(700);
    sink.records.forEach((record, bin) => {
      held.step(features.subarray(bin * CHANNELS, (bin + 1) * CHANNELS), output);
      for (let o = 0; o < 2; o++) {
        const scale = model.normalisation.outputScale[o];
        expect(record.output[o] / scale).toBeCloseTo(output[o] / scale, 4);
      }
    });
  });

  it('says where it comes from: how, from how much, from whom; and with what lag it decodes', () => {
    const stateName = 'morning.state';
    const { provenance } = modelOf(learnedModel(sealed, status, { ...origin, stateName }));
    expect(provenance).toEqual({
      method: 'adapted (normalise, hebbian, rls)',
      recording: 'a recording',
      seconds: (status.learnedBins * binMs) / 1000,
      continuesState: 'morning.state',
      lagMs: 40,
      version: '9.9.9',
      replaces: 'base.model',
      replacesSha256: hash,
      base: model.provenance,
    });
    expect(status.learnedBins).toBeGreaterThan(600);
  });

  it('names only the ways that are in use, and is not made where none is', async () => {
    const begun = { kind: 'replay', config: { recording, speed: 'max', to: 40 } };
    const both = await adapted(['normalise', 'rls'], begun);
    const learned = modelOf(learnedModel(both.sealed, both.status, origin));
    expect(learned.provenance['method']).toBe('adapted (normalise)');
    expect(learned.tensors).toEqual(model.tensors);
    const alone = await adapted(['rls'], begun);
    expect(learnedModel(alone.sealed, alone.status, origin)).toEqual({
      reason: 'the readout that learned is not better than the calibrated one',
    });
  });

  it.each<[string, Partial<AdaptationStatus>]>([
    ['was given up, 2 times', { rollbacks: 2 }],
    ['has learned nothing', { learnedBins: 0 }],
  ])('is not made where what was learned %s', (reason, change) => {
    const learned = learnedModel(sealed, { ...status, ...change }, origin);
    expect(learned).toEqual({ reason: expect.stringContaining(reason) as string });
  });
});
