/** The last decoded bins beside the truth, for the terminal view: a sink that keeps a window and nothing else. */
import type { BinRecord, Sink } from '../runtime/sink.ts';

export interface TracePoint {
  output: Float32Array;
  /** Empty where the stream has no truth. */
  truth: Float32Array;
}

export class LiveTrace implements Sink {
  readonly name = 'view';
  /** Oldest first. */
  readonly points: TracePoint[] = [];
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  open(): void {
    this.points.length = 0;
  }

  write({ output, truth }: BinRecord): void {
    this.points.push({ output: output.slice(), truth: truth.slice() });
    if (this.points.length > this.capacity) this.points.shift();
  }

  writeEvent(): void {
    // Events are told in words below the view.
  }

  lostRecords(): number {
    return 0;
  }

  close(): void {
    // Nothing is held.
  }
}
