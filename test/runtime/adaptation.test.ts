/** Sessions whose decoder adapts: what it learns is learned after each output, and survives what it should. */
import { afterEach, describe, expect, it } from 'vitest';
import { adaptationOptions } from '../../src/calibration/adaptive/adaptations.ts';
import type { Adaptation } from '../../src/calibration/adaptive/adaptations.ts';
import { AdaptiveDecoder } from '../../src/calibration/adaptive/adaptive-decoder.ts';
import { withReadInStatistics } from '../../src/calibration/hebbian/read-in-statistics.ts';
import { LEARNING } from '../../src/decoders/decoder.ts';
import type { Model } from '../../src/decoders/decoder.ts';
import { gru } from '../../src/decoders/gru/index.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { DecoderExchange } from '../../src/runtime/decoder-exchange.ts';
import { DecoderSlots } from '../../src/runtime/decoder-slots.ts';
import { candidateImage } from '../../src/runtime/candidate.ts';
import { createServingDecoder } from '../../src/runtime/serving-decoder.ts';
import { Session } from '../../src/runtime/session.ts';
import type { SessionOptions } from '../../src/runtime/session-parts.ts';
import type { SessionEvent } from '../../src/runtime/sink.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';
import { readInModel } from '../support/read-in-models.ts';
import { MemorySink, offlineOutputs } from '../support/sessions.ts';
import { runningWorkerCount } from '../support/workers.ts';

const CHANNELS = 9;
const JOIN = 350;
const recording = linearRecording({
  binCount: 700,
  channelCount: CHANNELS,
  seed: 5,
  segments: [
    { startBin: 0, endBin: JOIN },
    { startBin: JOIN, endBin: 700 },
  ],
});
const { binCount, target, features } = recording;

function modelOf(seed: number): Model {
  const config = gru.configSchema.parse({ hiddenCount: 8 });
  const random = readInModel(gru, { inputCount: CHANNELS, outputCount: 2 }, config, seed);
  const model: Model = {
    ...random,
    features: { ...random.features, smoothing: 0 },
    output: { name: target.name, labels: target.labels, unit: target.unit },
    binMs: recording.binMs,
  };
  return withReadInStatistics(model, features);
}

const model = modelOf(1);

/** As fast as it goes, or in real time at bins of 10 ms. */
function optionsOf(adaptations: readonly Adaptation[], speed: number | 'max' = 'max'): SessionOptions {
  const replayed = speed === 'max' ? recording : { ...recording, binMs: 10 };
  return {
    source: { kind: 'replay', config: { recording: replayed, speed } },
    modelBytes: encodeModel({ ...model, binMs: replayed.binMs }),
    adaptations,
  };
}

/** The same without a session: bins from `from` on, with resets of the core at joins. */
function offline(decoder: AdaptiveDecoder, from = 0, to = binCount): number[][] {
  return Array.from({ length: to - from }, (_, i) => {
    const bin = from + i;
    const output = new Float32Array(2);
    if (bin === JOIN) decoder.core.reset();
    decoder.step(features.subarray(bin * CHANNELS, (bin + 1) * CHANNELS), output);
    decoder.learn(target.values.subarray(bin * 2, (bin + 1) * 2));
    return [...output];
  });
}

function adaptive(of: Model, adaptations: readonly Adaptation[]): AdaptiveDecoder {
  return new AdaptiveDecoder(of, gru, loadKernels(), adaptationOptions(adaptations));
}

const ALL: readonly Adaptation[] = ['normalise', 'hebbian', 'rls'];

afterEach(() => {
  expect(runningWorkerCount()).toBe(0);
});

describe('a session whose decoder adapts', () => {
  it.each([[['normalise']], [['normalise', 'hebbian']], [['rls']], [ALL]] as const)(
    'by %s: outputs are those of the adaptive decoder, bit for bit',
    async (adaptations) => {
      const sink = new MemorySink();
      const session = await Session.start({ ...optionsOf(adaptations), sinks: [sink] });
      const { adaptation } = await session.done;
      const decoder = adaptive(model, adaptations);
      expect(sink.records.map(({ output }) => [...output])).toEqual(offline(decoder));
      expect(adaptation).toEqual({
        by: adaptations,
        learnedBins: decoder.account[LEARNING.learnedBins],
        heldBins: decoder.account[LEARNING.heldBins],
        rollbacks: decoder.account[LEARNING.rollbacks],
        usesLearnedReadout: decoder.account[LEARNING.usesLearnedReadout] === 1,
      });
      expect(adaptation?.learnedBins).toBeGreaterThan(600);
    },
  );

  it('decodes in real time what it decodes at full speed: warming the caches teaches it nothing', async () => {
    const sink = new MemorySink();
    const session = await Session.start({ ...optionsOf(ALL, 4), sinks: [sink] });
    await session.done;
    const decoder = adaptive({ ...model, binMs: 10 }, ALL);
    expect(sink.records.map(({ output }) => [...output])).toEqual(offline(decoder));
  });

  it('goes on from a sealed state with what it had learned', async () => {
    const options = optionsOf(ALL);
    const hash = modelHash(options.modelBytes);
    const first = await Session.start({ ...options, state: { modelHash: hash } });
    await first.done;
    const sink = new MemorySink();
    const from = first.sealedState!;
    const second = await Session.start({ ...options, sinks: [sink], state: { modelHash: hash, from } });
    await second.done;
    const decoder = adaptive(model, ALL);
    offline(decoder);
    const expected = offline(decoder);
    sink.records.forEach(({ output }, bin) => {
      for (let o = 0; o < 2; o++) {
        const scale = model.normalisation.outputScale[o];
        expect(output[o] / scale).toBeCloseTo(expected[bin][o] / scale, 4);
      }
    });
    for (const others of [['normalise'], ['hebbian', 'rls'], ['normalise', 'rls']] as const) {
      const state = { modelHash: hash, from };
      const error = await betzErrorOfAsync(() => Session.start({ ...optionsOf(others), state }));
      expect(error.code, others.join(', ')).toBe('DEC_STATE_SIZE_MISMATCH');
    }
  });

  it('says when what it had learned was given up', async () => {
    // At first the behaviour is the opposite of what the calibrated decoder says, and then exactly that.
    const long = linearRecording({ binCount: 2600, channelCount: CHANNELS, seed: 6 });
    const { outputMean } = model.normalisation;
    const plain = offlineOutputs(model, long, { startBin: 0, endBin: 2600 });
    const values = Float32Array.from(
      plain.flatMap((row, bin) => row.map((y, o) => (bin < 500 ? 2 * outputMean[o] - y : y))),
    );
    const events: SessionEvent[] = [];
    const source = {
      kind: 'replay',
      config: { recording: { ...long, target: { ...long.target, values } }, speed: 'max' },
    };
    const session = await Session.start({
      ...optionsOf(['rls']),
      source,
      onEvent: (event) => events.push(event),
    });
    const { adaptation } = await session.done;
    expect(adaptation?.rollbacks).toBeGreaterThan(0);
    const told = events.flatMap((event) => (event.kind === 'adaptationRolledBack' ? [event.count] : []));
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(adaptation?.rollbacks);
  });

  it.each([
    ['CAL_TRUTH_MISSING', ['rls'], { ...model, output: { ...model.output, unit: 'furlong' } }],
    ['CAL_TRUTH_MISSING', ['rls'], { ...model, output: { ...model.output, name: 'gaze' } }],
    ['CAL_READ_IN_STATISTICS_MISSING', ['hebbian'], { ...model, readInStatistics: undefined }],
  ] as const)('does not begin without what it needs: %s', async (code, adaptations, unfit) => {
    const { readInStatistics, ...rest } = unfit;
    const bytes = encodeModel(readInStatistics === undefined ? rest : { ...rest, readInStatistics });
    const error = await betzErrorOfAsync(() =>
      Session.start({ ...optionsOf(adaptations), modelBytes: bytes }),
    );
    expect(error.code).toBe(code);
  });
});

describe('slots of decoders that adapt', () => {
  const second = modelOf(2);

  function slotsOf(): DecoderSlots {
    const ring = Array.from({ length: 3 }, () => loadKernels()).map((kernels) => ({
      decoder: createServingDecoder(model, kernels, ALL),
      arena: kernels.arena,
    }));
    return new DecoderSlots(ring, new DecoderExchange(ring[0].arena.contents().byteLength));
  }

  function live(slots: DecoderSlots, from: number, to: number): number[][] {
    return offline(slots.learner as AdaptiveDecoder, from, to);
  }

  it('hand the recurrent state over at a promotion, and nothing that was learned', () => {
    const slots = slotsOf();
    live(slots, 0, 100);
    const core = new Uint8Array(slots.core.stateBytes);
    slots.core.saveState(core);
    const { image } = slots.exchange;
    image.set(candidateImage(second, loadKernels().variant, image.byteLength, ALL));
    slots.exchange.requestPromotion();
    slots.answerRequest(100);
    const expected = adaptive(second, ALL);
    expected.core.loadState(core);
    expect(live(slots, 100, 200)).toEqual(offline(expected, 100, 200));
    expect(slots.learner?.account[LEARNING.learnedBins]).toBe(100);
  });

  it('go back, at a rollback, to what the decoder before had learned', () => {
    const slots = slotsOf();
    live(slots, 0, 100);
    const { image } = slots.exchange;
    image.set(candidateImage(second, loadKernels().variant, image.byteLength, ALL));
    slots.exchange.requestPromotion();
    slots.answerRequest(100);
    live(slots, 100, 200);
    const core = new Uint8Array(slots.core.stateBytes);
    slots.core.saveState(core);
    slots.exchange.requestRollback();
    slots.answerRequest(200);
    const expected = adaptive(model, ALL);
    offline(expected, 0, 100);
    expected.core.loadState(core);
    expect(live(slots, 200, 300)).toEqual(offline(expected, 200, 300));
  });

  it('are as fresh after a rehearsal', () => {
    const slots = slotsOf();
    live(slots, 0, 100);
    slots.restart();
    expect(live(slots, 0, 100)).toEqual(offline(adaptive(model, ALL), 0, 100));
  });
});
