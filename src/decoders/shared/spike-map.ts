/** y = W s + b for spikes s: the weight columns of the neurons that fired are added, and nothing is multiplied. */
import type { Kernels } from '../../kernels/kernels.ts';
import type { EventMap } from './event-map.ts';
import { packWeights } from './packed-weights.ts';
import type { PackedWeights } from './packed-weights.ts';

export class SpikeMap implements EventMap {
  readonly rows: number;
  readonly cols: number;
  readonly outputPtr: number;
  private readonly kernels: Kernels;
  private readonly weights: PackedWeights;
  private readonly output: Float32Array;

  /**
   * @param weight [rows x cols], row-major
   * @param bias [rows]
   */
  constructor(kernels: Kernels, weight: ArrayLike<number>, bias: ArrayLike<number>) {
    this.kernels = kernels;
    this.weights = packWeights(kernels, weight, bias);
    this.rows = this.weights.rows;
    this.cols = this.weights.cols;
    this.outputPtr = this.weights.outputPtr;
    this.output = kernels.arena.float32(this.outputPtr, this.rows);
  }

  apply(listPtr: number, spikeCount: number): void {
    if (spikeCount < 0) {
      this.output.fill(Number.NaN);
      return;
    }
    const { exports: k } = this.kernels;
    const { outputPtr, packedPtr, biasPtr, rows, cols } = this.weights;
    k.matvecSpikes(outputPtr, packedPtr, biasPtr, listPtr, spikeCount, rows, cols);
  }
}
