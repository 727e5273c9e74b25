/**
 * The decoder in service and the one beside it. Both are made before the first bin, each in a kernel memory of its own. All
 * that a model brings lies in that memory, at places that follow from kind, config and shape alone; so a decoder becomes another
 * one of the same architecture when the memory's contents are replaced, and nothing is allocated for it.
 *
 * A promotion fills the slot beside with the candidate, hands the recurrent state over and changes slots; what was in service
 * stays in its slot, and a rollback changes slots again. What a decoder has learned while it was used stays with it.
 */
import type { Decoder, LearningDecoder } from '../decoders/decoder.ts';
import type { Arena } from '../kernels/arena.ts';
import type { DecoderExchange } from './decoder-exchange.ts';

export interface DecoderSlot {
  decoder: Decoder;
  arena: Arena;
}

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
  private readonly decoders: readonly [Decoder, Decoder];
  private readonly contents: readonly [Uint8Array, Uint8Array];
  private readonly generations = new Float64Array(2);
  private readonly firstHash: Uint8Array;
  private readonly hashes: readonly [Uint8Array, Uint8Array];
  private readonly state: Uint8Array;
  private inService = 0;
  private promotionCount = 0;
  /** The decoder beside is the one that was in service before. */
  private canRollBack = false;

  /**
   * @param slots two decoders of the same model, fresh
   * @param modelHash of that model's file, 32 bytes; zeros where nobody needs it
   */
  constructor(
    slots: readonly [DecoderSlot, DecoderSlot],
    exchange: DecoderExchange,
    modelHash: Uint8Array = new Uint8Array(HASH_BYTES),
  ) {
    this.decoders = [slots[0].decoder, slots[1].decoder];
    this.contents = [slots[0].arena.contents(), slots[1].arena.contents()];
    // Copies: a Buffer's slice would share its memory.
    this.firstHash = Uint8Array.from(modelHash);
    this.hashes = [Uint8Array.from(modelHash), Uint8Array.from(modelHash)];
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
    if (!exchange.isPromotionAsked()) {
      if (this.canRollBack) {
        this.swap(true);
        this.canRollBack = false;
        exchange.answerDone(binIndex, this.generation);
      } else exchange.answerRefused();
      return;
    }
    const other = 1 - this.inService;
    this.contents[other].set(exchange.image);
    this.hashes[other].set(exchange.modelHash);
    this.generations[other] = ++this.promotionCount;
    this.swap(true);
    this.canRollBack = true;
    exchange.answerDone(binIndex, this.generation);
  }

  /**
   * The decoder in service gave numbers that are not finite: back to the one before, which starts anew because the state
   * cannot be trusted, and nothing to go back to from there. Without one before, the decoder itself starts anew.
   * @param binIndex of the bin to come
   */
  recover(binIndex: number): void {
    if (this.canRollBack) {
      this.swap(false);
      this.canRollBack = false;
      this.exchange.tellAutomatic(binIndex, this.generation);
    }
    this.decoder.reset();
  }

  /** Back to before the first request: for rehearsals. Both decoders are fresh and of the model in slot 0. */
  restart(): void {
    this.contents[1].set(this.contents[0]);
    this.exchange.restart();
    for (const hash of this.hashes) hash.set(this.firstHash);
    this.generations.fill(0);
    this.inService = 0;
    this.promotionCount = 0;
    this.canRollBack = false;
    this.generation = 0;
    this.use(this.decoders[0]);
    for (const decoder of this.decoders) decoder.reset();
  }

  private swap(handsStateOver: boolean): void {
    if (handsStateOver) this.core.saveState(this.state);
    this.inService = 1 - this.inService;
    this.use(this.decoders[this.inService]);
    this.generation = this.generations[this.inService];
    if (handsStateOver) this.core.loadState(this.state);
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
