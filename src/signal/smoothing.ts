/**
 * Causal exponential smoothing of features, per channel: y[t] = a y[t-1] + (1 - a) x[t], with y = 0 before the first
 * bin and before the first bin after a join. float32, so that it equals the same rule applied to a whole recording
 * (calibration/feature-matrix.ts) bit for bit.
 *
 * A row that is not finite passes through as it is, for whoever watches over the features to see, and y stays as it was:
 * the row is skipped, and one broken value does not poison every bin that follows.
 */
import type { Block, BlockShape } from './block.ts';
import { copyRowStamps } from './block.ts';
import type { Stage } from './stage.ts';

export class Smoothing implements Stage {
  readonly name = 'smoothing';
  private readonly a: number;
  private truthCount = 0;
  /** y. [channelCount] */
  private level = new Float32Array(0);

  /** @param a in [0, 1); 0 passes features on unchanged */
  constructor(a: number) {
    if (!(a >= 0 && a < 1)) throw new RangeError(`smoothing must lie in [0, 1), got ${a}`);
    this.a = a;
  }

  prepare(shape: BlockShape): BlockShape {
    this.level = new Float32Array(shape.channelCount);
    this.truthCount = shape.truthCount;
    return shape;
  }

  process(input: Block, output: Block): void {
    const { a, level } = this;
    copyRowStamps(output, input, this.truthCount);
    for (let row = 0; row < input.rowCount; row++) {
      if (input.isJoin[row] === 1) this.reset();
      const at = row * level.length;
      let probe = 0; // stays 0 as long as everything is finite
      for (let i = at; i < at + level.length; i++) probe += input.samples[i] * 0;
      if (probe !== 0) {
        for (let i = at; i < at + level.length; i++) output.samples[i] = input.samples[i];
        continue;
      }
      for (let channel = 0; channel < level.length; channel++) {
        level[channel] = a * level[channel] + (1 - a) * input.samples[at + channel];
        output.samples[at + channel] = level[channel];
      }
    }
  }

  reset(): void {
    this.level.fill(0);
  }
}
