/**
 * How the main thread asks the decode thread, which never looks at messages, for another decoder: a request and its answer
 * in a few numbers, and the candidate's memory beside them, all of it shared. One request at a time.
 */

/** Indexes into the whole numbers. */
const AT = { request: 0, outcome: 1, automatic: 2, before: 3, count: 4 } as const;
const REQUEST = { none: 0, promote: 1, rollBack: 2 } as const;
const OUTCOME = { refused: 0, done: 1 } as const;
/** Indexes into the doubles. From `automatic` on pairs of bin index and generation take turns. */
const VALUE = { binIndex: 0, generation: 1, automatic: 2 } as const;
/** More than can follow each other before the main thread looks: each needs a promotion, and only one waits for its answer. */
const AUTOMATIC_KEPT = 8;
const HASH_BYTES = 32;

/** What happened between two bins. */
export interface Swap {
  /** The first bin that the other decoder decodes. */
  binIndex: number;
  /** Of the decoder that is in service from then on. */
  generation: number;
}

export interface ExchangeBuffers {
  control: SharedArrayBuffer;
  image: SharedArrayBuffer;
}

export class DecoderExchange {
  /** Hand these to the other thread. */
  readonly buffers: ExchangeBuffers;
  /** The memory of the candidate, as `Arena.contents` gives it. */
  readonly image: Uint8Array;
  /** SHA-256 of the candidate's model file. */
  readonly modelHash: Uint8Array;
  private readonly control: Int32Array;
  private readonly values: Float64Array;

  /** @param from the bytes of an image, or the buffers of the exchange in the other thread */
  constructor(from: number | ExchangeBuffers) {
    const valuesAt = AT.count * 4;
    const valueCount = VALUE.automatic + 2 * AUTOMATIC_KEPT;
    const hashAt = valuesAt + valueCount * 8;
    this.buffers =
      typeof from === 'number'
        ? { control: new SharedArrayBuffer(hashAt + HASH_BYTES), image: new SharedArrayBuffer(from) }
        : from;
    this.control = new Int32Array(this.buffers.control, 0, AT.count);
    this.values = new Float64Array(this.buffers.control, valuesAt, valueCount);
    this.modelHash = new Uint8Array(this.buffers.control, hashAt, HASH_BYTES);
    this.image = new Uint8Array(this.buffers.image);
  }

  // The main thread's side.

  /** Once `image` and `modelHash` are written. */
  requestPromotion(): void {
    Atomics.store(this.control, AT.request, REQUEST.promote);
  }

  requestRollback(): void {
    Atomics.store(this.control, AT.request, REQUEST.rollBack);
  }

  isAnswered(): boolean {
    return Atomics.load(this.control, AT.request) === REQUEST.none;
  }

  /** Once it is answered. undefined: there was nothing to go back to. */
  answer(): Swap | undefined {
    if (this.control[AT.outcome] === OUTCOME.refused) return undefined;
    return { binIndex: this.values[VALUE.binIndex], generation: this.values[VALUE.generation] };
  }

  /** Rollbacks that the decode thread made by itself, up to now. */
  automaticCount(): number {
    return Atomics.load(this.control, AT.automatic);
  }

  /** @param number from 0 on, one of the last few */
  automatic(number: number): Swap {
    const at = automaticAt(number);
    return { binIndex: this.values[at], generation: this.values[at + 1] };
  }

  /** Decoders that can be gone back to, one after the other, now. */
  beforeCount(): number {
    return Atomics.load(this.control, AT.before);
  }

  /** As if nothing had been asked for: after a rehearsal, which may end between a request and its answer. */
  restart(): void {
    this.control.fill(0);
  }

  // The decode thread's side; nothing is allocated.

  isPromotionAsked(): boolean {
    return Atomics.load(this.control, AT.request) === REQUEST.promote;
  }

  isRequested(): boolean {
    return Atomics.load(this.control, AT.request) !== REQUEST.none;
  }

  answerDone(binIndex: number, generation: number): void {
    this.values[VALUE.binIndex] = binIndex;
    this.values[VALUE.generation] = generation;
    this.finish(OUTCOME.done);
  }

  answerRefused(): void {
    this.finish(OUTCOME.refused);
  }

  tellAutomatic(binIndex: number, generation: number): void {
    const at = automaticAt(this.control[AT.automatic]);
    this.values[at] = binIndex;
    this.values[at + 1] = generation;
    Atomics.add(this.control, AT.automatic, 1);
  }

  tellBefore(count: number): void {
    Atomics.store(this.control, AT.before, count);
  }

  private finish(outcome: number): void {
    this.control[AT.outcome] = outcome;
    Atomics.store(this.control, AT.request, REQUEST.none);
  }
}

function automaticAt(number: number): number {
  return VALUE.automatic + 2 * (number % AUTOMATIC_KEPT);
}
