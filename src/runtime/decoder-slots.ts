/**
 * The decoder in service and those before it. All are made before the first bin, each in a kernel memory of its own. All
 * that a model brings lies in that memory, at places that follow from kind, config and shape alone; so a decoder becomes another
 * one of the same architecture when the memory's contents are replaced, and nothing is allocated for it.
 *
 * The slots are a ring. A promotion fills the next one with the candidate, hands the recurrent state over and goes there; what was
 * in service stays in its slot, and a rollback goes back to it, and from there to the one before. What a decoder has learned while
 * it was used stays with it.
 */
import type { Decoder, LearningDecoder } from '../decoders/decoder.ts';
import type { Arena } from '../kernels/arena.ts';
import type { DecoderExchange } from './decoder-exchange.ts';

export interface DecoderSlot {
  decoder: Decoder;
  arena: Arena;
}

/** Promotions that can be taken back: `auto` makes two, and after both the model that the session began with is to be in reach. */
export const ROLLBACK_STEPS = 2;

const HASH_BYTES = 32;

export class DecoderSlots {
  /** In service. */
  decoder: Decoder;
  /** Where the recurrent state of that is: itself, or what it learns around. */
  core: Decoder;
  /** It again, if it learns while it is used. */
  learner: LearningDecoder | undefined;
  /** Of the decoder in service: 0 is the first one, each promotion gives the next number. */
  generation = 0;
  readonly exchange: DecoderExchange;
  private readonly decoders: readonly Decoder[];
  private readonly contents: readonly Uint8Array[];
  private readonly generations: Float64Array;
  private readonly firstHash: Uint8Array;
  private readonly hashes: readonly Uint8Array[];
  private readonly state: Uint8Array;
  private inService = 0;
  private promotionCount = 0;
  /** Decoders that can be gone back to: in the slots before the one in service. */
  private beforeCount = 0;

  /**
   * @param slots decoders of the same model, fresh: one more than promotions can be taken back
   * @param modelHash of that model's file, 32 bytes; zeros where nobody needs it
   */
  constructor(
    slots: readonly DecoderSlot[],
    exchange: DecoderExchange,
    modelHash: Uint8Array = new Uint8Array(HASH_BYTES),
  ) {
    this.decoders = slots.map(({ decoder }) => decoder);
    this.contents = slots.map(({ arena }) => arena.contents());
    this.generations = new Float64Array(slots.length);
    // Copies: a Buffer's slice would share its memory.
    this.firstHash = Uint8Array.from(modelHash);
    this.hashes = slots.map(() => Uint8Array.from(modelHash));
    this.exchange = exchange;
    this.decoder = slots[0].decoder;
    this.learner = isLearning(this.decoder) ? this.decoder : undefined;
    this.core = this.learner?.core ?? this.decoder;
    this.state = new Uint8Array(this.core.stateBytes);
  }

  /** Of the model in service. */
  get modelHash(): Uint8Array {
    return this.hashes[this.inService];
  }

  /** Does what was asked for. Between two bins. @param binIndex of the bin to come */
  answerRequest(binIndex: number): void {
    const { exchange } = this;
    if (exchange.isPromotionAsked()) {
      const next = this.slotAt(1);
      this.contents[next].set(exchange.image);
      this.hashes[next].set(exchange.modelHash);
      this.generations[next] = ++this.promotionCount;
      this.move(1, true);
      exchange.answerDone(binIndex, this.generation);
    } else if (this.beforeCount > 0) {
      this.move(-1, true);
      exchange.answerDone(binIndex, this.generation);
    } else exchange.answerRefused();
  }

  /**
   * The decoder in service gave numbers that are not finite: back to the one before, which starts anew because the state
   * cannot be trusted. Without one before, the decoder itself starts anew.
   * @param binIndex of the bin to come
   */
  recover(binIndex: number): void {
    if (this.beforeCount > 0) {
      this.move(-1, false);
      this.exchange.tellAutomatic(binIndex, this.generation);
    }
    this.decoder.reset();
  }

  /** Back to before the first request: for rehearsals, whose promotions are all to the model of the first slot. */
  restart(): void {
    this.exchange.restart();
    for (const hash of this.hashes) hash.set(this.firstHash);
    this.generations.fill(0);
    this.inService = 0;
    this.promotionCount = 0;
    this.beforeCount = 0;
    this.generation = 0;
    this.use(this.decoders[0]);
    for (const decoder of this.decoders) decoder.reset();
  }

  private slotAt(offset: 1 | -1): number {
    const slotCount = this.decoders.length;
    return (this.inService + offset + slotCount) % slotCount;
  }

  private move(offset: 1 | -1, handsStateOver: boolean): void {
    if (handsStateOver) this.core.saveState(this.state);
    this.inService = this.slotAt(offset);
    this.use(this.decoders[this.inService]);
    this.generation = this.generations[this.inService];
    if (handsStateOver) this.core.loadState(this.state);
    this.beforeCount = Math.min(this.beforeCount + offset, this.decoders.length - 1);
    this.exchange.tellBefore(this.beforeCount);
  }

  private use(decoder: Decoder): void {
    this.decoder = decoder;
    this.learner = isLearning(decoder) ? decoder : undefined;
    this.core = this.learner?.core ?? decoder;
  }
}

function isLearning(decoder: Decoder): decoder is LearningDecoder {
  return 'learn' in decoder;
}
