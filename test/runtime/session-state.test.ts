/** The decoder's state beyond a session: sealed at its end, and gone on from in the next. */
import { afterEach, describe, expect, it } from 'vitest';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { sealedStateBytes } from '../../src/decoders/state-file.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { Session } from '../../src/runtime/session.ts';
import type { StateExchange } from '../../src/runtime/worker-messages.ts';
import { randomModel } from '../support/decoder-models.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { betzErrorOf, betzErrorOfAsync } from '../support/recording-errors.ts';
import { MemorySink } from '../support/sessions.ts';
import { runningWorkerCount } from '../support/workers.ts';

const CHANNELS = 6;
const PAUSE = 70;
const recording = linearRecording({ binCount: 150, channelCount: CHANNELS, seed: 5 });

afterEach(() => {
  expect(runningWorkerCount()).toBe(0);
});

function modelOf(kind: (typeof decoderKinds)[number], seed = 1) {
  const model = randomModel(kind, { inputCount: CHANNELS, outputCount: 2 }, {}, seed);
  return { ...model, features: { ...model.features, smoothing: 0 }, binMs: recording.binMs };
}

/** Replays bins [from, to) as fast as possible. */
async function replay(
  modelBytes: Uint8Array,
  from: number,
  to: number,
  state?: StateExchange,
): Promise<{ outputs: number[][]; sealedState: Uint8Array | undefined }> {
  const sink = new MemorySink();
  const session = await Session.start({
    source: { kind: 'replay', config: { recording, from, to, speed: 'max' } },
    modelBytes,
    sinks: [sink],
    ...(state === undefined ? {} : { state }),
  });
  await session.done;
  return { outputs: sink.records.map(({ output }) => [...output]), sealedState: session.sealedState };
}

describe('a session that goes on from a sealed state', () => {
  it.each(decoderKinds.map((kind) => [kind.name, kind] as const))(
    '%s: decodes as if there had been no pause',
    async (_name, kind) => {
      const model = modelOf(kind);
      const modelBytes = encodeModel(model);
      const hash = modelHash(modelBytes);
      const whole = await replay(modelBytes, 0, recording.binCount);
      expect(whole.sealedState).toBeUndefined();
      const before = await replay(modelBytes, 0, PAUSE, { modelHash: hash });
      expect(before.sealedState).toHaveLength(sealedStateBytes(kind.createDecoder(model, loadKernels())));
      const after = await replay(modelBytes, PAUSE, recording.binCount, {
        modelHash: hash,
        from: before.sealedState ?? new Uint8Array(),
      });
      expect([...before.outputs, ...after.outputs]).toEqual(whole.outputs);
      const anew = await replay(modelBytes, PAUSE, recording.binCount);
      expect(anew.outputs, 'the state matters').not.toEqual(after.outputs);
    },
  );

  it('ends well, and has no state to give, when the state is not finite', async () => {
    const kalman = findDecoderKind('kalman');
    const config = kalman.configSchema.parse({ lagBins: 3 });
    const random = randomModel(kalman, { inputCount: CHANNELS, outputCount: 2 }, config, 1);
    const model = {
      ...random,
      features: { ...random.features, smoothing: 0 },
      normalisation: { ...random.normalisation, featureScale: new Float32Array(CHANNELS).fill(1e4) },
      binMs: recording.binMs,
    };
    // Finite in the last bin, and beyond float range once it is projected: it waits in the state and reaches no output.
    const features = recording.features.slice();
    features.fill(3e38, -CHANNELS);
    const modelBytes = encodeModel(model);
    const session = await Session.start({
      source: { kind: 'replay', config: { recording: { ...recording, features }, speed: 'max' } },
      modelBytes,
      state: { modelHash: modelHash(modelBytes) },
    });
    expect(await session.done).toMatchObject({ bins: recording.binCount, nonFiniteBins: 0 });
    expect(betzErrorOf(() => session.sealedState).code).toBe('DEC_STATE_NOT_FINITE');
  });

  it('does not begin with the state of another model', async () => {
    const [kind] = decoderKinds;
    const [bytes, otherBytes] = [1, 2].map((seed) => encodeModel(modelOf(kind, seed)));
    const { sealedState } = await replay(otherBytes, 0, PAUSE, { modelHash: modelHash(otherBytes) });
    const state = { modelHash: modelHash(bytes), from: sealedState ?? new Uint8Array() };
    const error = await betzErrorOfAsync(() => replay(bytes, PAUSE, recording.binCount, state));
    expect(error.code).toBe('DEC_STATE_MODEL_MISMATCH');
  });
});
