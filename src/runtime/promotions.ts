/** Changes of the decoder while a session runs, as the main thread asks for them: one at a time, each with an answer. */
import type { Adaptation } from '../calibration/adaptive/adaptations.ts';
import { BetzError } from '../core/errors.ts';
import type { Model } from '../decoders/decoder.ts';
import { decodeModel, encodeModel } from '../decoders/model-file.ts';
import { modelHash } from '../host/model-store.ts';
import type { KernelVariant } from '../kernels/kernels.ts';
import { candidateImage, checkCandidate } from './candidate.ts';
import type { DecoderExchange, Swap } from './decoder-exchange.ts';
import { ROLLBACK_STEPS } from './decoder-slots.ts';
import type { SessionEvent } from './sink.ts';

interface Pending {
  kind: 'promoted' | 'rolledBack';
  modelHash: string;
  /** Of a promotion. */
  model?: Model;
  resolve: (swap: Swap) => void;
  reject: (error: BetzError) => void;
}

export class Promotions {
  private readonly exchange: DecoderExchange;
  private readonly inService: Model;
  private readonly variant: KernelVariant;
  private readonly adaptations: readonly Adaptation[];
  private readonly tell: (event: SessionEvent) => void;
  private readonly onPromoted: (generation: number, model: Model) => void;
  private pending: Pending | undefined;
  private automaticTold = 0;
  private isOver = false;

  /**
   * @param inService any model of the session: they are all of one architecture
   * @param onPromoted told of a model that is in service before the event is
   */
  constructor(
    exchange: DecoderExchange,
    inService: Model,
    variant: KernelVariant,
    adaptations: readonly Adaptation[],
    tell: (event: SessionEvent) => void,
    onPromoted: (generation: number, model: Model) => void,
  ) {
    this.exchange = exchange;
    this.inService = inService;
    this.variant = variant;
    this.adaptations = adaptations;
    this.tell = tell;
    this.onPromoted = onPromoted;
  }

  /** Where the decode thread goes back by itself in the meantime, a rollback may be refused all the same. */
  get canRollBack(): boolean {
    return this.exchange.beforeCount() > 0 && !this.isOver;
  }

  /** @throws BetzError those of `Session.promote` */
  async promote(candidate: Model | Uint8Array): Promise<Swap> {
    this.expectFree();
    const bytes = candidate instanceof Uint8Array ? candidate : encodeModel(candidate);
    const model = decodeModel(bytes);
    checkCandidate(this.inService, model);
    const { exchange } = this;
    const image = candidateImage(model, this.variant, exchange.image.byteLength, this.adaptations);
    const hash = modelHash(bytes);
    exchange.image.set(image);
    exchange.modelHash.set(Buffer.from(hash, 'hex'));
    exchange.requestPromotion();
    return this.answerOf({ kind: 'promoted', modelHash: hash, model });
  }

  /** @throws BetzError those of `Session.rollback` */
  async rollback(): Promise<Swap> {
    this.expectFree();
    // Not asked in vain: where no bins come for a while, the request would stand in the way of a promotion.
    if (this.exchange.beforeCount() === 0) throw nothingToRollBack();
    this.exchange.requestRollback();
    return this.answerOf({ kind: 'rolledBack', modelHash: '' });
  }

  /** Looks for what the decode thread has done; called whenever bins are fetched. */
  look(): void {
    const { exchange } = this;
    let isAnswered: boolean;
    let automaticCount: number;
    // A promotion that is answered between the two readings may have been recovered from before the second.
    do {
      isAnswered = exchange.isAnswered();
      automaticCount = exchange.automaticCount();
    } while (isAnswered !== exchange.isAnswered());
    let answered = isAnswered ? this.pending : undefined;
    const swap = exchange.answer();
    for (; this.automaticTold < automaticCount; this.automaticTold++) {
      const recovered = exchange.automatic(this.automaticTold);
      // With the same bin to come, the recovery was first: it belongs to the bin before.
      if (answered !== undefined && swap !== undefined && swap.binIndex < recovered.binIndex) {
        this.settle(answered, swap);
        answered = undefined;
      }
      this.tell({ kind: 'rolledBack', reason: 'nonFinite', ...recovered });
    }
    if (answered !== undefined) this.settle(answered, swap);
  }

  /** No bin comes any more. */
  end(): void {
    this.look();
    this.isOver = true;
    this.pending?.reject(sessionEnded());
    this.pending = undefined;
  }

  /** The session is being stopped: nothing new begins. */
  stop(): void {
    this.isOver = true;
  }

  private settle(pending: Pending, swap: Swap | undefined): void {
    this.pending = undefined;
    if (swap === undefined) {
      pending.reject(nothingToRollBack());
      return;
    }
    if (pending.model !== undefined) this.onPromoted(swap.generation, pending.model);
    this.tell(
      pending.kind === 'promoted'
        ? { kind: 'promoted', modelHash: pending.modelHash, ...swap }
        : { kind: 'rolledBack', reason: 'asked', ...swap },
    );
    pending.resolve(swap);
  }

  private answerOf(asked: Omit<Pending, 'resolve' | 'reject'>): Promise<Swap> {
    return new Promise((resolve, reject) => {
      this.pending = { ...asked, resolve, reject };
    });
  }

  private expectFree(): void {
    if (this.isOver) throw sessionEnded();
    if (this.pending === undefined) return;
    throw new BetzError('IPC_SWAP_PENDING', 'another change of the decoder is still under way', {
      value: this.pending.kind,
      tip: 'Wait for it: it takes place between the next two bins.',
    });
  }
}

function nothingToRollBack(): BetzError {
  return new BetzError('CAL_NOTHING_TO_ROLL_BACK', 'there is no decoder before this one to go back to', {
    tip: `Only the last ${ROLLBACK_STEPS} promotions can be taken back, each once: promote the model that you want instead.`,
  });
}

function sessionEnded(): BetzError {
  return new BetzError('IPC_SESSION_ENDED', 'the session ends, so its decoder is not changed any more', {
    tip: 'Save the candidate, and start the next session with it.',
  });
}
