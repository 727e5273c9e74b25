/** What a session writer is given, and the account that it keeps of it. */

/** Arrays are borrowed: they are copied before `writeBin` returns. */
export interface BinRecord {
  binIndex: number;
  /** Scheduled end of the bin on the monotonic clock; NaN when unpaced. */
  edgeNs: number;
  /** [channelCount] */
  features: ArrayLike<number>;
  /** [outputCount] */
  output: ArrayLike<number>;
  /** Which decoder made the output; 0 is the one that the session began with. */
  generation: number;
  /** [outputCount]; left out where it is not known. */
  truth?: ArrayLike<number>;
  /** NaN where it was not measured. */
  queueDelayUs: number;
  computeTimeUs: number;
  endToEndLatencyUs: number;
}

export interface EventRecord {
  /** Monotonic clock. */
  timeNs: number;
  kind: string;
  binIndex?: number;
  detail?: Readonly<Record<string, unknown>>;
}

/** Every record that was offered is in exactly one of these. */
export interface SessionWriterAccount {
  /** On disk. */
  writtenBins: number;
  writtenEvents: number;
  /** Taken, on their way to the disk. */
  pendingBins: number;
  pendingEvents: number;
  /** Refused, or lost when writing failed. */
  droppedBins: number;
  droppedEvents: number;
}
