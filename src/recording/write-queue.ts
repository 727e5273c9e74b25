/**
 * Appends blocks to a file one after the other while its user goes on: `push` returns at once. How much may wait
 * has a limit, which the user asks about before pushing.
 */

/** What a queue writes to. Calls never overlap. */
export interface BlockSink {
  write(block: Uint8Array): Promise<void>;
  /** Makes what was written permanent. */
  sync(): Promise<void>;
}

interface WaitingBlock {
  bytes: Uint8Array;
  settle: (isWritten: boolean) => void;
}

export class WriteQueue {
  private readonly sink: BlockSink;
  private readonly bytesMax: number;
  private readonly onFailure: (failure: unknown) => void;
  private readonly blocks: WaitingBlock[] = [];
  private pendingBytes = 0;
  private isPumping = false;
  private hasFailed = false;
  private waiting: { bytesMax: number; resolve: () => void }[] = [];

  /** @param onFailure called once, when a write fails; nothing is written after that */
  constructor(sink: BlockSink, bytesMax: number, onFailure: (failure: unknown) => void) {
    this.sink = sink;
    this.bytesMax = bytesMax;
    this.onFailure = onFailure;
  }

  /** False while more than the limit waits to be written. */
  hasSpace(): boolean {
    return this.pendingBytes < this.bytesMax;
  }

  /** @param settle called once the block was written, or will never be */
  push(bytes: Uint8Array, settle: (isWritten: boolean) => void = () => undefined): void {
    if (this.hasFailed) {
      settle(false);
      return;
    }
    this.blocks.push({ bytes, settle });
    this.pendingBytes += bytes.byteLength;
    if (!this.isPumping) void this.pump();
  }

  /** Resolves when less than half of the limit waits: at once, most of the time. Also after a failure. */
  ready(): Promise<void> {
    return this.below(this.bytesMax / 2);
  }

  /** Resolves when everything was written and made permanent, or writing failed. */
  drained(): Promise<void> {
    return this.below(0);
  }

  private below(bytesMax: number): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ bytesMax, resolve });
      this.wake();
    });
  }

  private wake(): void {
    const isReached = (bytesMax: number): boolean =>
      bytesMax === 0 ? !this.isPumping : this.pendingBytes < bytesMax;
    const reached = this.waiting.filter(({ bytesMax }) => isReached(bytesMax));
    this.waiting = this.waiting.filter((waiter) => !reached.includes(waiter));
    for (const { resolve } of reached) resolve();
  }

  private async pump(): Promise<void> {
    this.isPumping = true;
    try {
      while (this.blocks.length > 0) {
        while (this.blocks.length > 0) {
          const { bytes, settle } = this.blocks[0];
          await this.sink.write(bytes);
          this.blocks.shift();
          this.pendingBytes -= bytes.byteLength;
          settle(true);
          this.wake();
        }
        // Blocks that come in meanwhile are written before the next sync, so a burst costs few of them.
        await this.sink.sync();
      }
    } catch (failure) {
      this.hasFailed = true;
      this.onFailure(failure);
      for (const { settle } of this.blocks.splice(0)) settle(false);
      this.pendingBytes = 0;
    }
    this.isPumping = false;
    this.wake();
  }
}
