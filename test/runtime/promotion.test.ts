/** Another decoder between two bins: bit for bit the candidate, and nothing lost. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Decoder, DecoderKind, Model } from '../../src/decoders/decoder.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { quantiseModel } from '../../src/decoders/quantise-model.ts';
import { decoderKinds, findDecoderKind } from '../../src/decoders/registry.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { candidateImage, checkCandidate } from '../../src/runtime/candidate.ts';
import { DecoderExchange } from '../../src/runtime/decoder-exchange.ts';
import { DecoderSlots } from '../../src/runtime/decoder-slots.ts';
import { Session } from '../../src/runtime/session.ts';
import type { SessionEvent } from '../../src/runtime/sink.ts';
import { randomCounts, randomModel, shakenModel } from '../support/decoder-models.ts';
import { linearRecording } from '../support/linear-recording.ts';
import { betzErrorOf, betzErrorOfAsync } from '../support/recording-errors.ts';
import { MemorySink } from '../support/sessions.ts';
import { until } from '../support/until.ts';
import { runningWorkerCount } from '../support/workers.ts';

const CHANNELS = 9;
const SHAPE = { inputCount: CHANNELS, outputCount: 2 };
const BINS = 60;
const counts = randomCounts(BINS, CHANNELS, 4);

afterEach(() => {
  expect(runningWorkerCount()).toBe(0);
});

function modelOf(kind: DecoderKind, seed: number, isInt8 = false, config = {}): Model {
  // A Kalman filter shaken at random is none.
  const random = (kind.name === 'kalman' ? randomModel : shakenModel)(kind, SHAPE, config, seed);
  const model = { ...random, features: { ...random.features, smoothing: 0 }, binMs: 10 };
  return isInt8 ? quantiseModel(model) : model;
}

const CASES = decoderKinds.flatMap((kind) => [
  { name: kind.name, kind, isInt8: false, config: {} },
  ...(kind.training === 'gradient' ? [{ name: `${kind.name} int8`, kind, isInt8: true, config: {} }] : []),
]);
const FULL_KALMAN = {
  name: 'kalman full',
  kind: findDecoderKind('kalman'),
  isInt8: false,
  config: { mode: 'full', lagBins: 2 },
};

function slotsOf(kind: DecoderKind, model: Model, modelHash?: Uint8Array): DecoderSlots {
  const ring = Array.from({ length: 3 }, () => loadKernels()).map((kernels) => ({
    decoder: kind.createDecoder(model, kernels),
    arena: kernels.arena,
  }));
  const exchange = new DecoderExchange(ring[0].arena.contents().byteLength);
  return new DecoderSlots(ring, exchange, modelHash);
}

function stage(slots: DecoderSlots, model: Model): void {
  const { image } = slots.exchange;
  image.set(candidateImage(model, loadKernels().variant, image.byteLength, []));
  slots.exchange.requestPromotion();
}

function decode(decoder: Decoder, from: number, to: number, features = counts): number[][] {
  return Array.from({ length: to - from }, (_, i) => {
    const output = new Float32Array(2);
    decoder.step(features.subarray((from + i) * CHANNELS, (from + i + 1) * CHANNELS), output);
    return [...output];
  });
}

/** What the models decode one after the other, the state handed over, with fresh decoders. */
function handedOver(
  kind: DecoderKind,
  parts: readonly [Model, number, number][],
  features = counts,
): number[][] {
  let state: Uint8Array | undefined;
  return parts.flatMap(([model, from, to]) => {
    const decoder = kind.createDecoder(model, loadKernels());
    if (state !== undefined) decoder.loadState(state);
    const outputs = decode(decoder, from, to, features);
    state = new Uint8Array(decoder.stateBytes);
    decoder.saveState(state);
    return outputs;
  });
}

describe.each([...CASES, FULL_KALMAN])('slots of $name', ({ kind, isInt8, config }) => {
  const first = modelOf(kind, 1, isInt8, config);
  const second = modelOf(kind, 2, isInt8, config);
  const third = modelOf(kind, 3, isInt8, config);

  it('compute what fresh decoders of the candidates compute, bit for bit, after promotions and rollbacks', () => {
    const slots = slotsOf(kind, first);
    const outputs = decode(slots.decoder, 0, 10);
    stage(slots, second);
    slots.answerRequest(10);
    expect(slots.exchange.answer()).toEqual({ binIndex: 10, generation: 1 });
    outputs.push(...decode(slots.decoder, 10, 20));
    stage(slots, third);
    slots.answerRequest(20);
    outputs.push(...decode(slots.decoder, 20, 35));
    slots.exchange.requestRollback();
    slots.answerRequest(35);
    expect(slots.exchange.answer()).toEqual({ binIndex: 35, generation: 1 });
    outputs.push(...decode(slots.decoder, 35, 45));
    slots.exchange.requestRollback();
    slots.answerRequest(45);
    expect(slots.exchange.answer()).toEqual({ binIndex: 45, generation: 0 });
    outputs.push(...decode(slots.decoder, 45, BINS));
    expect(outputs).toEqual(
      handedOver(kind, [
        [first, 0, 10],
        [second, 10, 20],
        [third, 20, 35],
        [second, 35, 45],
        [first, 45, BINS],
      ]),
    );
    expect(outputs).not.toEqual(handedOver(kind, [[first, 0, BINS]]));
    slots.exchange.requestRollback();
    slots.answerRequest(BINS);
    expect(slots.exchange.answer(), 'nothing before the first').toBeUndefined();
  });
});

describe('slots', () => {
  const kind = findDecoderKind('gru');
  const model = modelOf(kind, 1);

  it('go back by themselves from a decoder that went wrong, to a fresh state of the one before', () => {
    const slots = slotsOf(kind, model);
    decode(slots.decoder, 0, 10);
    stage(slots, modelOf(kind, 2));
    slots.answerRequest(10);
    decode(slots.decoder, 10, 20);
    slots.recover(21);
    expect(slots.exchange.automaticCount()).toBe(1);
    expect(slots.exchange.automatic(0)).toEqual({ binIndex: 21, generation: 0 });
    expect(decode(slots.decoder, 21, 30)).toEqual(handedOver(kind, [[model, 21, 30]]));
    slots.recover(30);
    expect(slots.exchange.automaticCount(), 'nothing before it').toBe(1);
    expect(decode(slots.decoder, 30, 40)).toEqual(handedOver(kind, [[model, 30, 40]]));
  });

  it('go back by themselves step by step, and as often as there was a promotion', () => {
    const slots = slotsOf(kind, model);
    for (let round = 0; round < 5; round++) {
      stage(slots, modelOf(kind, 2));
      slots.answerRequest(3 * round);
      stage(slots, modelOf(kind, 3));
      slots.answerRequest(3 * round);
      slots.recover(3 * round + 1);
      slots.recover(3 * round + 2);
      expect(slots.exchange.automaticCount()).toBe(2 * round + 2);
      expect([2 * round, 2 * round + 1].map((number) => slots.exchange.automatic(number))).toEqual([
        { binIndex: 3 * round + 1, generation: 2 * round + 1 },
        { binIndex: 3 * round + 2, generation: 0 },
      ]);
    }
    expect(decode(slots.decoder, 0, 10)).toEqual(handedOver(kind, [[model, 0, 10]]));
  });

  it('keep the last two before the one in service', () => {
    const slots = slotsOf(kind, model);
    const { exchange } = slots;
    const befores = [2, 3, 4, 5].map((seed) => {
      stage(slots, modelOf(kind, seed));
      slots.answerRequest(0);
      return exchange.beforeCount();
    });
    expect(befores).toEqual([1, 2, 2, 2]);
    const generations = [1, 2, 3].map(() => {
      exchange.requestRollback();
      slots.answerRequest(0);
      return exchange.answer()?.generation;
    });
    expect(generations).toEqual([3, 2, undefined]);
    expect(exchange.beforeCount()).toBe(0);
    expect(decode(slots.decoder, 0, 10)).toEqual(handedOver(kind, [[modelOf(kind, 3), 0, 10]]));
  });

  it('forget a rehearsal', () => {
    const slots = slotsOf(kind, model);
    stage(slots, modelOf(kind, 1));
    slots.answerRequest(5);
    decode(slots.decoder, 0, 5);
    slots.restart();
    expect(slots.generation).toBe(0);
    expect(slots.exchange.beforeCount()).toBe(0);
    slots.exchange.requestRollback();
    slots.answerRequest(0);
    expect(slots.exchange.answer()).toBeUndefined();
    expect(decode(slots.decoder, 0, 20)).toEqual(handedOver(kind, [[model, 0, 20]]));
  });

  it('forget what a rehearsal asked for, and whose model they are of', () => {
    const hash = Buffer.alloc(32, 7); // its slices share its memory
    const slots = slotsOf(kind, model, hash);
    stage(slots, modelOf(kind, 2));
    slots.answerRequest(1);
    slots.recover(2);
    slots.exchange.requestPromotion();
    slots.restart();
    expect(slots.exchange.isRequested()).toBe(false);
    expect(slots.exchange.automaticCount()).toBe(0);
    expect([...slots.modelHash]).toEqual([...hash]);
    stage(slots, modelOf(kind, 2));
    slots.answerRequest(3);
    expect([...slots.modelHash], 'the candidate brought none').toEqual([...new Uint8Array(32)]);
    slots.exchange.requestRollback();
    slots.answerRequest(4);
    expect([...slots.modelHash]).toEqual([...hash]);
  });
});

describe('a candidate', () => {
  const kind = findDecoderKind('gru');
  const model = modelOf(kind, 1);

  it.each<[string, Model]>([
    ['kind', modelOf(findDecoderKind('mamba'), 1)],
    ['config', modelOf(kind, 1, false, { hiddenCount: 64 })],
    ['precision', modelOf(kind, 1, true)],
    ['bin width', { ...model, binMs: 20 }],
    ['smoothing', { ...model, features: { ...model.features, smoothing: 0.5 } }],
    [
      'channels',
      {
        ...model,
        features: { ...model.features, channelLabels: [...model.features.channelLabels].reverse() },
      },
    ],
    ['output', { ...model, output: { ...model.output, unit: 'mm/s' } }],
    ['number', { ...model, shape: { inputCount: CHANNELS, outputCount: 3 } }],
  ])('of another %s is refused', (name, candidate) => {
    const error = betzErrorOf(() => {
      checkCandidate(model, candidate);
    });
    expect(error.code).toBe('DEC_CANDIDATE_MISMATCH');
    expect(error.message).toContain(name);
  });

  it('may have been trained with other dropout', () => {
    checkCandidate(model, modelOf(kind, 2, false, { inputDropout: 0, layerDropout: 0.5 }));
  });

  it('that decodes to numbers that are not finite is refused', () => {
    const normalisation = { ...model.normalisation, outputScale: Float32Array.of(3e38, 1) };
    const tensors = { ...model.tensors, 'readout.bias': { shape: [2], data: Float32Array.of(3, 0) } };
    const bytes = loadKernels();
    kind.createDecoder(model, bytes);
    const imageBytes = bytes.arena.contents().byteLength;
    const error = betzErrorOf(() =>
      candidateImage({ ...model, normalisation, tensors }, bytes.variant, imageBytes, []),
    );
    expect(error.code).toBe('DEC_CANDIDATE_NOT_FINITE');
  });
});

describe('a paced session', () => {
  const kind = findDecoderKind('gru');
  const first = modelOf(kind, 1);
  const second = modelOf(kind, 2);
  /** Longer than any test takes: they stop it. */
  const recording = { ...linearRecording({ binCount: 12_000, channelCount: CHANNELS, seed: 5 }), binMs: 10 };

  async function start(sink: MemorySink, events: SessionEvent[] = [], model = first): Promise<Session> {
    return Session.start({
      source: { kind: 'replay', config: { recording, speed: 1 } },
      modelBytes: encodeModel(model),
      state: { modelHash: modelHash(encodeModel(model)) },
      sinks: [sink],
      onEvent: (event) => events.push(event),
    });
  }

  const expected = (parts: readonly [Model, number, number][]): number[][] =>
    handedOver(kind, parts, recording.features);

  it('changes decoders between two bins and back, loses no bin and says so', async () => {
    const sink = new MemorySink();
    const events: SessionEvent[] = [];
    const session = await start(sink, events);
    const refused = betzErrorOfAsync(() => session.rollback());
    const promotion = session.promote(second); // has not to wait for what was refused
    expect((await refused).code, 'nothing before it').toBe('CAL_NOTHING_TO_ROLL_BACK');
    expect((await betzErrorOfAsync(() => session.promote(second))).code, 'two at once').toBe(
      'IPC_SWAP_PENDING',
    );
    const { binIndex, generation } = await promotion;
    expect(generation).toBe(1);
    await until(() => sink.records.length > binIndex + 20);
    const back = await session.rollback();
    expect(back.generation).toBe(0);
    expect(session.canRollBack, 'nothing before the first').toBe(false);
    expect((await betzErrorOfAsync(() => session.rollback())).code).toBe('CAL_NOTHING_TO_ROLL_BACK');
    const again = await session.promote(encodeModel(second));
    expect(session.canRollBack).toBe(true);
    await until(() => sink.records.length > again.binIndex + 20);
    const summary = await session.stop();
    const { records } = sink;
    expect(records.map((record) => record.binIndex)).toEqual(records.map((_, bin) => bin));
    expect(records.length).toBeGreaterThan(again.binIndex);
    expect(records.map(({ output }) => [...output])).toEqual(
      expected([
        [first, 0, binIndex],
        [second, binIndex, back.binIndex],
        [first, back.binIndex, again.binIndex],
        [second, again.binIndex, records.length],
      ]),
    );
    expect(records.map((record) => record.generation)).toEqual(
      records.map((_, bin) => (bin < binIndex ? 0 : bin < back.binIndex ? 1 : bin < again.binIndex ? 0 : 2)),
    );
    expect(summary.bins).toBe(records.length);
    const hash = modelHash(encodeModel(second));
    expect(events.filter(({ kind: name }) => name === 'promoted' || name === 'rolledBack')).toEqual([
      { kind: 'promoted', modelHash: hash, binIndex, generation: 1 },
      { kind: 'rolledBack', reason: 'asked', ...back },
      { kind: 'promoted', modelHash: hash, ...again },
    ]);
    expect(
      Buffer.from(session.sealedState!.subarray(32, 64)).toString('hex'),
      'the state is of that model',
    ).toBe(hash);
    expect((await betzErrorOfAsync(() => session.promote(second))).code).toBe('IPC_SESSION_ENDED');
    expect(session.canRollBack).toBe(false);
  });

  it('goes on undisturbed when a candidate is refused', async () => {
    const sink = new MemorySink();
    const session = await start(sink);
    const error = await betzErrorOfAsync(() => session.promote({ ...second, binMs: 20 }));
    expect(error.code).toBe('DEC_CANDIDATE_MISMATCH');
    await session.stop();
    const { records } = sink;
    expect(records.map(({ output }) => [...output])).toEqual(expected([[first, 0, records.length]]));
  });

  it('refuses a promotion once it is being stopped, and settles one that is under way', async () => {
    const sink = new MemorySink();
    const session = await start(sink);
    const promotion = session.promote(second).then(
      ({ generation }) => generation,
      (error: unknown) => (error as { code: string }).code,
    );
    void session.stop();
    expect((await betzErrorOfAsync(() => session.promote(second))).code).toBe('IPC_SESSION_ENDED');
    expect([1, 'IPC_SESSION_ENDED']).toContain(await promotion);
    await session.done;
  });
});
