/** What the main thread makes of what the decode thread did since it looked: every change once, in the order of the bins. */
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/decoders/decoder.ts';
import { encodeModel } from '../../src/decoders/model-file.ts';
import { findDecoderKind } from '../../src/decoders/registry.ts';
import { loadKernels } from '../../src/host/load-kernels.ts';
import { modelHash } from '../../src/host/model-store.ts';
import { DecoderExchange } from '../../src/runtime/decoder-exchange.ts';
import { DecoderSlots } from '../../src/runtime/decoder-slots.ts';
import { Promotions } from '../../src/runtime/promotions.ts';
import { randomModel } from '../support/decoder-models.ts';
import { betzErrorOfAsync } from '../support/recording-errors.ts';

const kind = findDecoderKind('wiener');
const modelOf = (seed: number): Model => {
  const model = randomModel(kind, { inputCount: 3, outputCount: 2 }, {}, seed);
  return { ...model, features: { ...model.features, smoothing: 0 }, binMs: 10 };
};
const second = encodeModel(modelOf(2));
const hash = modelHash(second);

/** Both sides of the exchange, in one thread. */
class BothSides {
  readonly told: unknown[] = [];
  readonly slots: DecoderSlots;
  readonly promotions: Promotions;

  constructor() {
    const ring = Array.from({ length: 3 }, () => loadKernels()).map((kernels) => ({
      decoder: kind.createDecoder(modelOf(1), kernels),
      arena: kernels.arena,
    }));
    const exchange = new DecoderExchange(ring[0].arena.contents().byteLength);
    this.slots = new DecoderSlots(ring, exchange);
    this.promotions = new Promotions(
      exchange,
      modelOf(1),
      loadKernels().variant,
      [],
      (event) => this.told.push(event),
      () => undefined,
    );
  }

  async promote(binIndex: number): Promise<void> {
    const done = this.promotions.promote(second);
    this.slots.answerRequest(binIndex);
    this.promotions.look();
    await done;
  }
}

const promoted = (binIndex: number, generation: number): unknown => ({
  kind: 'promoted',
  modelHash: hash,
  binIndex,
  generation,
});
const recovered = (binIndex: number, generation: number): unknown => ({
  kind: 'rolledBack',
  reason: 'nonFinite',
  binIndex,
  generation,
});

describe('changes that the main thread sees at once', () => {
  it('are a promotion, and then the rollback of what it brought', async () => {
    const sides = new BothSides();
    const done = sides.promotions.promote(second);
    sides.slots.answerRequest(10);
    sides.slots.recover(11); // after its first bin
    sides.promotions.look();
    expect(sides.told).toEqual([promoted(10, 1), recovered(11, 0)]);
    expect(await done).toEqual({ binIndex: 10, generation: 1 });
    expect(sides.promotions.canRollBack).toBe(false);
  });

  it('are told in that order also where both happen while it looks', async () => {
    const sides = new BothSides();
    const { exchange } = sides.slots;
    const done = sides.promotions.promote(second);
    let looks = 0;
    exchange.automaticCount = () => {
      if (looks++ === 0) {
        sides.slots.answerRequest(10);
        sides.slots.recover(11);
      }
      return DecoderExchange.prototype.automaticCount.call(exchange);
    };
    sides.promotions.look();
    expect(sides.told).toEqual([promoted(10, 1), recovered(11, 0)]);
    await done;
  });

  it('are a rollback after the bin before, and then a promotion', async () => {
    const sides = new BothSides();
    await sides.promote(10);
    const done = sides.promotions.promote(second);
    sides.slots.recover(20); // after bin 19, and before bin 20:
    sides.slots.answerRequest(20);
    sides.promotions.look();
    expect(sides.told.slice(1)).toEqual([recovered(20, 0), promoted(20, 2)]);
    await done;
    expect(sides.promotions.canRollBack).toBe(true);
  });

  it('are two steps back, of which each is told once', async () => {
    const sides = new BothSides();
    await sides.promote(10);
    await sides.promote(20);
    sides.slots.recover(30);
    sides.slots.recover(31);
    sides.promotions.look();
    sides.promotions.look();
    expect(sides.told.slice(2)).toEqual([recovered(30, 1), recovered(31, 0)]);
    expect((await betzErrorOfAsync(() => sides.promotions.rollback())).code).toBe('CAL_NOTHING_TO_ROLL_BACK');
  });

  it('are two steps back that were asked for, one after the other', async () => {
    const sides = new BothSides();
    await sides.promote(10);
    await sides.promote(20);
    for (const [binIndex, generation] of [
      [30, 1],
      [40, 0],
    ]) {
      expect(sides.promotions.canRollBack).toBe(true);
      const done = sides.promotions.rollback();
      sides.slots.answerRequest(binIndex);
      sides.promotions.look();
      expect(await done).toEqual({ binIndex, generation });
      expect(sides.told.at(-1)).toEqual({ kind: 'rolledBack', reason: 'asked', binIndex, generation });
    }
    expect(sides.promotions.canRollBack).toBe(false);
  });

  it('may leave nothing for a rollback that was asked for before', async () => {
    const sides = new BothSides();
    await sides.promote(10);
    const refused = betzErrorOfAsync(() => sides.promotions.rollback());
    sides.slots.recover(20);
    sides.slots.answerRequest(20);
    sides.promotions.look();
    expect((await refused).code).toBe('CAL_NOTHING_TO_ROLL_BACK');
    expect(sides.told.slice(1)).toEqual([recovered(20, 0)]);
  });
});

describe('the end of a session', () => {
  it('refuses a promotion that no bin has come for, and what is asked for afterwards', async () => {
    const sides = new BothSides();
    const refused = betzErrorOfAsync(() => sides.promotions.promote(second));
    sides.promotions.stop();
    sides.promotions.end();
    expect((await refused).code).toBe('IPC_SESSION_ENDED');
    expect(sides.told).toEqual([]);
    for (const ask of [() => sides.promotions.promote(second), () => sides.promotions.rollback()])
      expect((await betzErrorOfAsync(ask)).code).toBe('IPC_SESSION_ENDED');
  });

  it('tells of a promotion that took place before the last bin, and nobody had looked', async () => {
    const sides = new BothSides();
    const done = sides.promotions.promote(second);
    sides.promotions.stop();
    sides.slots.answerRequest(10);
    sides.promotions.end();
    expect(await done).toEqual({ binIndex: 10, generation: 1 });
    expect(sides.told).toEqual([promoted(10, 1)]);
  });
});
