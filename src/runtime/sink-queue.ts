/**
 * Stands between the session and one sink: a bounded queue that is emptied at the sink's own pace. When it is full,
 * records are lost and counted; when the sink throws, the queue and all that would follow are lost and counted.
 */
import type { BinRecord, SessionDescription, Sink, TimedEvent } from './sink.ts';

/** About 20 s at 10 ms bins. */
const QUEUE_RECORDS = 2048;
/** Events are few; a flood of them must not fill the memory. */
const QUEUE_EVENTS = 1024;

type Item = { kind: 'record'; record: BinRecord } | { kind: 'event'; event: TimedEvent };

export class SinkQueue {
  readonly sink: Sink;
  /** Records pushed, and those of them that were never handed over. */
  private offeredRecords = 0;
  private refusedRecords = 0;
  private readonly onFailure: (sink: Sink, error: Error) => void;
  private readonly capacity: number;
  private items: Item[] = [];
  private recordCount = 0;
  private eventCount = 0;
  private hasFailed = false;
  private isDrained = false;
  /** The pump while it runs. */
  private pumping: Promise<void> | undefined;

  constructor(sink: Sink, onFailure: (sink: Sink, error: Error) => void, capacity = QUEUE_RECORDS) {
    this.sink = sink;
    this.onFailure = onFailure;
    this.capacity = capacity;
  }

  async open(description: SessionDescription): Promise<void> {
    await this.sink.open(description);
  }

  /** Records that can be pushed now without loss; without end for a sink that has failed, because it loses all. */
  freeCount(): number {
    return this.hasFailed ? Infinity : this.capacity - this.recordCount;
  }

  push(record: BinRecord): void {
    this.offeredRecords++;
    if (this.hasFailed || this.isDrained || this.recordCount >= this.capacity) {
      this.refusedRecords++;
      return;
    }
    this.recordCount++;
    this.enqueue({ kind: 'record', record });
  }

  pushEvent(event: TimedEvent): void {
    if (this.hasFailed || this.isDrained || this.eventCount >= QUEUE_EVENTS) return;
    this.eventCount++;
    this.enqueue({ kind: 'event', event });
  }

  /**
   * Hands over what is queued, at most for `timeoutMs`; records that are still queued then are lost. Nothing is taken
   * after this.
   */
  async drain(timeoutMs: number): Promise<void> {
    await withTimeout(this.pumping ?? Promise.resolve(), timeoutMs);
    this.refusedRecords += this.recordCount;
    this.recordCount = 0;
    this.items = [];
    this.isDrained = true;
  }

  /** Closes the sink. @returns false when that took longer than `timeoutMs`, and goes on unattended */
  async close(summary: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<boolean> {
    const closing = (async () => {
      try {
        await this.sink.close(summary);
      } catch (error) {
        this.fail(error);
      }
    })();
    return withTimeout(closing, timeoutMs);
  }

  /** Every record pushed is written or lost, once the sink has closed. */
  account(): { written: number; lost: number } {
    const lost = this.refusedRecords + this.sink.lostRecords();
    return { written: this.offeredRecords - this.recordCount - lost, lost };
  }

  private enqueue(item: Item): void {
    this.items.push(item);
    this.pumping ??= this.pump();
  }

  private async pump(): Promise<void> {
    try {
      while (this.items.length > 0 && !this.hasFailed) {
        const batch = this.items;
        this.items = [];
        for (const item of batch) {
          if (item.kind === 'record') {
            await this.sink.write(item.record);
          } else {
            await this.sink.writeEvent(item.event);
          }
          if (this.isDrained) return; // it came too late: it and what follows were given up, and counted as lost
          if (item.kind === 'record') this.recordCount--;
          else this.eventCount--;
        }
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.pumping = undefined;
    }
  }

  private fail(error: unknown): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.refusedRecords += this.recordCount;
    this.recordCount = 0;
    this.items = [];
    this.onFailure(this.sink, error instanceof Error ? error : new Error(String(error)));
  }
}

/** @returns whether it settled in time */
async function withTimeout(work: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  const isDone = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return isDone;
}
