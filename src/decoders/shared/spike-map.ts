/** y = W s + b for spikes s: the weight columns of the neurons that fired are added, and nothing is multiplied. */
import type { Kernels } from '../../kernels/kernels.ts';
import type { EventMap } from './event-map.ts';
import { paddedCount } from './row-blocks.ts';

export class SpikeMap implements EventMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly kernels: Kernels;
  private readonly packedPtr: number;
  private readonly biasPtr: number;
  private readonly output: Float32Array;

  /**
   * @param weight [rows x cols], row-major
   * @param bias [rows]
   */
  constructor(kernels: Kernels, weight: ArrayLike<number>, bias: ArrayLike<number>) {
    const { arena, exports: k } = kernels;
    this.kernels = kernels;
    this.rows = bias.length;
    this.cols = weight.length / this.rows;
    const weightPtr = arena.allocate(weight.length);
    this.packedPtr = arena.allocate(paddedCount(this.rows) * this.cols);
    this.biasPtr = arena.allocate(paddedCount(this.rows));
    this.outputPtr = arena.allocate(paddedCount(this.rows));
    this.output = arena.float32(this.outputPtr, this.rows);
    arena.float32(weightPtr, weight.length).set(weight);
    arena.float32(this.biasPtr, this.rows).set(bias);
    k.packMatvec(this.packedPtr, weightPtr, this.rows, this.cols);
  }

  apply(listPtr: number, spikeCount: number): void {
    if (spikeCount < 0) {
      this.output.fill(Number.NaN);
      return;
    }
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, biasPtr, rows, cols } = this;
    k.matvecSpikes(outputPtr, packedPtr, biasPtr, listPtr, spikeCount, rows, cols);
  }
}
