/**
 * Frames to bins: counts are summed, the behaviour is averaged, over `framesPerBin` frames.
 *
 * Bins lie on a grid that starts at the stream's first frame and anew at every join. A gap does not move the grid,
 * because time went on during it: the bins that lost frames are dropped as a whole. Every frame that reaches no bin
 * is counted under its reason, so frames in = framesPerBin x bins out + frames dropped + frames pending.
 */
import type { Block, BlockShape } from './block.ts';
import type { Stage } from './stage.ts';

/** In frames. */
export interface DroppedFrames {
  /** In bins of which other frames were lost. */
  gap: number;
  /** In the unfinished bin before a join. */
  join: number;
  /** In the unfinished bin at the end of the stream. */
  partialBin: number;
}

export class Binning implements Stage {
  readonly name = 'binning';
  readonly framesPerBin: number;
  readonly dropped: DroppedFrames = { gap: 0, join: 0, partialBin: 0 };
  private channelCount = 0;
  private truthCount = 0;
  /** [channelCount] and [truthCount], of the bin under way; float64, so that the order of frames cannot matter. */
  private counts = new Float64Array(0);
  private truth = new Float64Array(0);
  /** Frames in those sums. */
  private pendingFrames = 0;
  /** Position of the next frame within its bin, 0 at an edge. */
  private position = 0;
  /** True from a gap to the next edge: the frames up to there belong to a bin that cannot be completed. */
  private isBinSpoiled = false;
  /** The next bin is the first after a join. */
  private isJoinPending = false;
  /** Index that the next frame has if nothing was lost; NaN before the first. */
  private nextFrame = Number.NaN;

  constructor(framesPerBin: number) {
    if (!Number.isInteger(framesPerBin) || framesPerBin < 1) {
      throw new RangeError(`framesPerBin must be an integer >= 1, got ${framesPerBin}`);
    }
    this.framesPerBin = framesPerBin;
  }

  prepare(shape: BlockShape): BlockShape {
    this.channelCount = shape.channelCount;
    this.truthCount = shape.truthCount;
    this.counts = new Float64Array(shape.channelCount);
    this.truth = new Float64Array(shape.truthCount);
    return {
      ...shape,
      maxRows: Math.floor((shape.maxRows + this.framesPerBin - 1) / this.framesPerBin),
      rowMs: shape.rowMs * this.framesPerBin,
    };
  }

  process(input: Block, output: Block): void {
    output.rowCount = 0;
    for (let row = 0; row < input.rowCount; row++) {
      if (input.isJoin[row] === 1) this.startAnew();
      else if (input.firstFrame[row] !== this.nextFrame) this.skipGap(input.firstFrame[row]);
      this.nextFrame = input.lastFrame[row] + 1;
      if (this.isBinSpoiled) this.dropped.gap++;
      else this.accumulate(input, row);
      this.position++;
      if (this.position === this.framesPerBin) {
        if (!this.isBinSpoiled) this.emit(input, row, output);
        this.position = 0;
        this.isBinSpoiled = false;
      }
    }
  }

  reset(): void {
    this.clearSums();
    this.position = 0;
    this.isBinSpoiled = false;
    this.isJoinPending = false;
    this.nextFrame = Number.NaN;
    this.dropped.gap = 0;
    this.dropped.join = 0;
    this.dropped.partialBin = 0;
  }

  /** The stream has ended: the frames of the unfinished bin are dropped, and counted. */
  dropPartialBin(): void {
    this.dropped.partialBin += this.pendingFrames;
    this.clearSums();
  }

  /** Frames still missing to the next bin edge, 1 to framesPerBin. */
  framesToEdge(): number {
    return this.framesPerBin - this.position;
  }

  private startAnew(): void {
    this.dropped.join += this.pendingFrames;
    this.clearSums();
    this.position = 0;
    this.isBinSpoiled = false;
    this.isJoinPending = true;
  }

  private skipGap(frame: number): void {
    if (Number.isNaN(this.nextFrame)) return; // the stream's first frame: the grid starts here
    if (frame < this.nextFrame) {
      // An index that runs backwards says that the source counts anew: nothing continues.
      this.startAnew();
      return;
    }
    this.dropped.gap += this.pendingFrames;
    this.clearSums();
    this.position = (this.position + (frame - this.nextFrame)) % this.framesPerBin;
    this.isBinSpoiled = this.position !== 0;
  }

  private accumulate(input: Block, row: number): void {
    const { counts, truth } = this;
    const samplesAt = row * this.channelCount;
    for (let channel = 0; channel < this.channelCount; channel++) {
      counts[channel] += input.samples[samplesAt + channel];
    }
    const truthAt = row * this.truthCount;
    for (let d = 0; d < this.truthCount; d++) truth[d] += input.truth[truthAt + d];
    this.pendingFrames++;
  }

  /** @param row the bin's last frame */
  private emit(input: Block, row: number, output: Block): void {
    const bin = output.rowCount;
    const samplesAt = bin * this.channelCount;
    for (let channel = 0; channel < this.channelCount; channel++) {
      output.samples[samplesAt + channel] = this.counts[channel];
    }
    const truthAt = bin * this.truthCount;
    for (let d = 0; d < this.truthCount; d++) output.truth[truthAt + d] = this.truth[d] / this.framesPerBin;
    output.lastFrame[bin] = input.lastFrame[row];
    output.firstFrame[bin] = input.lastFrame[row] - this.framesPerBin + 1;
    output.scheduledNs[bin] = input.scheduledNs[row];
    output.arrivalNs[bin] = input.arrivalNs[row];
    output.isJoin[bin] = this.isJoinPending ? 1 : 0;
    output.rowCount = bin + 1;
    this.isJoinPending = false;
    this.clearSums();
  }

  private clearSums(): void {
    this.counts.fill(0);
    this.truth.fill(0);
    this.pendingFrames = 0;
  }
}
