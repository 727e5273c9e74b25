/** Fetches decoded bins from the output ring and hands each sink its queue of them. Main thread, by a timer. */
import { RECORD_FLAG, RECORD_HEADER } from '../core/record-ring.ts';
import type { RecordRing, RecordSlot } from '../core/record-ring.ts';
import type { SinkQueue } from './sink-queue.ts';
import type { BinRecord } from './sink.ts';

export class RecordDrain {
  /** The newest bin fetched. */
  latest: BinRecord | undefined;
  private readonly records: RecordRing;
  private readonly queues: readonly SinkQueue[];
  private readonly isPaced: boolean;
  private readonly onRecord: (record: BinRecord) => void;

  /** @param onRecord told of every record once the queues have it */
  constructor(
    records: RecordRing,
    queues: readonly SinkQueue[],
    isPaced: boolean,
    onRecord: (record: BinRecord) => void,
  ) {
    this.records = records;
    this.queues = queues;
    this.isPaced = isPaced;
    this.onRecord = onRecord;
  }

  /**
   * How many `fetch` takes of what is there now. Paced, everything: a sink that is behind loses its own records. Unpaced, only what
   * every sink has room for: the ring fills up behind it, the source waits, and nothing is lost.
   */
  readyCount(): number {
    const freeCounts = this.isPaced ? [] : this.queues.map((queue) => queue.freeCount());
    return Math.min(this.queuedCount(), ...freeCounts);
  }

  /** All that is there now, whether the sinks have room or not. */
  queuedCount(): number {
    return this.records.queuedCount();
  }

  /** @param count a limit, because the decode thread goes on meanwhile */
  fetch(count: number): void {
    for (let i = 0; i < count; i++) {
      const slot = this.records.peek();
      if (slot === undefined) return;
      const record = copyRecord(slot);
      this.records.release();
      this.latest = record;
      for (const queue of this.queues) queue.push(record);
      this.onRecord(record);
    }
  }
}

function copyRecord({ header, features, output, truth }: RecordSlot): BinRecord {
  const flags = header[RECORD_HEADER.flags];
  return {
    binIndex: header[RECORD_HEADER.binIndex],
    firstFrame: header[RECORD_HEADER.firstFrame],
    lastFrame: header[RECORD_HEADER.lastFrame],
    scheduledNs: header[RECORD_HEADER.scheduledNs],
    arrivalNs: header[RECORD_HEADER.arrivalNs],
    startNs: header[RECORD_HEADER.startNs],
    stagedNs: header[RECORD_HEADER.stagedNs],
    decoderNs: header[RECORD_HEADER.decoderNs],
    doneNs: header[RECORD_HEADER.doneNs],
    generation: header[RECORD_HEADER.generation],
    isJoin: (flags & RECORD_FLAG.join) !== 0,
    isNonFinite: (flags & RECORD_FLAG.nonFinite) !== 0,
    // A copy on this thread's own heap: sinks may keep it.
    features: Float32Array.from(features),
    output: Float32Array.from(output),
    truth: Float32Array.from(truth),
  };
}
