/**
 * What streaming stages pass on: consecutive rows (frames at first, bins after binning) with the behaviour that
 * accompanied them and the stamps that say which frames went into each row, and when. Made once, reused for ever.
 */
export interface BlockShape {
  channelCount: number;
  truthCount: number;
  /** Rows that one block can hold. */
  maxRows: number;
  /** Time from one row to the next. */
  rowMs: number;
}

/** Borrowed: valid during one `process` call, never kept. Only the first `rowCount` rows mean anything. */
export interface Block {
  rowCount: number;
  /** [maxRows x channelCount] */
  samples: Float32Array;
  /** [maxRows x truthCount] */
  truth: Float32Array;
  /** Index of the first and of the last frame that went into the row. [maxRows] */
  readonly firstFrame: Float64Array;
  readonly lastFrame: Float64Array;
  /** When the row's last frame ended by the stream's schedule; NaN when unpaced. [maxRows] */
  readonly scheduledNs: Float64Array;
  /** When the row's last frame had arrived. [maxRows] */
  readonly arrivalNs: Float64Array;
  /** 1 when the row does not continue the row before it in time: state is not carried across. [maxRows] */
  readonly isJoin: Uint8Array;
}

export function createBlock(shape: BlockShape): Block {
  const { channelCount, truthCount, maxRows } = shape;
  return {
    rowCount: 0,
    samples: new Float32Array(maxRows * channelCount),
    truth: new Float32Array(maxRows * truthCount),
    firstFrame: new Float64Array(maxRows),
    lastFrame: new Float64Array(maxRows),
    scheduledNs: new Float64Array(maxRows),
    arrivalNs: new Float64Array(maxRows),
    isJoin: new Uint8Array(maxRows),
  };
}

/** Copies the truth and the stamps of all rows; a stage that keeps rows one to one calls this. */
export function copyRowStamps(output: Block, input: Block, truthCount: number): void {
  output.rowCount = input.rowCount;
  for (let row = 0; row < input.rowCount; row++) {
    output.firstFrame[row] = input.firstFrame[row];
    output.lastFrame[row] = input.lastFrame[row];
    output.scheduledNs[row] = input.scheduledNs[row];
    output.arrivalNs[row] = input.arrivalNs[row];
    output.isJoin[row] = input.isJoin[row];
  }
  for (let i = 0; i < input.rowCount * truthCount; i++) output.truth[i] = input.truth[i];
}
